"""Adapters that hand a reward to other systems; one file a system."""
