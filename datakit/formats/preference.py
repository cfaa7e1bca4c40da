"""TRL's preference pairs: {prompt, chosen, rejected}, as texts or messages, or with the prompt inside both sides."""

from os.path import commonprefix
from typing import ClassVar

from datakit.conversation import Message, RowError, looks_like_turns, said, wrong_type
from datakit.format import Answer, Entry, Fields, Format, only_answers
from datakit.pairing import is_transcript, pair_of, shared_prompt

_QUESTIONS_OF_OTHERS = ("conversations", "messages", "instruction", "question", "query")


class Preference(Format):
    """A pair a row. Without a prompt it is what both sides begin with, as in TRL's `extract_prompt`."""

    fields: ClassVar[str] = "chosen, rejected [, prompt, system, tools, score_chosen, score_rejected]"

    def read(self, row: Fields) -> Entry:
        """See the base class."""
        messages, chosen, rejected = self._sides(row)
        return pair_of(row, row.with_system(messages), chosen, rejected)

    def _sides(self, row: Fields) -> tuple[list[Message], Answer, Answer]:
        if isinstance(row.take("chosen"), str) or not looks_like_turns(row.row["chosen"]):
            if row.has("prompt"):
                return row.question("prompt"), row.answer("chosen"), row.answer("rejected")
            if row.has(*_QUESTIONS_OF_OTHERS):
                raise RowError("missing_field", "no field prompt")
            return _common_text(row.text("chosen"), row.text("rejected"))
        chosen, rejected = row.turns("chosen"), row.turns("rejected")
        if chosen and chosen[0]["role"] == "assistant":
            sides = Answer(only_answers(chosen, "chosen")), Answer(only_answers(rejected, "rejected"))
            return row.question("prompt"), *sides
        messages, left, right = shared_prompt(chosen, rejected)
        if row.has("prompt") and row.row["prompt"] in ("", messages[-1]["content"], messages[0]["content"]):
            row.taken.add("prompt")  # it says again what both sides hold
        return messages, Answer(left), Answer(right)


def _common_text(chosen: str, rejected: str) -> tuple[list[Message], Answer, Answer]:
    if is_transcript(chosen):
        wrong_type("chosen", chosen, "a text without speakers")
    prompt = commonprefix([chosen, rejected])  # noqa: RUF071  (texts, not paths)
    if prompt.endswith(" "):
        prompt = prompt[:-1]
    if not prompt.strip():
        raise RowError("empty_prompt", "no field prompt, and chosen and rejected do not begin alike")
    sides = [Answer([said("assistant", side[len(prompt) :])]) for side in (chosen, rejected)]
    return [said("user", prompt)], sides[0], sides[1]
