"""What an instruction of IFEval is, and whether an answer follows it. Variants: rewards/instructions/.

An instruction is named `group:type`; its checker is the function `type` of the module `group`. It takes the answer and,
by keyword, the arguments under their published names, and says whether the answer follows it. The 25 types are those
of Zhou et al., Instruction-Following Evaluation for Large Language Models (2023).
"""

import inspect
import json
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from types import MappingProxyType
from typing import Any

from rewards.columns import whole_number
from rewards.instructions import (
    change_case,
    combination,
    detectable_content,
    detectable_format,
    keywords,
    language,
    length_constraints,
    punctuation,
    startend,
)
from schemas.errors import did_you_mean

Checker = Callable[..., bool]
Arguments = Mapping[str, object]

# imported by name, not found by listing the folder: so a rule's fingerprint covers them
_GROUPS = (
    change_case,
    combination,
    detectable_content,
    detectable_format,
    keywords,
    language,
    length_constraints,
    punctuation,
    startend,
)


def instructions() -> Mapping[str, Checker]:
    """Every instruction by its published id."""
    return _checkers()


def follows(response: str, instruction_id: str, arguments: str | Arguments | None, *, loose: bool = False) -> bool:
    """Whether an answer follows an instruction.

    Args:
        response: the answer; an empty one follows nothing.
        instruction_id: such as `keywords:existence`.
        arguments: its arguments, an object or its JSON text; nulls count as not there.
        loose: whether it is enough that one of the `readings` follows it.

    Raises:
        ValueError: the id is unknown, an argument is missing, unknown or of no use.
        TypeError: an argument is of another type.
    """
    checker = _checkers().get(instruction_id)
    if checker is None:
        raise ValueError(f"no instruction {instruction_id!r}; {did_you_mean(str(instruction_id), [*_checkers()])}")
    known = _arguments(instruction_id, checker, _object(arguments))
    texts = readings(response) if loose else [response]
    return any(checker(text, **known) for text in texts if text.strip())


def readings(response: str) -> list[str]:
    """The answer as IFEval's loose accuracy reads it: each different one of eight.

    With and without its first line, its last line or both, which may be an introduction or an outro; and each of these
    without the stars of Markdown.
    """
    lines = response.split("\n")
    cut = (response, *("\n".join(part).strip() for part in (lines[1:], lines[:-1], lines[1:-1])))
    return list(dict.fromkeys([*cut, *(text.replace("*", "") for text in cut)]))


def objects_of(kwargs: str | Sequence[Any]) -> list[Any]:
    """The entries of the column `kwargs`, a list or its JSON text.

    Raises:
        ValueError: the text is no JSON.
        TypeError: it is no list.
    """
    if not isinstance(kwargs, str):
        return list(kwargs)
    found = json.loads(kwargs)
    if not isinstance(found, list):
        raise TypeError(f"kwargs: a list with one object for each instruction is wanted, found {kwargs[:80]!r}")
    return found


@cache
def _checkers() -> Mapping[str, Checker]:
    found = {
        f"{module.__name__.rpartition('.')[2]}:{name}": function
        for module in _GROUPS
        for name, function in inspect.getmembers(module, inspect.isfunction)
        if function.__module__ == module.__name__ and not name.startswith("_")
    }
    return MappingProxyType(found)


def _object(arguments: str | Arguments | None) -> Arguments:
    found = json.loads(arguments) if isinstance(arguments, str) else arguments
    if found is None:
        return {}
    if not isinstance(found, Mapping):
        raise TypeError(f"kwargs: an object for each instruction is wanted, found {type(found).__name__}")
    return {name: value for name, value in found.items() if value is not None}


def _arguments(instruction_id: str, checker: Checker, given: Arguments) -> dict[str, object]:
    """The arguments in the types that the checker states."""
    wanted = {
        name: hint for name, hint in inspect.get_annotations(checker).items() if name not in ("response", "return")
    }
    missing, unknown = [*wanted.keys() - given.keys()], [*given.keys() - wanted.keys()]
    if missing or unknown:
        fault = f"lacks {', '.join(sorted(missing))}" if missing else f"has no argument {', '.join(sorted(unknown))}"
        raise ValueError(f"{instruction_id}: {fault}; its kwargs: {', '.join(wanted) or 'none'}")
    return {name: _typed(f"{instruction_id}: {name}", hint, given[name]) for name, hint in wanted.items()}


def _typed(label: str, hint: object, value: Any) -> object:
    if hint is int:
        return whole_number(value, label)
    is_list = hint is not str
    if isinstance(value, list if is_list else str) and all(isinstance(item, str) for item in value):
        return value
    raise TypeError(f"{label}: {'a list of texts' if is_list else 'a text'} is wanted, found {type(value).__name__}")
