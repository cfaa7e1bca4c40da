"""What an input format must offer: a pure method from one raw row to what it means. Variants: datakit/formats/.

A format takes the fields that it knows from the row; whatever it leaves becomes columns. It is recognised by the same
method: the format that can read the rows and takes the most of their fields is the file's.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, ClassVar, Literal, NamedTuple, TypeGuard

from datakit.conversation import (
    Message,
    RowError,
    conversation,
    looks_like_turns,
    message,
    said,
    tools,
    unpacked,
    wrong_type,
)
from schemas.base import Frozen

QUESTION = ("instruction", "prompt", "question", "query")
"""Fields that hold what is asked."""

ANSWER = ("output", "response", "completion")
"""Fields that hold what is answered."""

OF_CONTENT = frozenset({"identical_sides", "different_prompts"})
"""Reasons to drop a row that does have the form of its format."""


class Answer(NamedTuple):
    """An imported candidate."""

    messages: list[Message]
    """Nearly always one assistant turn; several where the answer itself calls tools."""
    model: str | None = None
    """Who wrote it; None: the row's field `model`, if it has one."""
    columns: Mapping[str, Any] = MappingProxyType({})
    """What the row says of this answer alone."""


class Verdict(NamedTuple):
    """A pairwise judgement of two answers, by their positions."""

    left: int
    right: int
    verdict: Literal["left", "right", "tie"] = "left"
    scorer: str = "human"
    kind: Literal["human", "imported"] = "human"
    reason: str | None = None


class Rating(NamedTuple):
    """A score of one answer, by its position."""

    answer: int
    value: float
    scorer: str = "human"
    kind: Literal["human", "imported"] = "human"


class Entry(NamedTuple):
    """What one raw row means."""

    messages: list[Message]
    """The prompt: a conversation up to the turn to be answered."""
    answers: Sequence[Answer] = ()
    verdicts: Sequence[Verdict] = ()
    ratings: Sequence[Rating] = ()
    tools: list[dict[str, Any]] | None = None
    missing: Sequence[str] = ()
    """Answers that the row names without giving them: left out, and said so in the ledger."""


class Fields:
    """The fields of one raw row; remembers which were taken."""

    __slots__ = ("extras", "row", "taken")

    def __init__(self, row: Mapping[str, Any]) -> None:
        self.row = row
        self.taken: set[str] = set()
        self.extras: dict[str, list[Any]] = {}

    def has(self, *names: str) -> bool:
        """Whether one of these fields is there and not null."""
        return any(self.row.get(name) is not None for name in names)

    def name(self, names: Sequence[str]) -> str:
        """The first of these fields that is there; it counts as taken.

        Raises:
            RowError: none is.
        """
        for name in names:
            if self.row.get(name) is not None:
                self.taken.add(name)
                return name
        raise RowError("missing_field", f"no field {' or '.join(names)}")

    def take(self, *names: str) -> Any:
        """The value of the first of these fields that is there. Raises RowError if none is."""
        return self.row[self.name(names)]

    def text(self, *names: str) -> str:
        """The text of the first of these fields that is there. Raises RowError if none is, or it is no text."""
        name = self.name(names)
        value = self.row[name]
        return value if isinstance(value, str) else wrong_type(name, value, "text")

    def optional_text(self, *names: str) -> str:
        """Like `text`, but empty where there is none."""
        self.taken.update(name for name in names if name in self.row and self.row[name] is None)
        return self.text(*names) if self.has(*names) else ""

    def items(self, *names: str) -> list[Any]:
        """The list in the first of these fields that is there. Raises RowError if none is, or it is no list."""
        name = self.name(names)
        value = unpacked(self.row[name])
        return value if isinstance(value, list) else wrong_type(name, value, "a list")

    def turns(self, *names: str) -> list[Message]:
        """The conversation in the first of these fields that is there. Raises RowError if none is, or it is none."""
        name = self.name(names)
        messages, extras = conversation(self.row[name], name)
        self.extras |= {f"{name}_{key}": values for key, values in extras.items()}
        return messages

    def question(self, *names: str) -> list[Message]:
        """The prompt that these fields make: system, history, and the text (with its input) or messages asked."""
        name = self.name(names or QUESTION)
        if looks_like_turns(self.row[name]):
            return self.with_system(self.turns(name))
        text = self.text(name)
        if name == "instruction":
            context = self.optional_text("input", "context")
            text = f"{text}\n{context}" if context.strip() else text
        return self.with_system([*self.history(), said("user", text)])

    def history(self) -> list[Message]:
        """Earlier turns, in alpaca's form: [[user, assistant], ...]."""
        if not isinstance(unpacked(self.row.get("history")), list):
            return []
        messages = []
        for index, pair in enumerate(self.items("history")):
            if not (isinstance(pair, list) and len(pair) == 2 and all(isinstance(text, str) for text in pair)):
                wrong_type(f"history[{index}]", pair, "a list of two texts")
            messages += [said("user", pair[0]), said("assistant", pair[1])]
        return messages

    def with_system(self, messages: list[Message]) -> list[Message]:
        """The messages, after the row's own system prompt unless they bring theirs (the field is then a column)."""
        if messages and messages[0]["role"] in ("system", "developer"):
            return messages
        system = self.optional_text("system", "system_prompt")
        return [said("system", system), *messages] if system.strip() else messages

    def answer(self, *names: str) -> Answer:
        """The answer in the first of these fields that is there: a text, a turn, or a list of turns."""
        name = self.name(names or ANSWER)
        value = self.row[name]
        if isinstance(value, str):  # also where it is JSON of turns: an answer may be just that
            return Answer([said("assistant", value)])
        if isinstance(value, dict):
            return Answer(only_answers([message(value, name)], name))
        if not looks_like_turns(value):
            wrong_type(name, value, "text")
        return Answer(only_answers(self.turns(name), name))

    def tools(self) -> list[dict[str, Any]] | None:
        """The row's tool definitions, if it has any."""
        if "tools" not in self.row:
            return None
        self.taken.add("tools")
        return tools(self.row["tools"])

    def rest(self) -> dict[str, Any]:
        """What was not taken: the columns."""
        columns = {name: value for name, value in self.row.items() if name not in self.taken}
        return columns | self.extras if self.extras else columns


class Format(Frozen, ABC):
    """Base of the formats."""

    fields: ClassVar[str]
    """The fields that it reads, for people."""
    fallback: ClassVar[bool] = False
    """Only for rows that no other format can read."""

    @abstractmethod
    def read(self, row: Fields) -> Entry:
        """Say what one raw row means.

        Raises:
            RowError: the row is not of this format, or is broken; the file goes on without it.
        """


def read_row(layout: Format, row: object) -> tuple[Entry, Fields]:
    """Read one raw row and check what every format must give.

    Raises:
        RowError: the row cannot be used.
    """
    if not isinstance(row, dict):
        wrong_type("the row", row, "an object with fields")
    fields = Fields(row)
    entry = layout.read(fields)
    asked = [m["content"] for m in entry.messages if m["role"] in ("user", "tool")]
    if not asked:
        raise RowError("empty_conversation", "nothing is asked before the answer")
    if not any(map(str.strip, asked)):
        raise RowError("empty_prompt", "the prompt has no text")
    return entry, fields


def only_answers(messages: list[Message], what: str) -> list[Message]:
    """The turns of an answer, checked to be one: the assistant's, with what its tools returned in between.

    Raises:
        RowError: they are something else.
    """
    roles = [m["role"] for m in messages]
    if not roles or {roles[0], roles[-1]} != {"assistant"} or set(roles) - {"assistant", "tool"}:
        raise RowError("wrong_type", f"{what} holds turns of {', '.join(roles)}, expected the assistant's")
    return messages


def number(value: object, what: str) -> float:
    """A finite number, also where a file (CSV) holds it as text.

    Raises:
        RowError: it is none.
    """
    found = value
    if isinstance(value, str):
        try:
            found = json.loads(value)
        except ValueError:
            found = value
    return float(found) if is_number(found) else wrong_type(what, value, "a number")


def is_number(value: object) -> TypeGuard[int | float]:
    """Whether a JSON value is a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < float("inf")
