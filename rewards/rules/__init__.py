"""Reward rules that ship with Datakit; a file here is a rule of the same name."""
