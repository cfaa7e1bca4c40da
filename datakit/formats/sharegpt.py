"""ShareGPT: {conversations: [{from, value}, ...]}, with function calls, observations, tools and system."""

from typing import ClassVar

from datakit.conversation import split_answer
from datakit.format import Answer, Entry, Fields, Format


class ShareGpt(Format):
    """The last assistant turn is the answer; what comes before it is the prompt."""

    fields: ClassVar[str] = "conversations [, system, tools]"

    def read(self, row: Fields) -> Entry:
        """See the base class."""
        messages, answer = split_answer(row.with_system(row.turns("conversations", "conversation")))
        return Entry(messages, [Answer([answer])] if answer else [], tools=row.tools())
