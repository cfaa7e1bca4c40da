"""LLaMA-Factory's ShareGPT pairs: conversations, and chosen and rejected turns {from, value} that end them."""

from typing import ClassVar

from datakit.format import Entry, Fields, Format
from datakit.pairing import pair_of


class PreferenceShareGpt(Format):
    """A pair a row."""

    fields: ClassVar[str] = "conversations|messages, chosen, rejected [, system, tools]"

    def read(self, row: Fields) -> Entry:
        """See the base class."""
        messages = row.with_system(row.turns("conversations", "messages"))
        return pair_of(row, messages, row.answer("chosen"), row.answer("rejected"))
