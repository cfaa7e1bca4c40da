"""How a rule is called on a row, and what its answer means.

`attempt` is where foreign code is run: whatever escapes from it is an `error` of its row, never a zero.
"""

import json
import pickle
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from inspect import signature
from itertools import repeat
from math import isfinite
from types import SimpleNamespace
from typing import Any

from rewards.origin import Origin, resolve
from rewards.outcome import Verdict
from rewards.rule import Form
from schemas.errors import RuleError

OK, SKIP, ERROR, TIMEOUT = range(4)
"""Places of the outcomes in `rewards.slot.CODES`."""

LONGEST_REASON = 300

Finding = tuple[int, float, str]
"""Code, value and reason of one row."""

_parse = json.JSONDecoder().raw_decode


@dataclass(frozen=True, slots=True)
class Argument:
    """Where the value of a parameter comes from."""

    name: str
    column: int | None = None
    """Its place among the task's columns; None for a constant, or for the parameter's own default."""
    json: bool = False
    """The column is JSON text."""
    optional: bool = False
    """A null, or a missing column, means the parameter's own default."""
    constant: object = None


@dataclass(frozen=True, slots=True)
class Job:
    """Everything that a worker must know to run a rule."""

    origin: Origin
    form: Form
    arguments: tuple[Argument, ...]
    """In the order of the signature; for the batched form in any."""
    options: Mapping[str, object]
    """Only those that are not the function's own defaults."""
    trainer_inputs: tuple[str, ...] = ()
    timeout: float = 5.0
    in_flight: int = 1
    """Async form: rows at a time."""


class Failure:
    """What a rule raised."""

    __slots__ = ("memory", "reason")

    def __init__(self, error: BaseException) -> None:
        self.memory = isinstance(error, MemoryError)
        self.reason = reason_of(error)


def reason_of(error: BaseException) -> str:
    """`TypeName: message`, the first line, of bounded length."""
    name = type(error).__name__
    try:
        lines = str(error).split("\n", 1)
    except BaseException:  # noqa: BLE001  (an exception class of the user's)
        return name
    return f"{name}: {lines[0].strip()}"[:LONGEST_REASON] if lines[0].strip() else name


def attempt(function: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """Call foreign code; what it raises comes back as a `Failure`."""
    try:
        return function(*given, **named)
    except BaseException as error:  # noqa: BLE001  (SystemExit and KeyboardInterrupt are a rule's mistakes too)
        return Failure(error)


def finding(answer: Any) -> Finding:
    """What a rule's answer means."""
    if isinstance(answer, (float, int)):
        value = float(answer)
        return (OK, value, "") if isfinite(value) else (ERROR, 0.0, f"returned {value}")
    if answer is None:
        return SKIP, 0.0, ""
    if isinstance(answer, Verdict):
        code, value, reason = finding(answer.value)
        return code, value, reason or str(answer.reason)[:LONGEST_REASON]
    if isinstance(answer, Failure):
        return ERROR, 0.0, answer.reason
    if hasattr(answer, "__float__"):  # a number of numpy's or torch's
        return finding(float(answer))
    return ERROR, 0.0, f"returned {type(answer).__name__} {answer!r}, not a number"[:LONGEST_REASON]


def safe_finding(answer: Any) -> Finding:
    """As `finding`, for answers whose own code (`__float__`, `__repr__`, `__str__`) may raise."""
    found = attempt(finding, answer)
    return (ERROR, 0.0, found.reason) if type(found) is Failure else found


def over(limit: float) -> str:
    """The reason of a row that took too long."""
    return f"took more than {limit:g} s"


class Fresh:
    """A mutable value of which every call gets a copy of its own, so that no row can alter the next one's."""

    __slots__ = ("data",)

    def __init__(self, value: object) -> None:
        self.data = pickle.dumps(value)

    def __call__(self, _: object = None) -> Any:
        """A copy."""
        return pickle.loads(self.data)  # noqa: S301  (made above)


class Loaded:
    """A rule in a worker."""

    def __init__(self, job: Job, function: Callable[..., Any]) -> None:
        self.job = job
        self.function = function
        self.defaults = {p.name: p.default for p in signature(function).parameters.values()}
        self.options = {name: _guarded(value) for name, value in job.options.items()}
        for name, value in self.defaults.items():
            if name not in self._passed and isinstance(_guarded(value), Fresh):
                self.options.setdefault(name, _guarded(value))
        self.mutable = any(isinstance(value, Fresh) for value in self.options.values())
        """Whether the options must be made anew for every call."""

    @property
    def _passed(self) -> set[str]:
        return {argument.name for argument in self.job.arguments}

    def keywords(self) -> dict[str, Any]:
        """The options, for one call."""
        if not self.mutable:
            return self.options
        return {name: value() if isinstance(value, Fresh) else value for name, value in self.options.items()}

    def rows(self, columns: Sequence[list[Any]], rows: int) -> tuple[Iterator[tuple[Any, ...]], "Prepare | None"]:
        """The raw arguments of each row, and what must be done to them (None: nothing) within its call."""
        series: list[Any] = []
        steps: list[Callable[[Any], Any] | None] = []
        for argument in self.job.arguments:
            values, step = self._series(argument, columns, rows)
            series.append(values)
            steps.append(step)
        return zip(*series, strict=True), Prepare(steps) if any(steps) else None

    def column(self, argument: Argument, columns: Sequence[list[Any]], low: int, high: int) -> list[Any]:
        """The arguments of one parameter of the batched form."""
        values, step = self._series(argument, columns, high)
        part = list(values)[low:high]
        return [step(value) for value in part] if step else part

    def _series(
        self, argument: Argument, columns: Sequence[list[Any]], rows: int
    ) -> tuple[Any, Callable[[Any], Any] | None]:
        if argument.column is None:
            value = _guarded(self.defaults[argument.name] if argument.optional else argument.constant)
            return (repeat(None, rows), value) if isinstance(value, Fresh) else (repeat(value, rows), None)
        values = columns[argument.column]
        parse = _from_json if argument.json else None
        if not argument.optional:
            return values, parse
        default = _guarded(self.defaults[argument.name])
        if not argument.json and None not in values:
            return values, None
        return values, _Default(default, parse)


class Prepare:
    """Turns the raw arguments of a row into those of its call."""

    def __init__(self, steps: list[Callable[[Any], Any] | None]) -> None:
        self.steps = steps

    def __call__(self, raw: tuple[Any, ...]) -> list[Any]:
        """The arguments of one call."""
        return [step(value) if step else value for step, value in zip(self.steps, raw, strict=True)]


class _Default:
    """The parameter's own default in place of a null."""

    def __init__(self, default: Any, parse: Callable[[Any], Any] | None) -> None:
        self.default = default
        self.parse = parse

    def __call__(self, raw: Any) -> Any:
        value = self.parse(raw) if self.parse else raw
        if value is None:
            return self.default() if isinstance(self.default, Fresh) else self.default
        return value


def load(job: bytes) -> Loaded | str:
    """Load a rule; a text says why it cannot be."""
    loaded = attempt(_load, job)
    return loaded.reason.removeprefix(f"{RuleError.__name__}: ") if isinstance(loaded, Failure) else loaded


def _load(job: bytes) -> Loaded:
    told: Job = pickle.loads(job)  # noqa: S301  (from the pool)
    return Loaded(told, resolve(told.origin))


def trainer_arguments(job: Job) -> dict[str, Any]:
    """What a trainer hands to a batched rule beside the rows; nothing is trained here, so the callbacks do nothing."""
    made = {
        "trainer_state": SimpleNamespace(global_step=0, max_steps=0, epoch=0.0),
        "log_extra": _ignore,
        "log_metric": _ignore,
    }
    return {name: made[name] for name in job.trainer_inputs if name in made}


def _ignore(*_: Any, **__: Any) -> None:
    return None


def _from_json(text: str | None) -> Any:
    return None if text is None else _parse(text)[0]


def _guarded(value: Any) -> Any:
    """The value, or a `Fresh` of it if a rule could alter it."""
    return Fresh(value) if isinstance(value, list | dict | set | tuple | bytearray) and value != () else value
