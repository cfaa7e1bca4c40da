"""NeMo-RL's preferences: {context: [messages], completions: [{rank, completion: [messages]}, ...]}, rank 0 is best."""

from itertools import pairwise
from typing import ClassVar

from datakit.conversation import conversation, wrong_type
from datakit.format import Answer, Entry, Fields, Format, Verdict, only_answers


class NemoRank(Format):
    """A group a row; each answer beats the next in rank, and ties with those of its own."""

    fields: ClassVar[str] = "context, completions (with rank and completion)"

    def read(self, row: Fields) -> Entry:
        """See the base class."""
        messages = row.turns("context")
        ranked: list[tuple[float, Answer]] = []
        for index, item in enumerate(row.items("completions")):
            what = f"completions[{index}]"
            if not isinstance(item, dict) or not isinstance(item.get("rank"), int | float):
                wrong_type(what, item, "an object with rank and completion")
            turns, _ = conversation(item.get("completion"), f"{what}.completion")
            ranked.append((item["rank"], Answer(only_answers(turns, what))))
        ranked.sort(key=lambda pair: pair[0])
        verdicts = [
            Verdict(left, right, "tie" if ranked[left][0] == ranked[right][0] else "left")
            for left, right in pairwise(range(len(ranked)))
        ]
        return Entry(messages, [answer for _, answer in ranked], verdicts, tools=row.tools())
