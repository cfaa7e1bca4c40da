"""What judges cost: tokens, dollars, and how many replies were paid for before."""

import re
from dataclasses import dataclass
from typing import Self

_KNOWN = "[from the cache]"
_PAID = re.compile(r"\[(?P<sent>\d+) \+ (?P<got>\d+) tokens(?:, \$(?P<dollars>[\d.]+))?\]$")


@dataclass(frozen=True, slots=True)
class Cost:
    """Of one reply, or of many together."""

    prompt_tokens: int = 0
    completion_tokens: int = 0
    dollars: float = 0.0
    cached: int = 0
    """Replies that were known, and cost nothing."""

    def __add__(self, other: Self) -> "Cost":
        return Cost(
            self.prompt_tokens + other.prompt_tokens,
            self.completion_tokens + other.completion_tokens,
            self.dollars + other.dollars,
            self.cached + other.cached,
        )

    def mark(self) -> str:
        """The cost of one reply, for the end of its reason; `cost_in` reads it again."""
        if self.cached:
            return _KNOWN
        tokens = f"{self.prompt_tokens} + {self.completion_tokens} tokens"
        return f"[{tokens}, ${self.dollars:.6f}]" if self.dollars else f"[{tokens}]"

    def __str__(self) -> str:
        """For a report."""
        tokens = f"{self.prompt_tokens:,} tokens of prompts and {self.completion_tokens:,} of replies"
        dollars = f", ${self.dollars:.4f}" if self.dollars else ""
        return f"{tokens}{dollars}; {self.cached:,} {'reply' if self.cached == 1 else 'replies'} from the cache"


def cost_in(reason: str) -> Cost | None:
    """The cost that a judge wrote at the end of its reason; None if there is none."""
    if reason.endswith(_KNOWN):
        return Cost(cached=1)
    found = _PAID.search(reason)
    if found is None:
        return None
    return Cost(int(found["sent"]), int(found["got"]), float(found["dollars"] or 0))
