"""Config files meet their models here: one line that names the file, the field and the nearest known name."""

from collections.abc import Sequence
from typing import Any, TypeVar, get_args

from pydantic import BaseModel, ValidationError

from schemas.errors import ConfigError, did_you_mean

M = TypeVar("M", bound=BaseModel)


def parse(model: type[M], data: object, where: str) -> M:
    """Validate what a file held.

    Args:
        model: what it should be.
        data: what it is.
        where: the file, for the message.

    Raises:
        ConfigError: it is something else; one line with the file, the field and what to write instead.
    """
    try:
        return model.model_validate(data)
    except ValidationError as error:
        found = error.errors(include_url=False)
        # a misspelt name is an unknown field and a missing one: the first says what happened
        first = next((item for item in found if item["type"] == "extra_forbidden"), found[0])
        raise ConfigError(f"{where}: {_explain(model, first['type'], first['loc'], first)}") from error


def _explain(model: type[BaseModel], kind: str, loc: tuple[int | str, ...], first: Any) -> str:
    field = spell(loc)
    if kind == "extra_forbidden":
        owner = _model_at(model, loc[:-1])
        known = [field.alias or name for name, field in owner.model_fields.items()] if owner else []
        place = f" in {spell(loc[:-1])}" if loc[:-1] else ""
        return f"unknown field {str(loc[-1])!r}{place}; {did_you_mean(str(loc[-1]), known)}"
    if kind == "missing":
        return f"field {field!r} is missing"
    message = first["msg"].removeprefix("Value error, ")
    found = "" if kind == "value_error" else f", found {_short(first.get('input'))}"
    return f"{field}: {message}{found}" if field else f"{message}{found}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def spell(loc: Sequence[int | str]) -> str:
    """A field's path as people write it: `scorers[1].weight`."""
    path = ""
    for step in loc:
        path += f"[{step}]" if isinstance(step, int) else f".{step}" if path else str(step)
    return path


def _model_at(model: type[BaseModel], loc: Sequence[int | str]) -> type[BaseModel] | None:
    """The model that holds the field at `loc`."""
    owner: type[BaseModel] | None = model
    for step in loc:
        if isinstance(step, int) or owner is None:
            continue
        field = owner.model_fields.get(step)
        owner = _model_in(field.annotation) if field else None
    return owner


def _model_in(annotation: Any) -> type[BaseModel] | None:
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        return annotation
    for inner in get_args(annotation):
        if found := _model_in(inner):
            return found
    return None
