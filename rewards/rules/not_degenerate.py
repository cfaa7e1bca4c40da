"""Reward completions that are answers at all: the opposite of `degenerate`."""

from rewards.degeneration import degeneration_in
from rewards.outcome import Verdict
from rewards.rule import rule


@rule
def not_degenerate(completion: str, prompt: str) -> Verdict:
    """True unless the answer is empty, gibberish, a loop, speaks to the grader, or fits any prompt (`degenerate`)."""
    found = degeneration_in(completion, prompt)
    return Verdict(not found, found)
