"""Rows of Arrow batches as JSON values: what Parquet files and saved HF data sets hold."""

import json
import math
from collections.abc import Iterable, Iterator
from datetime import date, time, timedelta
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pyarrow.types as types

from datakit.reader import RawRow

BATCH = 1000
"""Rows that are turned into Python at a time."""

_AS_THEY_ARE = (types.is_string, types.is_large_string, types.is_boolean, types.is_integer, types.is_null)


def arrow_rows(batches: Iterable[pa.RecordBatch], schema: pa.Schema, source: str) -> Iterator[RawRow]:
    """The rows of batches. Dates become ISO texts, NaN (pandas' missing value) null, columns of JSON what they say.

    Inside of a field, nulls of structs are left out: Arrow gives every struct of a list all the keys that any has (a
    message without tool calls gets null ones), and cannot tell a key that is null from one that was not there.
    """
    convert = not all(_is_json(field.type) for field in schema)
    texts = [field.name for field in schema if isinstance(field.type, pa.JsonType)]
    line = 0
    for batch in batches:
        for value in batch.to_pylist(maps_as_pydicts="strict"):
            line += 1
            row = {name: _plain(item) for name, item in value.items()} if convert else value
            for name in texts:
                row[name] = _parsed(row[name])
            yield RawRow(source, line, None, row)


def _is_json(kind: pa.DataType) -> bool:
    """Whether Python's values of a type are JSON already."""
    if types.is_list(kind) or types.is_large_list(kind):
        return _is_json(kind.value_type)
    return any(check(kind) for check in _AS_THEY_ARE)


def _parsed(text: str | None) -> Any:
    """What a JSON text says; one that is broken is left, and judged with its row."""
    try:
        return None if text is None else json.loads(text)
    except (ValueError, RecursionError):
        return text


def _plain(value: Any) -> Any:
    """A value as JSON has it; what JSON cannot say (bytes) is left, and refused with its row."""
    match value:
        case float():
            return None if math.isnan(value) else value
        case dict():
            return {name: _plain(item) for name, item in value.items() if item is not None}
        case list() | tuple():
            return [_plain(item) for item in value]
        case date() | time():  # a datetime is a date
            return value.isoformat()
        case timedelta():
            return value.total_seconds()
        case Decimal():
            return int(value) if value == value.to_integral_value() else float(value)
    return value
