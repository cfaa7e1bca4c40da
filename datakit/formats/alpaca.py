"""Alpaca: {instruction, input, output}, with history and system where there are any."""

from typing import ClassVar

from datakit.format import Entry, Fields, Format


class Alpaca(Format):
    """One answer a row; a non-blank input follows the instruction on a new line, as LLaMA-Factory has it."""

    fields: ClassVar[str] = "instruction, output|response [, input, history, system, tools]"

    def read(self, row: Fields) -> Entry:
        """See the base class."""
        messages = row.question("instruction")
        answer = row.answer("output", "response")
        return Entry(messages, [answer], tools=row.tools())
