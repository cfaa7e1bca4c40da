"""What a stage hands back: counts that add up, reasons, tables. Printed for people or as JSON."""

import re
from typing import Any

from schemas.base import Frozen

_PLURAL = re.compile(r"^((?:\w+ )?\w+)s\b")
"""A plural in the first or second word of what is counted."""


def counted(number: int, what: str) -> str:
    """A count as people write it: `2,000 prompts with pairs`, `1 prompt with pairs`.

    Args:
        number: how many.
        what: their name in the plural, with spaces or underscores.
    """
    words = what.replace("_", " ")
    if number == 1:
        words = _PLURAL.sub(r"\1", words)
    return f"{number:,} {words}"


class Table(Frozen):
    """A small table for the terminal."""

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[Any, ...], ...]
    empty: str = ""
    """What a person reads in its place if it has no rows."""


class Report(Frozen):
    """The result of one stage."""

    stage: str
    """The stage's name, as its command spells it."""
    dataset: str | None = None
    """Name of the data set that was written, if any."""
    version: int | None = None
    """Its version."""
    run_id: str | None = None
    """The run that wrote; None where there was nothing to do."""
    counts: dict[str, int] = {}
    """What happened, in the order in which it is printed."""
    reasons: dict[str, int] = {}
    """What was dropped or refused: rows by reason, as in the ledger."""
    notes: tuple[str, ...] = ()
    """Lines that a person should read."""
    tables: tuple[Table, ...] = ()
    figures: dict[str, Any] = {}
    """Numbers for machines, where the tables round theirs for people; not printed."""
    output: str | None = None
    """The file that was written, if any."""
    unchanged: bool = False
    """That file was there already, with the same bytes."""
    needs_attention: bool = False
    """Finished, but with something that the user must see (exit 1)."""

    @property
    def exit_code(self) -> int:
        """0, or 1 where the user must look."""
        return 1 if self.needs_attention else 0
