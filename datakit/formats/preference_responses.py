"""Two responses and who won: PandaLM's annotator1 ... (0 tie, 1, 2), an arena's winner, PKU's better_response_id."""

import re
from typing import ClassVar, Literal

from datakit.conversation import RowError
from datakit.format import Entry, Fields, Format, Verdict

_PAIRS = (("response1", "response2"), ("response_1", "response_2"), ("response_a", "response_b"))
_FROM_ZERO = ("response_0", "response_1")
_ANNOTATOR = re.compile(r"annotator_?\w+")
_WINNERS: dict[str, Literal["left", "right", "tie"]] = {
    **dict.fromkeys(("1", "a", "model_a", "response_a", "response1", "left"), "left"),
    **dict.fromkeys(("2", "b", "model_b", "response_b", "response2", "right"), "right"),
    **dict.fromkeys(("0", "tie", "both", "tie (bothbad)"), "tie"),
}


class PreferenceResponses(Format):
    """Two answers a row, and a verdict of each annotator, under the field's name."""

    fields: ClassVar[str] = (
        "instruction|prompt|question, response1 and response2 (or _a, _b), annotator1...|winner|preference"
    )

    def read(self, row: Fields) -> Entry:
        """See the base class."""
        messages = row.question()
        if row.has("response_0"):
            names, judges = _FROM_ZERO, ["better_response_id"]
        else:
            names = next((pair for pair in _PAIRS if row.has(pair[0])), _PAIRS[0])
            judges = [name for name in row.row if _ANNOTATOR.fullmatch(name)] or ["winner", "preference"]
        answers = [row.answer(name) for name in names]
        if answers[0].messages == answers[1].messages:
            raise RowError("identical_sides", "both responses say the same")
        found = [name for name in judges if row.has(name)]
        if not found:
            raise RowError("missing_field", f"no field {' or '.join(judges)} says which response is better")
        return Entry(messages, answers, [_verdict(row, name) for name in found], tools=row.tools())


def _verdict(row: Fields, name: str) -> Verdict:
    said = row.take(name)
    word = str(said).strip().lower()
    if name == "better_response_id":
        word = {"0": "1", "1": "2"}.get(word, "")
    if word not in _WINNERS:
        raise RowError("wrong_type", f"{name} is {said!r}, expected 0 (tie), 1 or 2, or a, b or tie")
    scorer = "human" if name in ("winner", "preference", "better_response_id") else name
    return Verdict(0, 1, _WINNERS[word], scorer=scorer)
