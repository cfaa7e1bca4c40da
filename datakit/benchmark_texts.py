"""The texts of benchmark files (JSON, JSON lines, CSV, Parquet, plain text; also compressed)."""

import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from datakit.conversation import RowError
from datakit.reader import UNPARSED, open_bytes, reader_of
from schemas.errors import ConfigError, InputError, NotFoundError, did_you_mean


def texts_of(path: Path, fields: Sequence[str]) -> list[str]:
    """All texts of a file: those of the fields, or every string in it; plain text is one.

    Raises:
        ConfigError: it is missing or cannot be read, has no such field, or no text at all.
    """
    try:
        texts = [_plain(path)] if _is_plain(path) else _strings_of_rows(path, fields)
    except (InputError, NotFoundError) as error:
        raise ConfigError(f"benchmark file {error}") from error
    if not any(text.strip() for text in texts):
        raise ConfigError(f"benchmark file {path} has no text")
    return texts


def _is_plain(path: Path) -> bool:
    name = path.name.lower().removesuffix(".gz").removesuffix(".zst")
    return path.is_file() and name.endswith((".txt", ".md"))


def _plain(path: Path) -> str:
    with open_bytes(path) as stream:
        return stream.read().decode(errors="replace")


def _strings_of_rows(path: Path, fields: Sequence[str]) -> list[str]:
    texts: list[str] = []
    seen: set[str] = set()
    for line, row in _rows(path):
        if not isinstance(row, dict):
            raise ConfigError(f"benchmark file {path}:{line}: found {type(row).__name__}, not a row with fields")
        seen.update(row)
        for value in (row[name] for name in fields if name in row) if fields else row.values():
            texts += _strings(value)
    for name in fields:
        if name not in seen:
            raise ConfigError(f"benchmark file {path} has no field {name!r}; {did_you_mean(name, seen)}")
    return texts


def _rows(path: Path) -> Iterator[tuple[int, Any]]:
    for row in reader_of(path).rows(path):
        try:
            value = json.loads(row.raw or b"") if row.value is UNPARSED else row.value
        except ValueError as error:
            raise ConfigError(f"benchmark file {path}:{row.line} is not JSON: {error}") from error
        if isinstance(value, RowError):
            raise ConfigError(f"benchmark file {path}:{row.line}: {value}")
        yield row.line, value


def _strings(value: Any) -> Iterator[str]:
    """Every string in a value, whatever it is in."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for item in value.values():
            yield from _strings(item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _strings(item)
