"""Judging completions that are not stored: a trainer's or a client's, handed over as Python lists."""

import json
import os
import threading
import weakref
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from typing import Any

import pyarrow as pa

from rewards.admission import JSON
from rewards.condition import Condition, columns_named
from rewards.engine import Limits, RulePool
from rewards.outcome import Outcome, Status
from rewards.reasoning import split_reasoning
from rewards.rule import Form
from rewards.scorer import Scorer
from schemas.errors import RuleError, did_you_mean

Message = dict[str, Any]


class Workers:
    """The worker processes of one reward function; from its first call until it or the interpreter ends."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._lock = threading.Lock()  # trainers may call from several threads, a pool judges one table at a time
        self._pool: RulePool | None = None
        self._owner = 0

    def judge(self, scorer: Scorer, table: pa.Table) -> list[Outcome]:
        """One outcome a row."""
        found: list[Outcome | None] = [None] * len(table)
        with self._lock:
            for block in self._started().judge(scorer, table):
                columns = (block.rows, block.status, block.value, block.reason, block.seconds)
                for row, status, value, reason, seconds in zip(*(c.to_pylist() for c in columns), strict=True):
                    found[row] = Outcome(Status(status), value, reason or "", seconds or 0.0)
        return [outcome or Outcome(Status.ERROR, reason="no outcome") for outcome in found]

    def _started(self) -> RulePool:
        if self._pool is None or self._owner != os.getpid():  # a forked process has no part in its parent's workers
            self._pool, self._owner = RulePool(self._limits), os.getpid()
            weakref.finalize(self, _end, self._pool, self._owner)
        return self._pool


def _end(pool: RulePool, owner: int) -> None:
    if owner == os.getpid():
        pool.close()


@dataclass(frozen=True)
class Batch:
    """Completions with their prompts and columns, as the tables that rules are run on."""

    fields: Mapping[str, pa.Array]
    """What rules may read of the candidates themselves, by input name."""
    columns: Mapping[str, list[Any]]
    """Columns of the data set, one value a completion."""
    caller: str
    """Who hands them over, for messages."""

    @property
    def size(self) -> int:
        """Completions."""
        return len(self.fields["completion"])

    def table(self, scorer: Scorer) -> pa.Table:
        """The inputs of a scorer's rule, by their names.

        Raises:
            RuleError: it reads what there is not.
        """
        table = _Table()
        for wanted in scorer.rule.inputs:
            column = scorer.columns.get(wanted.name)
            if wanted.name in scorer.constants:
                continue
            if column is None and wanted.name in self.fields:
                table.add(wanted.name, self.fields[wanted.name], is_json=wanted.name in ("messages", "tools"))
            elif column is not None and column in self.columns:
                table.add(wanted.name, as_json(self.columns[column], column), is_json=True)
            elif wanted.required:
                raise self._missing(scorer.name, wanted.name, column)
        if scorer.rule.form is Form.BATCH:
            table.add("prompts", self.fields["messages"], is_json=True)
            for name, values in self.columns.items() if scorer.rule.all_columns else ():
                table.add(name, as_json(values, name), is_json=True)
            table.add("completions", self.fields["completions"], is_json=False)
        else:  # always there, so that a rule of constants alone has as many rows
            table.add("completion", self.fields["completion"], is_json=False)
        return table.done()

    def asked_by(self, conditions: Sequence[Condition], rows: int) -> list[dict[str, Any]]:
        """The columns that conditions ask for, of each row, as JSON values.

        Raises:
            RuleError: there is no column of which one asks the value.
        """
        for column in sorted(columns_named(conditions)):
            if column not in self.columns:
                raise RuleError(
                    f"the reward asks for the column {column!r} (when), which the data set does not have; "
                    f"{did_you_mean(column, self.columns)}"
                )
        found: list[dict[str, Any]] = [{} for _ in range(rows)]
        for column in {test.column for condition in conditions for test in condition.tests} & self.columns.keys():
            for row, text in zip(found, as_json(self.columns[column], column).to_pylist(), strict=True):
                row[column] = None if text is None else json.loads(text)
        return found

    def _missing(self, rule: str, name: str, column: str | None) -> RuleError:
        if column is None:
            return RuleError(
                f"rule {rule} reads {name!r}, which {self.caller} does not tell; give the parameter a default, or set "
                "it with inputs"
            )
        return RuleError(
            f"rule {rule} reads the column {column!r}, which the data set does not have; "
            f"{did_you_mean(column, self.columns)}"
        )


class _Table:
    """A table under construction; the first column of a name stays."""

    def __init__(self) -> None:
        self.arrays: dict[str, pa.Array] = {}
        self.fields: list[pa.Field] = []

    def add(self, name: str, array: pa.Array, *, is_json: bool) -> None:
        if name not in self.arrays:
            self.arrays[name] = array
            self.fields.append(pa.field(name, array.type, metadata=JSON if is_json else None))

    def done(self) -> pa.Table:
        return pa.table(list(self.arrays.values()), schema=pa.schema(self.fields))


def batch_of(
    prompts: list[Any],
    completions: list[Any],
    columns: dict[str, list[Any]],
    *,
    n_tokens: list[int] | None,
    caller: str,
) -> Batch:
    """Prompts and completions, conversational or plain, as a batch.

    Of several messages of a completion (tools were called) the assistant's last one is the answer. Rules in a trainer's
    own form get it as it is; for all others its reasoning is split off, as it is in the store.
    """
    messages = [_messages(prompt) for prompt in prompts]
    last = [_last_answer(completion) for completion in completions]
    answers = [_split(message) for message in last]
    fields = {
        "completions": _texts([_text(message.get("content")) for message in last]),
        "completion": _texts([answer for _, answer in answers]),
        "reasoning": _texts([reasoning for reasoning, _ in answers]),
        "prompt": _texts([last_user_turn(turns) for turns in messages]),
        "messages": as_json(messages, "messages"),
        "tools": as_json(columns.get("tools") or [None] * len(completions), "tools"),
    }
    if n_tokens is not None:
        fields["n_tokens"] = pa.array(n_tokens, pa.int64())
    return Batch(fields, columns, caller)


def _messages(prompt: Any) -> list[Message]:
    return [{"role": "user", "content": prompt}] if isinstance(prompt, str) else list(prompt)


def _last_answer(completion: Any) -> Message:
    if isinstance(completion, str):
        return {"content": completion}
    said = [message for message in completion if message.get("role", "assistant") == "assistant"]
    return said[-1] if said else {}


def _split(message: Message) -> tuple[str | None, str]:
    """Reasoning and text of an answer."""
    reasoning, text = split_reasoning(_text(message.get("content")))
    return message.get("reasoning_content") or reasoning, text


def last_user_turn(messages: list[Message]) -> str | None:
    """The text of the last user turn; None where no user speaks."""
    said = [_text(message.get("content")) for message in messages if message.get("role") == "user"]
    return said[-1] if said else None


def _text(content: Any) -> str:
    """The text of a message, whose content may be a list of parts."""
    if isinstance(content, list):
        return "".join(part.get("text") or "" for part in content if isinstance(part, dict))
    return content or ""


def _texts(values: list[str | None]) -> pa.Array:
    # a lone surrogate, which no UTF-8 can hold, becomes a question mark
    return pa.array([v if v is None else v.encode("utf-8", "replace").decode() for v in values], pa.string())


def as_json(values: list[Any], name: str) -> pa.Array:
    """A column of JSON text.

    Raises:
        RuleError: a value that JSON does not have.
    """
    try:
        return pa.array([None if v is None else json.dumps(v, default=_plain) for v in values], pa.string())
    except (TypeError, ValueError) as error:
        raise RuleError(f"column {name!r} cannot be handed to a rule: {error}") from error


def _plain(value: object) -> object:
    """JSON of what data sets hold beside it; what a store would have made of it, too."""
    if isinstance(value, date | time):
        return value.isoformat()
    if hasattr(value, "tolist"):  # numpy
        return value.tolist()
    raise TypeError(f"{type(value).__name__} is not JSON")
