"""`--map column=field`: fields of the input under the names that a format, a rule or a person expects."""

from collections.abc import Mapping, Sequence
from typing import Any

from datakit.conversation import RowError
from schemas.errors import InputError, did_you_mean

_ABSENT = object()


class FieldMap:
    """Renames fields. `a.b` is the field b inside of a, unless a field has that very name; it is copied, not moved."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        self._fields = fields

    def apply(self, row: Any) -> Any:
        """The row with its fields renamed; anything but an object is left as it is.

        Raises:
            RowError: the row has another field of the new name already.
        """
        if not self._fields or not isinstance(row, dict):
            return row
        found = {column: value for column, field in self._fields.items() if (value := _at(row, field)) is not _ABSENT}
        moved = {self._fields[column] for column in found}
        rest = {name: value for name, value in row.items() if name not in moved}
        for column in found:
            if column in rest:
                raise RowError(
                    "field_clash", f"--map {column}={self._fields[column]}: there is a field {column!r} already"
                )
        return found | rest

    def check(self, rows: Sequence[Mapping[str, Any]], source: str) -> None:
        """Refuse a field that none of the rows has.

        Raises:
            InputError: there is one; the message names those that exist.
        """
        for column, field in self._fields.items():
            if rows and all(_at(row, field) is _ABSENT for row in rows):
                known = {name for row in rows for name in row}
                raise InputError(
                    f"{source}: --map {column}={field}: no row has {field!r}; {did_you_mean(field, known)}"
                )


def _at(row: Mapping[str, Any], field: str) -> Any:
    if field in row:
        return row[field]
    head, dot, tail = field.partition(".")
    inner = row.get(head) if dot else None
    return _at(inner, tail) if isinstance(inner, dict) else _ABSENT
