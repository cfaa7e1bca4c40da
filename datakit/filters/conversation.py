"""Drop conversations whose turns are out of order: chat templates refuse them, or train on nonsense."""

from typing import ClassVar

import polars as pl

from datakit.filter import RowFilter

_KNOWN = r"^(?:(?:system|developer|user|assistant|tool)(?: |$))+$"
_BREAKS = {
    r" (?:system|developer)\b": "system turn after the start",
    r"^(?:(?:system|developer) )?(?:assistant|tool)\b": "begins without a user turn",
    r"\buser user\b": "two user turns in a row",
    r"\bassistant assistant\b": "two assistant turns in a row",
    r"\buser tool\b": "tool turn after a user turn",
    r"\btool user\b": "user turn after a tool turn",
    r"(?:user|tool|system|developer)$": "last turn is not the assistant's",
}
"""Regexes over the roles, and what they say."""
SHOWN = 80
"""Characters of roles that a value shows."""


class Conversation(RowFilter):
    """Refuses all but `[system] user assistant [user assistant ...]`, tool turns after an assistant's."""

    reads: ClassVar[tuple[str, ...]] = ("roles", "prompt")

    def measured(self) -> pl.Expr:
        """See the base class."""
        roles = pl.col("roles")
        unknown = pl.when(~roles.str.contains(_KNOWN)).then(
            pl.format("unknown role among: {}", roles.str.slice(0, SHOWN))
        )
        broken = [pl.when(roles.str.contains(regex)).then(pl.lit(said)) for regex, said in _BREAKS.items()]
        empty = pl.when(pl.col("prompt").str.strip_chars() == "").then(pl.lit("empty user turn"))
        return pl.coalesce(unknown, *broken, empty)

    def refused(self, value: pl.Expr) -> pl.Expr:
        """See the base class."""
        return value.is_not_null()

    def allowed(self) -> str:
        """See the base class."""
        return "user and assistant in turn, a system turn first, the assistant last"
