"""Single answers that are good or bad (KTO): a label beside prompt and completion, messages, or Alpaca's fields."""

from typing import ClassVar

from datakit.conversation import RowError, split_answer, wrong_type
from datakit.format import Answer, Entry, Fields, Format, Rating

_WORDS = {**dict.fromkeys(("true", "1", "1.0", "good"), 1.0), **dict.fromkeys(("false", "0", "0.0", "bad"), 0.0)}


class Unpaired(Format):
    """One answer a row; the label is a human's score of 1 or 0."""

    fields: ClassVar[str] = "label|kto_tag, and messages, conversations, prompt + completion, or instruction + output"

    def read(self, row: Fields) -> Entry:
        """See the base class."""
        label = row.take("kto_tag", "label")
        if row.has("messages", "conversations"):
            messages, answer = split_answer(row.with_system(row.turns("messages", "conversations")))
            if answer is None:
                raise RowError("missing_field", "the conversation does not end with an answer to be labelled")
            answers = [Answer([answer])]
        else:
            messages, answers = row.question(), [row.answer()]
        return Entry(messages, answers, ratings=[Rating(0, _value(label))], tools=row.tools())


def _value(label: object) -> float:
    value = _WORDS.get(str(label).strip().lower())
    return value if value is not None else wrong_type("the label", label, "true or false")
