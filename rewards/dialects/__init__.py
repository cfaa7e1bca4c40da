"""Adapters that hand a reward to other systems; one file a system, whose function of the same name is called here."""

from rewards.dialects.trl import trl

__all__ = ["trl"]
