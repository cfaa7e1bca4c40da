"""Reading a function's signature, annotations written as strings included."""

import inspect
import re
import types
import typing
from collections.abc import Callable
from typing import Any

from schemas.errors import RuleError


def parameters_of(function: Callable[..., Any], label: str) -> list[inspect.Parameter]:
    """The parameters, each with its annotation resolved (`Any` where it has none).

    An annotation that names something unknown (imported for type checkers only, say) stays the string that it is.

    Raises:
        RuleError: a callable without a signature, such as some built-in functions.
    """
    try:
        found = inspect.signature(function)
    except (ValueError, TypeError) as error:
        raise RuleError(f"rule {label}: its signature cannot be read: {error}") from error
    names = _globals_of(function)
    return [p.replace(annotation=_resolved(p.annotation, names)) for p in found.parameters.values()]


def _globals_of(function: object) -> dict[str, Any]:
    """Names that the annotations may use; looks through partials, wrappers and instances."""
    for name in ("func", "__wrapped__"):
        if hasattr(function, name):
            return _globals_of(getattr(function, name))
    if not hasattr(function, "__globals__"):
        function = getattr(type(function), "__call__", None)  # noqa: B004  (the function itself is wanted)
    return dict(getattr(function, "__globals__", {}))


def _resolved(annotation: object, names: dict[str, Any]) -> Any:
    if annotation is inspect.Parameter.empty:
        return Any
    if not isinstance(annotation, str):
        return annotation
    holder = types.SimpleNamespace(__annotations__={"it": annotation})
    try:
        return typing.get_type_hints(holder, globalns=names, include_extras=True)["it"]
    except (NameError, AttributeError, TypeError, SyntaxError):
        return annotation


def admits_none(annotation: object) -> bool:
    """Whether None is a value of the type; `Any`, or no annotation, says nothing, so it is not."""
    if isinstance(annotation, str):  # unresolved
        return re.search(r"\b(None|Optional)\b", annotation) is not None
    if annotation is None or annotation is type(None) or annotation is object:
        return True
    origin = typing.get_origin(annotation)
    if origin in (typing.Union, types.UnionType):
        return any(admits_none(part) for part in typing.get_args(annotation))
    if origin is typing.Annotated:
        return admits_none(typing.get_args(annotation)[0])
    return origin is typing.Literal and None in typing.get_args(annotation)


def is_expression(annotation: object) -> bool:
    """Whether the type is Polars' Expr; does not import polars."""
    if isinstance(annotation, str):
        return annotation.strip().rpartition(".")[2] == "Expr"
    return (
        inspect.isclass(annotation)
        and annotation.__name__ == "Expr"
        and annotation.__module__.partition(".")[0] == "polars"
    )


def is_async(function: Callable[..., Any]) -> bool:
    """Whether calling it gives a coroutine; an instance with an async `__call__` too."""
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(
        getattr(type(function), "__call__", None)  # noqa: B004  (the function itself is wanted)
    )


def requires(parameters: list[inspect.Parameter], name: str) -> bool:
    """Whether the parameter exists and has no default."""
    return any(p.name == name and p.default is inspect.Parameter.empty for p in parameters)
