"""Conditions on a prompt's columns: for which prompts a scorer is meant (`when:` in a reward spec).

`Condition.holds` decides for one prompt; datakit/conditions.py says the same in SQL.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

Plain = str | bool | int | float

_FORMS = "a value, a list of values, or {exists: true}"


@dataclass(frozen=True, slots=True)
class Test:
    """What a condition asks of one column."""

    column: str
    values: tuple[Plain, ...] = ()
    """One of them must be there; of a column that holds a list, in the list. Empty: only `exists` is asked."""
    exists: bool = True
    """Whether the column must have a value; only asked without `values`."""

    def holds(self, value: Any) -> bool:
        """Whether a column's value, as JSON has it, is what is asked for."""
        if not self.values:
            return (value is not None) is self.exists
        found = value if isinstance(value, list) else [value]
        return any(_same(one, wanted) for one in found for wanted in self.values)

    def describe(self) -> Any:
        """As a spec writes it."""
        if not self.values:
            return {"exists": self.exists}
        return list(self.values) if len(self.values) > 1 else self.values[0]


@dataclass(frozen=True, slots=True)
class Condition:
    """All tests must hold; without tests it always does."""

    tests: tuple[Test, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.tests)

    def __str__(self) -> str:
        return ", ".join(f"{test.column}: {_spelt(test)}" for test in self.tests)

    def holds(self, columns: Mapping[str, Any]) -> bool:
        """Whether it holds for a prompt with these columns (JSON values)."""
        return all(test.holds(columns.get(test.column)) for test in self.tests)

    def describe(self) -> dict[str, Any]:
        """As a spec writes it."""
        return {test.column: test.describe() for test in self.tests}


ALWAYS = Condition()


def condition_of(given: Mapping[str, Any]) -> Condition:
    """The condition that a spec's `when:` means.

    Raises:
        ValueError: it means none.
    """
    return Condition(tuple(_test(column, wanted) for column, wanted in sorted(given.items())))


def _test(column: str, wanted: object) -> Test:
    match wanted:
        case {"exists": bool(exists), **rest} if not rest:
            return Test(column, exists=exists)
        case list() | tuple() if wanted and all(_is_plain(value) for value in wanted):
            return Test(column, tuple(wanted))
        case str() | bool() | int() | float() if _is_plain(wanted):
            return Test(column, (wanted,))
        case None:
            raise ValueError(f"{column}: null is no value; {{exists: false}} asks for prompts without the column")
        case _:
            raise ValueError(f"{column}: {wanted!r} is neither {_FORMS}")


def _is_plain(value: object) -> bool:
    """Text, a bool, or a number small enough that two that differ also differ as doubles, which SQL compares."""
    return isinstance(value, str | bool) or (isinstance(value, int | float) and abs(value) < 2**53)


def _same(value: Any, wanted: Plain) -> bool:
    """Equal and of one kind: 1 is 1.0, but neither true nor "1"."""
    if isinstance(value, bool) or isinstance(wanted, bool):
        return value is wanted
    if isinstance(wanted, str):
        return isinstance(value, str) and value == wanted
    return isinstance(value, int | float) and value == wanted


def _spelt(test: Test) -> str:
    if not test.values:
        return "there" if test.exists else "not there"
    return " or ".join(str(value).lower() if isinstance(value, bool) else str(value) for value in test.values)


def columns_named(conditions: Sequence[Condition]) -> set[str]:
    """The columns whose values conditions ask for; a column that is only asked to exist may be nowhere."""
    return {test.column for condition in conditions for test in condition.tests if test.values}
