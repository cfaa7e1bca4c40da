"""What a rule is: a plain Python function that judges a completion. Variants: rewards/rules/.

    @rule
    def short_enough(completion: str, *, max_chars: int = 2000) -> bool:
        return len(completion) <= max_chars

Positional parameters are inputs, by name: `completion`, `reasoning`, `prompt`, `messages`, `tools`, `finish_reason`,
`n_tokens`, `model`, or any column of the data set. Keyword-only parameters are options. The signature tells how the
rule is called:

* per row: as above;
* batched: TRL's own reward signature, `f(prompts, completions, **columns) -> list`. Trainers pass everything by
  keyword, so a keyword-only parameter without a default is a column here, and one with a default is an option;
* columnar: `completion: pl.Expr -> pl.Expr`;
* async: `async def`.

It returns a bool, a number, None (does not apply) or a `Verdict`.
"""

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any, Final, TypeVar, overload

from rewards import signature
from rewards.origin import FileOrigin, Origin, origin_of, resolve
from schemas.errors import RuleError

F = TypeVar("F", bound=Callable[..., Any])

CANDIDATE_INPUTS = (
    "completion",
    "reasoning",
    "prompt",
    "messages",
    "tools",
    "finish_reason",
    "n_tokens",
    "model",
)
"""Inputs that every candidate has; every other name is a column of the data set."""

TRAINER_INPUTS = (
    "prompts",
    "completions",
    "completion_ids",
    "trainer_state",
    "log_extra",
    "log_metric",
    "environments",
)
"""Names that a trainer passes to a batched rule by itself; they are no columns."""

_MARK = "__datakit_rule__"


class _Required:
    """The default of an option that has none."""

    def __repr__(self) -> str:
        return "REQUIRED"


REQUIRED: Final = _Required()


class Form(StrEnum):
    """How a rule is called."""

    ROW = "row"
    BATCH = "batch"
    COLUMNAR = "columnar"
    ASYNC = "async"
    MODEL = "model"
    """No function: an output of a reward model (rewards/model.py)."""


@dataclass(frozen=True, slots=True)
class Input:
    """A positional parameter: something of the candidate, or a column."""

    name: str
    nullable: bool = False
    """Its type admits None, so a null is passed on."""
    required: bool = True
    """It has no default; a null row is skipped."""
    default: object = None


@dataclass(frozen=True, slots=True)
class Option:
    """A keyword-only parameter, set from the reward spec."""

    name: str
    default: object = REQUIRED
    annotation: object = Any


@dataclass(frozen=True, slots=True)
class Mark:
    """What the decorator notes on the function."""

    name: str | None = None
    version: str | None = None
    timeout: float | None = None


@dataclass(frozen=True)
class Rule:
    """A rule, read from its function."""

    name: str
    function: Callable[..., Any]
    form: Form
    inputs: tuple[Input, ...]
    """In the order of the signature, so the row form may be called `function(*values, **options)`. For the batched
    form only the columns: prompts and completions come from `messages` and `completion`."""
    options: tuple[Option, ...]
    version: str | None
    timeout: float | None
    """Seconds for one row; None for the run's own limit."""
    origin: Origin
    doc: str
    trainer_inputs: tuple[str, ...] = ()
    """Batched form: those of `TRAINER_INPUTS` that the signature names (or all, with `**kwargs`)."""
    all_columns: bool = False
    """Batched form: takes `**kwargs`, so it may read every column."""

    def __reduce__(self) -> "tuple[Callable[[Origin, str], Rule], tuple[Origin, str]]":
        return _load_as, (self.origin, self.name)

    @property
    def candidate_inputs(self) -> tuple[str, ...]:
        """What it reads of the candidate itself, not of the columns."""
        if self.form is Form.BATCH:
            return ("messages", "completion")
        return tuple(i.name for i in self.inputs if i.name in CANDIDATE_INPUTS)

    @property
    def column_inputs(self) -> tuple[Input, ...]:
        """The inputs that are columns, unless the spec gives a constant."""
        if self.form is Form.BATCH:
            return self.inputs
        return tuple(i for i in self.inputs if i.name not in CANDIDATE_INPUTS)


@overload
def rule(function: F, /) -> F: ...
@overload
def rule(*, name: str | None = None, version: str | None = None, timeout: float | None = None) -> Callable[[F], F]: ...
def rule(
    function: F | None = None,
    /,
    *,
    name: str | None = None,
    version: str | None = None,
    timeout: float | None = None,
) -> F | Callable[[F], F]:
    """Mark a function as a rule and return the function itself.

    Args:
        function: the function.
        name: the rule's name (default: the function's).
        version: stands for the code: as long as it stays, nothing is scored again.
        timeout: seconds that one row may take (default: the run's limit).

    Raises:
        RuleError: the signature or an argument cannot be that of a rule.
    """
    if timeout is not None and not timeout > 0:
        raise RuleError(f"timeout={timeout!r}: a rule needs more than 0 seconds")

    def mark(function: F) -> F:
        if not callable(function):
            raise RuleError(f"@rule goes on a function, not on {type(function).__name__}; arguments are keywords")
        setattr(function, _MARK, Mark(name, version, timeout))
        _read(function)
        return function

    return mark if function is None else mark(function)


def is_decorated(function: object) -> bool:
    """Whether `@rule` is on it."""
    return isinstance(getattr(function, _MARK, None), Mark)


def rule_of(function: Callable[..., Any], *, name: str | None = None) -> Rule:
    """The rule that a function is, decorated or not.

    An undecorated one is named `file.py:func`.

    Raises:
        RuleError: its signature cannot be that of a rule.
    """
    mark: Mark | None = getattr(function, _MARK, None)
    form, inputs, options, trainer_inputs, all_columns = _read(function)
    own, origin = _own_name(function), origin_of(function)
    return Rule(
        name=name or (mark and mark.name) or (own if mark else f"{_file_name(function, origin)}:{own}"),
        function=function,
        form=form,
        inputs=inputs,
        options=options,
        version=mark.version if mark else None,
        timeout=mark.timeout if mark else None,
        origin=origin,
        doc=inspect.getdoc(function) or "",
        trainer_inputs=trainer_inputs,
        all_columns=all_columns,
    )


def load(origin: Origin) -> Rule:
    """The rule of an origin, rebuilt in this process.

    Raises:
        RuleError: the file was edited in the meantime, or no longer holds it.
    """
    return rule_of(resolve(origin))


def _load_as(origin: Origin, name: str) -> Rule:
    """Unpickle: functions of users' files have no importable name."""
    return rule_of(resolve(origin), name=name)


def _own_name(function: Callable[..., Any]) -> str:
    name = getattr(function, "__name__", None) or getattr(getattr(function, "func", None), "__name__", None)
    return str(name or type(function).__name__)


def _file_name(function: Callable[..., Any], origin: Origin) -> str:
    if isinstance(origin, FileOrigin):
        return Path(origin.path).name
    code = getattr(inspect.unwrap(function), "__code__", None)
    return Path(code.co_filename).name if code else str(getattr(function, "__module__", "python"))


Parts = tuple[Form, tuple[Input, ...], tuple[Option, ...], tuple[str, ...], bool]


def _read(function: Callable[..., Any]) -> Parts:
    """Form, inputs, options, the trainer's own names, and whether it takes `**kwargs`."""
    label = _own_name(function)
    parameters = signature.parameters_of(function, label)
    form = _form(function, parameters)
    inputs, options = [], []
    trainer_inputs, all_columns = [], False
    for parameter in parameters:
        required = parameter.default is inspect.Parameter.empty
        if parameter.kind is inspect.Parameter.VAR_KEYWORD:
            all_columns = True
        elif parameter.kind is inspect.Parameter.VAR_POSITIONAL:
            raise RuleError(f"rule {label}: *{parameter.name} has no meaning; name the inputs")
        elif form is Form.BATCH and parameter.name in TRAINER_INPUTS:
            trainer_inputs.append(parameter.name)
        elif parameter.kind is inspect.Parameter.KEYWORD_ONLY and not (form is Form.BATCH and required):
            default = REQUIRED if required else parameter.default
            options.append(Option(parameter.name, default, parameter.annotation))
        else:
            nullable = signature.admits_none(parameter.annotation)
            inputs.append(Input(parameter.name, nullable, required, None if required else parameter.default))
    if form is not Form.BATCH and all_columns:
        raise RuleError(f"rule {label}: a rule names its inputs; **kwargs is for the batched form (completions)")
    if form is not Form.BATCH and not inputs:
        raise RuleError(f"rule {label} has no positional parameter, such as `completion`")
    if form is Form.BATCH and "completion_ids" in trainer_inputs and signature.requires(parameters, "completion_ids"):
        raise RuleError(f"rule {label}: completion_ids are not stored; use the input n_tokens, or completions")
    if all_columns:
        trainer_inputs = list(TRAINER_INPUTS)
    return form, tuple(inputs), tuple(options), tuple(trainer_inputs), all_columns


def _form(function: Callable[..., Any], parameters: list[inspect.Parameter]) -> Form:
    names = {p.name for p in parameters}
    takes_rest = any(p.kind is inspect.Parameter.VAR_KEYWORD for p in parameters)
    if names & {"prompts", "completions", "completion_ids"} or (takes_rest and "completion" not in names):
        return Form.BATCH
    if any(signature.is_expression(p.annotation) for p in parameters if p.kind is not inspect.Parameter.KEYWORD_ONLY):
        return Form.COLUMNAR
    return Form.ASYNC if signature.is_async(function) else Form.ROW
