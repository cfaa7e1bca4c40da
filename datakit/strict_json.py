"""JSON as its standard has it: no NaN, no key twice, no half of a character. Python's parser takes all three."""

import json
from typing import Any

from datakit.conversation import RowError
from schemas.identity import canonical_json


class StrictJson:
    """A parser that notes what the standard forbids instead of giving up, so that the end of a value is known.

    `problem` is what was wrong with the last value, or None.
    """

    def __init__(self) -> None:
        self.problem: str | None = None
        decoder = json.JSONDecoder(object_pairs_hook=self._object, parse_constant=self._constant)
        self.decode = decoder.decode
        self.raw_decode = decoder.raw_decode

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        value = dict(pairs)
        if len(value) != len(pairs):
            names = [name for name, _ in pairs]
            twice = next(name for name in names if names.count(name) > 1)
            self.problem = f"the key {twice!r} is there twice"
        return value

    def _constant(self, name: str) -> float:
        self.problem = f"{name} is not JSON (write null where a number is missing)"
        return 0.0

    def parse(self, raw: bytes) -> Any:
        """The value of a text.

        Raises:
            RowError: it is not UTF-8, or not JSON.
        """
        try:
            text = raw.decode()
        except UnicodeDecodeError as error:
            raise RowError("invalid_utf8", f"byte {error.start + 1} of the line is not UTF-8") from error
        self.problem = None
        try:
            value = self.decode(text)
        except json.JSONDecodeError as error:
            raise RowError("broken_json", f"{error.msg} (column {error.pos + 1})") from error
        except (ValueError, RecursionError) as error:
            raise RowError("broken_json", _first_line(error)) from error
        self.check(value, text)
        return value

    def check(self, value: object, text: str) -> None:
        """Refuse what was noted while `value` was read from `text`.

        Raises:
            RowError: the standard forbids it.
        """
        problem, self.problem = self.problem, None
        if problem:
            raise RowError("broken_json", problem)
        if "\\ud" in text or "\\uD" in text:  # only an escape can bring in half of a character
            well_formed(canonical_json(value))


def well_formed(text: str) -> None:
    """Refuse text that UTF-8 cannot hold.

    Raises:
        RowError: it has half of a surrogate pair.
    """
    try:
        text.encode()
    except UnicodeEncodeError as error:
        found = f"U+{ord(text[error.start]):04X}"
        raise RowError("invalid_unicode", f"{found} is half of a surrogate pair, which is no character") from error


def _first_line(error: BaseException) -> str:
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    return str(error).split("\n", 1)[0].split(";", 1)[0]
