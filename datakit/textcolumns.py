"""Types for columns of files that hold only text (CSV, TSV)."""

import json
from collections.abc import Mapping, Sequence
from typing import Any

_WORDS = {"True": True, "False": False, "TRUE": True, "FALSE": False}


class TextColumns:
    """A column whose cells are all numbers, true/false, lists or objects in the sample is read as such.

    Whole columns, never single cells: `18` in a column of answers that also holds `3/4` stays a text. Empty cells are
    null in any column.
    """

    def __init__(self, sample: Sequence[Mapping[str, str]]) -> None:
        names = {name for row in sample for name in row}
        self._typed = {name for name in names if _all_json([row[name] for row in sample if row.get(name)])}

    def apply(self, columns: dict[str, Any]) -> dict[str, Any]:
        """The columns with their types."""
        return {name: self._value(name, cell) if isinstance(cell, str) else cell for name, cell in columns.items()}

    def _value(self, name: str, cell: str) -> Any:
        if not cell:
            return None
        if name not in self._typed:
            return cell
        try:
            return _parsed(cell)
        except ValueError:
            return cell


def _all_json(cells: Sequence[str]) -> bool:
    try:
        return bool(cells) and all(not isinstance(_parsed(cell), str) for cell in cells)
    except ValueError:
        return False


def _parsed(cell: str) -> Any:
    return _WORDS[cell] if cell in _WORDS else json.loads(cell, parse_constant=_refuse)


def _refuse(name: str) -> None:
    raise ValueError(name)
