"""Rewards: rules written as Python functions, run safely, combined by a spec."""

from rewards.outcome import Outcome, Status, Verdict
from rewards.rule import rule

__all__ = ["Outcome", "Status", "Verdict", "rule"]
