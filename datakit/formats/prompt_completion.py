"""TRL's prompt and completion, as texts or as lists of messages."""

from typing import ClassVar

from datakit.format import Entry, Fields, Format


class PromptCompletion(Format):
    """One answer a row."""

    fields: ClassVar[str] = "prompt|question, completion|response [, system, tools]"

    def read(self, row: Fields) -> Entry:
        """See the base class."""
        messages = row.question("prompt", "question", "query")
        return Entry(messages, [row.answer("completion", "response")], tools=row.tools())
