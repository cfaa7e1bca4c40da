"""Reward completions that answer rather than refuse."""

from rewards.outcome import Verdict
from rewards.refusal import refusal_in
from rewards.rule import rule


@rule
def does_not_refuse(completion: str) -> Verdict:
    """True if the answer does not decline the request, in English or Chinese. An empty answer answers nothing."""
    if not completion.strip():
        return Verdict(False, "empty")
    words = refusal_in(completion)
    return Verdict(not words, words)
