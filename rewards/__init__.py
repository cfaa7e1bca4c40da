"""Rewards: rules written as Python functions, run safely, combined by a spec."""

from importlib import import_module
from types import ModuleType

from rewards.outcome import Outcome, Status, Verdict
from rewards.rule import rule

__all__ = ["Outcome", "Status", "Verdict", "rule"]


def __getattr__(name: str) -> ModuleType:
    """`rewards.dialects` after a mere `import rewards`; it is loaded only then, since it needs pyarrow."""
    if name == "dialects":
        return import_module("rewards.dialects")
    raise AttributeError(f"module 'rewards' has no attribute {name!r}")
