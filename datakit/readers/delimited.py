"""CSV and TSV, with a header; a quoted field may hold line feeds."""

import csv
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from datakit.conversation import RowError
from datakit.reader import RawRow, Reader, open_bytes
from schemas.errors import InputError


class Delimited(Reader):
    """The separator of a .csv is the comma, semicolon or tab that its header has most of."""

    suffixes: ClassVar[tuple[str, ...]] = (".csv", ".tsv")
    only_text: ClassVar[bool] = True

    def rows(self, path: Path) -> Iterator[RawRow]:
        """See the base class."""
        csv.field_size_limit(sys.maxsize)  # a field may be as long as it likes; the module's own limit is 128 KiB
        with open_bytes(path) as stream:
            lines = _Lines(stream)
            first = stream.peek(1 << 16).split(b"\n", 1)[0]
            separator = max((b",", b";", b"\t"), key=first.count).decode()
            records = csv.reader(lines, delimiter=separator, strict=True)
            try:
                header = next(records)
            except (csv.Error, StopIteration) as error:
                raise InputError(f"{path}:1: cannot read the header ({error}); quote its fields properly") from error
            names = [name.strip() or f"column_{place}" for place, name in enumerate(header, 1)]
            if len(set(names)) != len(names):
                twice = next(name for name in names if names.count(name) > 1)
                raise InputError(f"{path}:1: two columns are named {twice!r}; rename one")
            yield from _records(records, lines, names, str(path))


class _Lines:
    """Decoded lines for the csv module; remembers those of the record that is being read."""

    def __init__(self, stream: Iterator[bytes]) -> None:
        self._stream = stream
        self.number = 0
        self.record: list[bytes] = []
        self.problem: RowError | None = None

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        raw = next(self._stream)
        self.number += 1
        self.record.append(raw)
        try:
            return raw.decode()
        except UnicodeDecodeError as error:
            self.problem = RowError("invalid_utf8", f"byte {error.start + 1} of line {self.number} is not UTF-8")
            return raw.decode(errors="backslashreplace")

    def start(self) -> None:
        """A new record begins with the next line."""
        self.record = []
        self.problem = None


def _records(records: Iterator[list[str]], lines: _Lines, names: list[str], source: str) -> Iterator[RawRow]:
    while True:
        lines.start()
        line = lines.number + 1
        value: dict[str, str] | RowError
        try:
            cells = next(records)
            value = dict(zip(names, cells, strict=False))
            if len(cells) != len(names):
                value = RowError("broken_csv", f"{len(cells)} fields, but the header has {len(names)}")
        except StopIteration:
            return
        except csv.Error as error:
            value = RowError("broken_csv", f'{error}; quote fields with " and double a " inside them')
            cells = ["?"]
        if cells:  # a blank line is no row
            yield RawRow(source, line, b"".join(lines.record), lines.problem or value)
