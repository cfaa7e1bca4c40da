"""Reward completions that refuse the request."""

from rewards.outcome import Verdict
from rewards.refusal import refusal_in
from rewards.rule import rule


@rule
def refuses(completion: str) -> Verdict:
    """True if the answer declines the request, in English or Chinese; read at its beginning."""
    words = refusal_in(completion)
    return Verdict(bool(words), words)
