"""JSON lines: one row a line. Lines end at a line feed only: a text may hold Unicode's other line separators."""

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

from datakit.reader import UNPARSED, RawRow, Reader, open_bytes


class JsonLines(Reader):
    """Blank lines are no rows."""

    suffixes: ClassVar[tuple[str, ...]] = (".jsonl", ".ndjson")

    def rows(self, path: Path) -> Iterator[RawRow]:
        """See the base class."""
        source = str(path)
        with open_bytes(path) as stream:
            for line, raw in enumerate(stream, 1):
                if not raw.isspace():
                    yield RawRow(source, line, raw, UNPARSED)
