"""A JSON document: a list of rows, or an object with one (`{"data": [...]}`); read piece by piece."""

import codecs
import io
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar, NoReturn

from datakit.conversation import RowError
from datakit.reader import DOCUMENT_KEYS, RawRow, Reader, open_bytes
from datakit.strict_json import StrictJson
from schemas.errors import InputError

_CHUNK = 1 << 20
_TOKEN = 16
"""No JSON token but a string is longer: an error this near to the end of a piece may be the piece's, not the file's."""

_SPACE = re.compile(r"[ \t\r\n]*")


class JsonDocument(Reader):
    """A broken row does not stop the rest where the file is laid out in lines: the next row is found by its indent."""

    suffixes: ClassVar[tuple[str, ...]] = (".json",)

    def rows(self, path: Path) -> Iterator[RawRow]:
        """See the base class."""
        with open_bytes(path) as stream:
            text = _Text(stream, str(path))
            if text.peek() == "[":
                yield from _Rows(text).read()
                if text.peek():
                    text.refuse("there is more text after the end of the list; one file holds one list of rows")
                return
            found = False
            for key in _keys(text):
                if text.peek() == "[" and key in DOCUMENT_KEYS:
                    if found:
                        text.refuse(f"two lists of rows, {key!r} is the second; keep one of them in the file")
                    found = True
                    yield from _Rows(text).read()
                else:
                    text.value()
            if not found:
                text.refuse(f"an object without a list of rows under {', '.join(DOCUMENT_KEYS)}; write a list of rows")


class _Text:
    """A window on the file's text that grows as needed."""

    def __init__(self, stream: io.BufferedReader, source: str) -> None:
        self.source = source
        self.line = 1
        self.buffer = ""
        self.at = 0
        self.ended = False
        self.passed = ""
        """The text of the last value."""
        self.parser = StrictJson()
        self._stream = stream
        # bytes that are not UTF-8 become half surrogates, which the check of each row then finds
        self._decoder = codecs.getincrementaldecoder("utf-8")("surrogateescape")

    def more(self) -> bool:
        """Read on; at least as much as is waiting, so that long rows are not parsed over and over."""
        if self.ended:
            return False
        self.buffer = self.buffer[self.at :]
        self.at = 0
        piece = self._stream.read(max(_CHUNK, len(self.buffer)))
        self.ended = not piece
        self.buffer += self._decoder.decode(piece, final=self.ended)
        return True

    def advance(self, end: int) -> str:
        """Move to a place in the buffer; returns what was passed."""
        passed = self.buffer[self.at : end]
        self.line += passed.count("\n")
        self.at = end
        return passed

    def skip_space(self) -> str:
        """Move to what is not white space; returns the white space."""
        space = ""
        while True:
            match = _SPACE.match(self.buffer, self.at)
            space += self.advance(match.end() if match else self.at)
            if self.at < len(self.buffer) or not self.more():
                return space

    def peek(self) -> str:
        """The next character that is not white space; empty at the end."""
        self.skip_space()
        return self.buffer[self.at : self.at + 1]

    def value(self) -> Any:
        """The value that begins here, moving past it.

        Raises:
            json.JSONDecodeError: it is broken; the place is not left.
        """
        while True:
            self.parser.problem = None
            try:
                value, end = self.parser.raw_decode(self.buffer, self.at)
            except json.JSONDecodeError as error:
                cut = error.msg.startswith("Unterminated string") or error.pos >= len(self.buffer) - _TOKEN
                if cut and self.more():
                    continue
                raise
            if end < len(self.buffer) or not self.more():  # a number at the end of a piece may go on
                self.passed = self.advance(end)
                return value

    def refuse(self, what: str) -> NoReturn:
        """The file as a whole cannot be read."""
        raise InputError(f"{self.source}:{self.line}: {what}")


def _keys(text: _Text) -> Iterator[str]:
    """The keys of the object that begins here; the caller reads each value."""
    try:
        while text.peek() in ("{", ","):
            text.advance(text.at + 1)
            if text.peek() == "}":
                break
            key = text.value()
            if text.peek() != ":":
                text.refuse("broken JSON: a colon is missing")
            text.advance(text.at + 1)
            text.peek()
            yield str(key)
    except json.JSONDecodeError as error:
        text.refuse(f"broken JSON: {error.msg}")


class _Rows:
    """The rows of the list that begins here."""

    def __init__(self, text: _Text) -> None:
        self._text = text
        self._indent: str | None = None
        self._cut_off = False

    def read(self) -> Iterator[RawRow]:
        text = self._text
        text.advance(text.at + 1)
        while True:
            space = text.skip_space()
            if "\n" in space:
                self._indent = space.rpartition("\n")[2]
            match text.buffer[text.at : text.at + 1]:
                case "]":
                    text.advance(text.at + 1)
                    return
                case ",":
                    text.advance(text.at + 1)
                case "" if self._cut_off:
                    return
                case "":
                    problem = RowError("broken_json", "the file ends before its list does: is it cut off?")
                    yield RawRow(text.source, text.line, b"", problem)
                    return
                case _:
                    yield self._row()

    def _row(self) -> RawRow:
        text = self._text
        line = text.line
        try:
            value = text.value()
        except (json.JSONDecodeError, RecursionError, ValueError) as error:
            why = error.msg if isinstance(error, json.JSONDecodeError) else "nested too deeply, or a number too long"
            raw = self._rest_of_row(why)
            cut = "; the file ends inside the row: is it cut off?" if self._cut_off else ""
            return RawRow(
                text.source, line, _bytes(raw), RowError("broken_json", f"{why}, in the row that begins here{cut}")
            )
        return RawRow(text.source, line, _bytes(text.passed), self._checked(value))

    def _checked(self, value: Any) -> Any:
        """The row's value, or what is wrong with it."""
        try:
            self._text.parser.check(value, self._text.passed)
            self._text.passed.encode()
        except RowError as problem:
            return problem
        except UnicodeEncodeError as error:
            return RowError("invalid_utf8", f"character {error.start + 1} of the row is not UTF-8")
        return value

    def _rest_of_row(self, why: str) -> str:
        """Move to where the next row begins; returns what was passed."""
        text = self._text
        if self._indent is None:
            text.refuse(f"broken JSON ({why}), and the rows after it cannot be told apart; write one row a line")
        mark = f"\n{self._indent}{{"
        start = 1
        while (end := text.buffer.find(mark, text.at + start)) < 0:
            start = max(1, len(text.buffer) - text.at - len(mark))
            if not text.more():
                return self._to_the_end()
        return text.advance(end).rstrip().removesuffix(",")

    def _to_the_end(self) -> str:
        text = self._text
        rest = text.buffer[text.at :].rstrip()
        self._cut_off = not rest.endswith("]")
        text.advance(text.at + len(rest) - (not self._cut_off))
        return rest.removesuffix("]").rstrip()


def _bytes(raw: str) -> bytes:
    return raw.encode(errors="surrogateescape")
