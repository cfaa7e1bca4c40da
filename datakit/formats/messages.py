"""OpenAI: {messages: [{role, content}, ...]}, with tool calls, lists of content parts, reasoning and tools."""

from typing import ClassVar

from datakit.conversation import split_answer
from datakit.format import Answer, Entry, Fields, Format


class Messages(Format):
    """The last assistant turn is the answer; a conversation that ends with a question is a prompt."""

    fields: ClassVar[str] = "messages [, system, tools]"

    def read(self, row: Fields) -> Entry:
        """See the base class."""
        messages, answer = split_answer(row.with_system(row.turns("messages")))
        return Entry(messages, [Answer([answer])] if answer else [], tools=row.tools())
