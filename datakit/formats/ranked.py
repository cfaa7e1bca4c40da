"""Answers from best to worst: Alpaca's fields with a list as output (LLaMA-Factory's reward data)."""

from itertools import pairwise
from typing import ClassVar

from datakit.conversation import said, wrong_type
from datakit.format import Answer, Entry, Fields, Format, Verdict


class Ranked(Format):
    """A group a row; each answer beats the next, which with transitivity is the whole ranking."""

    fields: ClassVar[str] = "instruction|prompt|question, output (a list, best first) [, input, history, system, tools]"

    def read(self, row: Fields) -> Entry:
        """See the base class."""
        messages = row.question()
        texts = row.items("output")
        for index, text in enumerate(texts):
            if not isinstance(text, str):
                wrong_type(f"output[{index}]", text, "text")
        distinct = list(dict.fromkeys(texts))
        verdicts = [Verdict(left, right) for left, right in pairwise(range(len(distinct)))]
        return Entry(messages, [Answer([said("assistant", t)]) for t in distinct], verdicts, tools=row.tools())
