"""ms-swift's pairs: messages that end with the chosen answer, and rejected_response or rejected_messages."""

from typing import ClassVar

from datakit.conversation import RowError, split_answer
from datakit.format import Answer, Entry, Fields, Format
from datakit.pairing import pair_of, shared_prompt


class PreferenceSwift(Format):
    """A pair a row."""

    fields: ClassVar[str] = "messages, rejected_response|rejected_messages [, system, tools]"

    def read(self, row: Fields) -> Entry:
        """See the base class."""
        turns = row.turns("messages")
        if row.has("rejected_messages"):
            messages, chosen, rejected = shared_prompt(turns, row.turns("rejected_messages"))
            return pair_of(row, row.with_system(messages), Answer(chosen), Answer(rejected))
        messages, answer = split_answer(turns)
        if answer is None:
            raise RowError(
                "missing_field", "messages do not end with an assistant's turn, which would be the chosen one"
            )
        return pair_of(row, row.with_system(messages), Answer([answer]), row.answer("rejected_response"))
