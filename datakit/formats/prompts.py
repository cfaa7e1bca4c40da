"""Prompts alone: a text or a list of messages; everything else is a column."""

from typing import ClassVar

from datakit.conversation import RowError
from datakit.format import Entry, Fields, Format


class Prompts(Format):
    """No answers."""

    fields: ClassVar[str] = "prompt|question|instruction [, input, system, tools]"
    fallback: ClassVar[bool] = True

    def read(self, row: Fields) -> Entry:
        """See the base class."""
        messages = row.question()
        if messages[-1]["role"] == "assistant":
            raise RowError("wrong_type", "the prompt ends with an answer; name the field `messages` to import it")
        return Entry(messages, tools=row.tools())
