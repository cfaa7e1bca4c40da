"""Pairs of Alpaca's kind: {instruction, chosen, rejected}, with or without an input (LLaMA-Factory's `ranking`)."""

from typing import ClassVar

from datakit.format import Entry, Fields, Format
from datakit.pairing import pair_of


class PreferenceAlpaca(Format):
    """A pair a row."""

    fields: ClassVar[str] = "instruction|question, chosen, rejected [, input, history, system, tools]"

    def read(self, row: Fields) -> Entry:
        """See the base class."""
        return pair_of(
            row, row.question("instruction", "question", "query"), row.answer("chosen"), row.answer("rejected")
        )
