"""Groups: a prompt with many responses, as texts or objects, with or without scores and reviews."""

from collections.abc import Sequence
from typing import Any, ClassVar

from datakit.conversation import said, unpacked, wrong_type
from datakit.format import Answer, Entry, Fields, Format, Rating, Verdict, is_number

_LISTS = ("responses", "answers", "completions", "candidates")
_TEXTS = ("output", "response", "solution", "text", "completion", "content", "answer")
_SCORES = ("score", "rating", "reward", "human_score")


class Groups(Format):
    """A group a row. What a response says beside its text are columns of that answer; its `model` names its recipe."""

    fields: ClassVar[str] = "instruction|prompt|question, responses|answers|completions [, input, scores, reviews]"

    def read(self, row: Fields) -> Entry:
        """See the base class."""
        messages = row.question()
        name = row.name(_LISTS)
        answers: list[Answer] = []
        ratings: list[Rating] = []
        missing: list[str] = []
        items = row.items(name)
        scores = _scores(row, len(items))
        bare = name != "answers" and not row.has("labels")  # else a quiz's answers, or TRL's stepwise supervision
        for index, item in enumerate(items):
            read = _response(unpacked(item), f"{name}[{index}]", len(answers), bare=bare)
            if read is None:
                missing.append(f"{name}[{index}] has no text")
                continue
            answers.append(read[0])
            ratings += read[1]
            if scores and scores[index] is not None:
                ratings.append(Rating(len(answers) - 1, float(scores[index]), "score", "imported"))
        return Entry(messages, answers, _reviews(row, answers), ratings, row.tools(), missing)


def _response(item: Any, what: str, position: int, *, bare: bool) -> tuple[Answer, list[Rating]] | None:
    """An answer with its scores; None where there is no text. `bare`: it may be a text rather than an object."""
    if isinstance(item, str) and bare:
        return Answer([said("assistant", item)]), []
    if item is None:
        return None
    if not isinstance(item, dict):
        wrong_type(what, item, "a text, or an object with one" if bare else "an object with a text")
    fields = Fields(item)
    name = next((name for name in _TEXTS if name in item), None)
    if name is None:
        wrong_type(what, item, f"an object with a field {', '.join(_TEXTS)}")
    if item[name] is None:
        return None
    answer = fields.answer(name)
    fields.taken.add("role")
    ratings = [_rating(position, fields, name) for name in _SCORES if is_number(item.get(name))]
    model = item.get("model")
    return Answer(answer.messages, model if isinstance(model, str) else None, fields.rest()), ratings


def _rating(position: int, fields: Fields, name: str) -> Rating:
    value = float(fields.take(name))
    return Rating(position, value) if name == "human_score" else Rating(position, value, name, "imported")


def _scores(row: Fields, count: int) -> list[Any]:
    """A list of scores beside the list of responses."""
    for name in ("scores", "ratings", "rewards"):
        values = unpacked(row.row.get(name))
        if isinstance(values, list) and len(values) == count and all(v is None or is_number(v) for v in values):
            return row.items(name)
    return []


def _reviews(row: Fields, answers: Sequence[Answer]) -> list[Verdict]:
    """Reviews of two answers by their models' names: {a, b, score: [of a, of b], reviewer}."""
    places = {answer.model: index for index, answer in enumerate(answers) if answer.model}
    reviews = row.row.get("reviews")
    if not isinstance(reviews, list) or not all(_is_review(review, places) for review in reviews):
        return []
    row.taken.add("reviews")
    verdicts = []
    for review in reviews:
        a, b = review["score"]
        others = ", ".join(str(v) for k, v in review.items() if k not in ("a", "b", "score", "reviewer"))
        verdicts.append(
            Verdict(
                places[review["a"]],
                places[review["b"]],
                "left" if a > b else "right" if b > a else "tie",
                scorer=f"reviewer {review['reviewer']}" if "reviewer" in review else "reviewer",
                kind="imported",
                reason=f"{a} to {b}" + (f" ({others})" if others else ""),
            )
        )
    return verdicts


def _is_review(review: Any, places: dict[str, int]) -> bool:
    if not isinstance(review, dict) or review.get("a") not in places or review.get("b") not in places:
        return False
    score = review.get("score")
    return isinstance(score, list) and len(score) == 2 and all(is_number(x) for x in score)
