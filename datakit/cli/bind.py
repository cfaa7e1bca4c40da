"""Makes a command's options from the stages' option models: names, types, defaults and help stand there once.

A command is written as an ordinary function whose parameters may be option models:

    @command
    def command(name: Name, session: Session, options: ScoreOptions) -> Report: ...

Each field of a model becomes one option (`max_failures` is `--max-failures`, a bool a flag, a tuple repeatable, a dict
repeatable as name=value); two models that share a field share the option. A model with a required field may be
written `GenerateOptions | None`: it is None unless that field is given.
"""

import functools
import inspect
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import typer
import yaml
from pydantic import ValidationError
from pydantic.fields import FieldInfo

from schemas.base import Frozen
from schemas.errors import ConfigError

SHORT = {"n": "-n", "output": "-o", "model": "-m", "verbose": "-v"}
"""One-letter names of options."""

Model = type[Frozen]


def options_from_models(function: Callable[..., Any]) -> Callable[..., Any]:
    """Give `function` the signature that Typer reads, with every option model spread into its fields."""
    signature = inspect.signature(function)
    models = {name: found for name, p in signature.parameters.items() if (found := _model_of(p.annotation))}
    plain = [p for name, p in signature.parameters.items() if name not in models]
    spread: dict[str, inspect.Parameter] = {}
    for model, optional in models.values():
        own_first = sorted(model.model_fields.items(), key=lambda item: item[0] not in inspect.get_annotations(model))
        for name, field in own_first:
            spread.setdefault(name, _parameter(model, name, field, optional))

    @functools.wraps(function)
    def wrapper(**given: Any) -> Any:
        built = {name: _build(model, optional, given) for name, (model, optional) in models.items()}
        return function(**{p.name: given[p.name] for p in plain}, **built)

    keyword = [p.replace(kind=inspect.Parameter.KEYWORD_ONLY) for p in (*plain, *spread.values())]
    wrapper.__signature__ = signature.replace(parameters=keyword)  # type: ignore[attr-defined]
    wrapper.__annotations__ = {p.name: p.annotation for p in keyword}
    return wrapper


def _model_of(annotation: Any) -> tuple[Model, bool] | None:
    """The option model in an annotation, and whether it may be None."""
    members = get_args(annotation) if isinstance(annotation, types.UnionType) else (annotation,)
    model = next((m for m in members if isinstance(m, type) and issubclass(m, Frozen)), None)
    return (model, type(None) in members) if model else None


def _parameter(model: Model, name: str, field: FieldInfo, optional: bool) -> inspect.Parameter:
    kind, default = _shape(field)
    flag = f"--{(field.alias or name).replace('_', '-')}"
    names = [SHORT[name]] if name == "n" else [flag, *([SHORT[name]] if name in SHORT else [])]
    required = field.is_required() and not optional
    extra = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
    option = typer.Option(
        *names,
        help=field.description,
        rich_help_panel=_panel(model),
        envvar=str(extra["env"]) if "env" in extra else None,
    )
    return inspect.Parameter(
        name,
        inspect.Parameter.KEYWORD_ONLY,
        default=inspect.Parameter.empty if required else default,
        annotation=Annotated[kind, option],
    )


def _panel(model: Model) -> str:
    """The heading of a model's options in --help: RewardOptions is `Reward`."""
    return model.__name__.removesuffix("Options")


def _shape(field: FieldInfo) -> tuple[Any, Any]:
    """Type and default that Typer sees for a field."""
    kind = field.annotation
    default = None if field.is_required() else field.get_default(call_default_factory=True)
    if get_origin(kind) is dict:
        return list[str], []
    if get_origin(kind) is tuple:
        item: Any = get_args(kind)[0]
        if get_origin(item) is Annotated:
            item = get_args(item)[0]
        if get_origin(item) is Literal:  # Typer has no lists of choices; the model checks them
            item = str
        return list[item], list(default or ())
    if get_origin(kind) in {Union, types.UnionType}:
        inner = next(member for member in get_args(kind) if member is not type(None))
        return inner | None, default
    if get_origin(kind) is Literal or kind in {int, float, str, bool, Path}:
        return kind, default
    raise TypeError(f"an option of type {kind} cannot be given on the command line")


def _build(model: Model, optional: bool, given: dict[str, Any]) -> Frozen | None:
    values = {name: given[name] for name in model.model_fields}
    required = [name for name, field in model.model_fields.items() if field.is_required()]
    if optional and not any(values[name] for name in required):
        return None
    for name, field in model.model_fields.items():
        if get_origin(field.annotation) is dict:
            values[name] = dict(_assignments(name, values[name] or []))
        elif get_origin(field.annotation) is tuple:
            values[name] = tuple(values[name] or ())
    renamed = {model.model_fields[name].alias or name: value for name, value in values.items()}
    try:
        return model.model_validate(renamed)
    except ValidationError as error:
        first = error.errors()[0]
        where = str(first["loc"][0]) if first["loc"] else ""
        flag = SHORT["n"] if where == "n" else f"--{where.replace('_', '-')}"
        said = first["msg"].removeprefix("Value error, ")
        raise ConfigError(f"{flag} {first['input']}: {said[0].lower()}{said[1:]}") from error


def _assignments(name: str, words: list[str]) -> Iterator[tuple[str, Any]]:
    """`top_k=50` and its like; values are read as YAML, so 50 is a number, true a bool, and [a, b] a list."""
    for word in words:
        key, equals, value = word.partition("=")
        if not (equals and key):
            raise ConfigError(f"--{name.replace('_', '-')} {word}: write it as name=value")
        try:
            yield key, value if name == "map" else yaml.safe_load(value)
        except yaml.YAMLError as error:
            raise ConfigError(f"--{name.replace('_', '-')} {word}: the value is not YAML; quote a text") from error
