"""An answer with a human's score from 1 to 10."""

from typing import ClassVar

from datakit.conversation import RowError
from datakit.format import Entry, Fields, Format, Rating, number

LOWEST, HIGHEST = 1, 10
_SCORES = ("human_score", "score", "rating")


class Rated(Format):
    """One answer a row."""

    fields: ClassVar[str] = (
        "instruction|prompt|question, response|output|completion, score|rating|human_score (1 to 10)"
    )

    def read(self, row: Fields) -> Entry:
        """See the base class."""
        messages = row.question()
        answer = row.answer("response", "output", "completion")
        name = row.name(_SCORES)
        value = number(row.row[name], name)
        if not LOWEST <= value <= HIGHEST:
            raise RowError("wrong_type", f"{name} is {value:g}, expected {LOWEST} to {HIGHEST}")
        return Entry(messages, [answer], ratings=[Rating(0, value)], tools=row.tools())
