"""What the preference formats share: two sides that answer one prompt."""

import re

from datakit.conversation import Message, RowError, said
from datakit.format import Answer, Entry, Fields, Rating, Verdict, number, only_answers

_TURN = re.compile(r"\n\n(Human|Assistant):")


def pair_of(row: Fields, messages: list[Message], chosen: Answer, rejected: Answer) -> Entry:
    """A preference of a human, with the scores and the models that the row gives for the two sides.

    Raises:
        RowError: the two sides say the same.
    """
    if chosen.messages == rejected.messages:
        raise RowError("identical_sides", "chosen and rejected say the same")
    answers = [_by_model(row, chosen, "chosen"), _by_model(row, rejected, "rejected")]
    ratings = []
    for index, side in enumerate(("chosen", "rejected")):
        name = next((name for name in (f"score_{side}", f"{side}_score") if row.has(name)), None)
        if name is not None:
            ratings.append(Rating(index, number(row.take(name), name), scorer="score", kind="imported"))
    return Entry(messages, answers, [Verdict(0, 1)], ratings, tools=row.tools())


def _by_model(row: Fields, answer: Answer, side: str) -> Answer:
    name = f"{side}_model"
    model = row.text(name) if isinstance(row.row.get(name), str) else None
    return Answer(answer.messages, model, answer.columns)


def shared_prompt(chosen: list[Message], rejected: list[Message]) -> tuple[list[Message], list[Message], list[Message]]:
    """Two conversations as the turns that both begin with, and the answers that follow.

    Raises:
        RowError: they are the same, or differ in a turn that is not the assistant's.
    """
    if chosen == rejected:
        raise RowError("identical_sides", "chosen and rejected say the same")
    shared = 0
    while shared < min(len(chosen), len(rejected)) and chosen[shared] == rejected[shared]:
        shared += 1
    if shared == min(len(chosen), len(rejected)):  # one side goes on where the other ends: step back to its answer
        shared -= 1
    for side, turns in (("chosen", chosen), ("rejected", rejected)):
        if shared < 0 or turns[shared]["role"] != "assistant":
            raise RowError(
                "different_prompts", f"{side} differs from the other side before its answer (turn {shared + 1})"
            )
    left, right = only_answers(chosen[shared:], "chosen"), only_answers(rejected[shared:], "rejected")
    return chosen[:shared], left, right


def is_transcript(text: object) -> bool:
    """Whether a text is a transcript of Human and Assistant, as in Anthropic's HH."""
    return isinstance(text, str) and text.startswith(("\n\nHuman:", "\n\nAssistant:", "Human:"))


def transcript(text: str) -> list[Message]:
    r"""The turns of "\n\nHuman: ... \n\nAssistant: ..."; turns of one speaker in a row are one turn.

    Raises:
        RowError: it does not begin with a speaker.
    """
    start, *pieces = _TURN.split(text if text.startswith("\n\n") else "\n\n" + text)
    if start.strip() or not pieces:
        raise RowError("wrong_type", 'a transcript begins with "Human:" or "Assistant:"')
    messages: list[Message] = []
    for speaker, piece in zip(pieces[::2], pieces[1::2], strict=True):
        role = "user" if speaker == "Human" else "assistant"
        words = piece.removeprefix(" ")
        if messages and messages[-1]["role"] == role:
            messages[-1]["content"] += f"\n\n{words}"
        else:
            messages.append(said(role, words))
    return messages
