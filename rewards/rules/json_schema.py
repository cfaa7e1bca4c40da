"""Reward completions that are JSON of the wanted shape."""

import json
from functools import lru_cache
from typing import Any

from rewards.json_text import depth_of, json_part, read_json
from rewards.outcome import Verdict
from rewards.rule import rule

_DEEPEST = 48
"""Levels of an answer that are checked: the validator recurses several times a level."""


@rule
def json_schema(completion: str, schema: dict[str, Any] | bool | str, *, anywhere: bool = False) -> Verdict:
    """True if the answer is JSON that fits the JSON Schema `schema`, an object or its text.

    The whole answer, or one fenced code block around it; with `anywhere`, the last closed code block of an answer with
    other text that is marked `json` or not marked. The draft is the one that `$schema` names, or 2020-12. `format` is
    an annotation there and is not checked; `$ref` reaches only the schema itself, never the network. An answer that
    is nested more than 48 deep, or has a number that no float holds, fits none.

    Raises:
        ValueError: `schema` is no valid JSON Schema, or refers to what it does not hold.
        TypeError: `schema` is of another type.
    """
    validator = _validator(schema if isinstance(schema, str) else json.dumps(schema))
    try:
        value = read_json(json_part(completion, anywhere=anywhere))
    except ValueError as error:
        return Verdict(False, str(error))
    except RecursionError:
        return Verdict(False, "nested too deeply")
    if depth_of(value, _DEEPEST + 1) > _DEEPEST:
        return Verdict(False, "nested too deeply")
    return _fits(validator, value)


def _fits(validator: Any, value: Any) -> Verdict:
    from referencing.exceptions import Unresolvable

    try:
        error = next(validator.iter_errors(value), None)
    except Unresolvable as unknown:
        raise ValueError(f"schema: {unknown}") from unknown
    return Verdict(error is None, f"{error.json_path}: {error.message[:200]}" if error else "")


@lru_cache(maxsize=256)
def _validator(text: str) -> Any:
    """A validator of a schema; data sets repeat few of them."""
    from jsonschema import Draft202012Validator
    from jsonschema.exceptions import SchemaError
    from jsonschema.validators import validator_for
    from jsonschema_specifications import REGISTRY

    try:
        schema = json.loads(text)
    except ValueError as error:
        raise ValueError(f"schema: no JSON: {error}") from error
    if not isinstance(schema, dict | bool):
        raise TypeError(f"schema: an object or its text is wanted, found {type(schema).__name__}")
    cls = validator_for(schema, default=Draft202012Validator)
    try:
        cls.check_schema(schema)
    except SchemaError as error:
        raise ValueError(f"schema: no JSON Schema: {error.json_path}: {error.message[:200]}") from error
    return cls(schema, registry=REGISTRY)  # the default registry would fetch what `$ref` names
