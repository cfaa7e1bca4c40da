"""LLaMA-Factory v1 pairs: chosen_messages and rejected_messages, two whole conversations."""

from typing import ClassVar

from datakit.format import Answer, Entry, Fields, Format
from datakit.pairing import pair_of, shared_prompt


class PreferenceMessages(Format):
    """A pair a row; the prompt is what both sides begin with."""

    fields: ClassVar[str] = "chosen_messages, rejected_messages [, system, tools]"

    def read(self, row: Fields) -> Entry:
        """See the base class."""
        sides = row.turns("chosen_messages"), row.turns("rejected_messages")
        messages, chosen, rejected = shared_prompt(*sides)
        return pair_of(row, row.with_system(messages), Answer(chosen), Answer(rejected))
