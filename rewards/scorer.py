"""A scorer: a rule with its options, the columns it reads and a fingerprint."""

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from difflib import get_close_matches
from typing import Any

from pydantic import TypeAdapter, ValidationError
from pydantic.errors import PydanticSchemaGenerationError, PydanticUndefinedAnnotation

from rewards.condition import ALWAYS, Condition
from rewards.fingerprint import fingerprint_of
from rewards.rule import REQUIRED, Option, Rule
from schemas.errors import RuleError, did_you_mean
from schemas.identity import canonical_json, content_id


@dataclass(frozen=True)
class Scorer:
    """A rule as a reward spec uses it."""

    name: str
    rule: Rule
    options: Mapping[str, object]
    """Every option, defaults filled in."""
    columns: Mapping[str, str]
    """Input name -> column of the data set; inputs of the candidate itself are not here."""
    constants: Mapping[str, object]
    """Input name -> value, for inputs that the spec sets for all rows."""
    fingerprint: str
    scorer_id: str
    source: str
    kind: str = "rule"
    when: Condition = ALWAYS
    """For which prompts it is meant; elsewhere it is not run and counts as `skip`. Not part of its identity."""

    @property
    def all_columns(self) -> bool:
        """Whether it reads every column that there is."""
        return self.rule.all_columns

    def describe(self) -> dict[str, dict[str, Any]]:
        """Options and constants as JSON, for people and reports; the fingerprint is what tells scorers apart."""
        return {
            "options": {name: _described(value) for name, value in self.options.items()},
            "constants": {name: _described(value) for name, value in self.constants.items()},
        }


def bind(
    rule: Rule,
    *,
    name: str | None = None,
    options: Mapping[str, object] | None = None,
    inputs: Mapping[str, object] | None = None,
) -> Scorer:
    """A scorer from a rule.

    Args:
        rule: the rule.
        name: name of the scorer (default: the rule's).
        options: values of options; the others keep their defaults.
        inputs: parameter -> column name, or `{"constant": value}`.

    Raises:
        RuleError: an option or an input that does not exist, is missing or has the wrong type.
    """
    name = name or rule.name
    values = _options(rule, name, options or {})
    columns, constants = _inputs(rule, name, inputs or {})
    fingerprint = fingerprint_of(rule, options=values, constants=constants)
    return Scorer(
        name=name,
        rule=rule,
        options=values,
        columns=columns,
        constants=constants,
        fingerprint=fingerprint,
        scorer_id=content_id(["rule", name, fingerprint]),
        source=str(rule.origin),
    )


def _described(value: object) -> Any:
    """A value; one that JSON does not have (infinity, a set, half of a surrogate pair) as Python writes it."""
    try:
        canonical_json(value).encode()
    except (TypeError, ValueError):
        return ascii(value)
    return value


def _options(rule: Rule, name: str, given: Mapping[str, object]) -> dict[str, object]:
    known = {option.name: option for option in rule.options}
    for key in given:
        if key not in known:
            raise RuleError(f"rule {name} has no option {key!r}; {_instead(key, known, rule)}")
    values = {}
    for key, option in known.items():
        if key in given:
            values[key] = _checked(option, given[key], name)
        elif option.default is REQUIRED:
            raise RuleError(f"rule {name} needs the option {key!r}")
        else:
            values[key] = option.default
    return values


def _instead(key: str, known: Iterable[str], rule: Rule) -> str:
    """The tail of the message about an option that does not exist; it may be an input."""
    inputs = {i.name for i in rule.inputs}
    near = get_close_matches(key, sorted({*known, *inputs}), n=1)
    if near and near[0] in inputs:
        return f"{near[0]!r} is an input: `inputs: {{{near[0]}: {{constant: VALUE}}}}` sets it for all rows"
    return did_you_mean(key, known)


def _checked(option: Option, value: object, name: str) -> object:
    """The value, if it is of the option's type; strictly, but a JSON list may be a tuple and a string a path."""
    label = f"rule {name}, option {option.name}"
    annotation: Any = option.annotation
    try:
        adapter: TypeAdapter[Any] = TypeAdapter(annotation)
    except (PydanticSchemaGenerationError, PydanticUndefinedAnnotation) as error:
        raise RuleError(f"{label}: its type {option.annotation!r} cannot be checked; use a simple type") from error
    try:
        return adapter.validate_python(value, strict=True)
    except ValidationError as error:
        first = error
    try:
        return adapter.validate_json(json.dumps(value), strict=True)
    except (ValidationError, TypeError, ValueError):
        reason = "; ".join(
            item["msg"].removeprefix("Value error, ") for item in first.errors(include_url=False, include_context=False)
        )
        raise RuleError(f"{label}: {value!r} does not fit: {reason}") from first


def _inputs(rule: Rule, name: str, given: Mapping[str, object]) -> tuple[dict[str, str], dict[str, object]]:
    known = {i.name for i in rule.inputs}
    for key in given:
        if key not in known:
            raise RuleError(f"rule {name} has no input {key!r}; {did_you_mean(key, known)}")
    columns = {i.name: i.name for i in rule.column_inputs}
    constants = {}
    for key, value in given.items():
        match value:
            case str():
                columns[key] = value
            case {"constant": constant, **rest} if not rest:
                columns.pop(key, None)
                constants[key] = constant
            case _:
                raise RuleError(
                    f"rule {name}, input {key}: {value!r} is neither a column's name nor {{constant: value}}"
                )
    return columns, constants
