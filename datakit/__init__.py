"""Preference data and rewards for LLM post-training. Every stage is a command and a function of the same name."""
