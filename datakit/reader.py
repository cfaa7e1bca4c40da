"""What a reader of files must offer, and how a file finds its reader. Variants: datakit/readers/."""

import io
import json
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, cast

import pyarrow as pa

from datakit.conversation import RowError
from datakit.strict_json import StrictJson
from rewards.plugins import variant_class, variant_names
from schemas.base import Frozen
from schemas.errors import InputError, NotFoundError

PACKAGE = "datakit.readers"
DIRECTORY = "/"
"""The suffix of a directory."""

DOCUMENT_KEYS = ("data", "rows", "examples", "items", "instances", "train")
"""Where JSON documents keep their list of rows."""

_CODECS = {b"\x1f\x8b": "gzip", b"\x28\xb5\x2f\xfd": "zstd"}
_HEAD = 1 << 20


class RawRow(NamedTuple):
    """One row as it is in the file."""

    source: str
    line: int
    """Line of a text file, else the row's number; both from 1."""
    raw: bytes | None
    """Its text; None where the file has none (Parquet, Arrow)."""
    value: Any
    """What it holds: a dict in a good file, or the RowError that reading it gave; `UNPARSED` where `raw` is JSON."""

    @property
    def text(self) -> str:
        """Its text for the ledger; bytes that are not UTF-8 as escapes."""
        if self.raw is not None:
            return self.raw.decode(errors="backslashreplace").rstrip("\r\n")
        return json.dumps(self.value, ensure_ascii=False, default=str)


UNPARSED = object()


class Reader(Frozen, ABC):
    """Base of the readers."""

    suffixes: ClassVar[tuple[str, ...]]
    """Names of its files end like this, before .gz or .zst."""
    only_text: ClassVar[bool] = False
    """Every value is text, numbers and lists too."""

    @abstractmethod
    def rows(self, path: Path) -> Iterator[RawRow]:
        """The rows, one after the other; what is wrong with one row is said in it.

        Raises:
            InputError: the file as a whole cannot be read.
        """


def reader_of(path: Path) -> Reader:
    """The reader of a file or directory.

    Raises:
        NotFoundError: it does not exist.
        InputError: nothing reads it, or it is empty.
    """
    if not path.exists():
        raise NotFoundError(f"{path}: no such file or directory")
    readers = [variant_class(PACKAGE, name, Reader) for name in variant_names(PACKAGE)]  # type: ignore[type-abstract]
    suffix = _suffix(path)
    head = b"" if suffix == DIRECTORY else _head(path)
    if suffix == ".json" or not any(suffix in reader.suffixes for reader in readers):
        suffix = _sniffed(path, head)
    return next(reader() for reader in readers if suffix in reader.suffixes)


def _suffix(path: Path) -> str:
    if path.is_dir():
        return DIRECTORY
    name = path.name.lower()
    for compressed in (".gz", ".zst"):
        name = name.removesuffix(compressed)
    return Path(name).suffix


def _head(path: Path) -> bytes:
    with open_bytes(path) as stream:
        head = stream.read(_HEAD)
    if not head.strip():
        raise InputError(f"{path} is empty")
    if head.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise InputError(f"{path} is UTF-16; save it as UTF-8")
    return head


def _sniffed(path: Path, head: bytes) -> str:
    """The suffix that a file of no known one should have, by its content."""
    text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
    if text.startswith(b"PAR1"):
        return ".parquet"
    if text.startswith(b"["):
        return ".json"
    if text.startswith(b"{"):
        lines = [line for line in text.split(b"\n", 100)[:100] if line.strip()]
        return ".jsonl" if any(_is_row(line) for line in lines[:2]) else ".json"
    if _suffix(path) == ".json":
        return ".jsonl"  # let it say of every line what is wrong with it
    raise InputError(
        f"{path}: cannot tell what it is; name it .jsonl, .json, .csv, .tsv or .parquet (also .gz or .zst)"
    )


def _is_row(line: bytes) -> bool:
    """Whether a line alone is a row, rather than a piece of a document or a document that holds rows."""
    try:
        value = StrictJson().parse(line)
    except RowError:
        return False
    return isinstance(value, dict) and not any(isinstance(value.get(key), list) for key in DOCUMENT_KEYS)


@contextmanager
def open_bytes(path: Path) -> Iterator[io.BufferedReader]:
    """A file's bytes, decompressed where they are gzip or zstd, whatever its name; after a byte order mark.

    Raises:
        InputError: the file cannot be read, or is cut off or damaged.
    """
    try:
        with path.open("rb") as probe:
            start = probe.read(4)
        codec = next((codec for magic, codec in _CODECS.items() if start.startswith(magic)), None)
        with pa.OSFile(str(path)) as file:
            raw = pa.CompressedInputStream(file, codec) if codec else file
            stream: io.BufferedReader = io.BufferedReader(cast(Any, raw), _HEAD)
            if stream.peek(3).startswith(b"\xef\xbb\xbf"):
                stream.read(3)
            yield stream
    except OSError as error:
        raise InputError(f"{path}: {_why(error)}") from error


def _why(error: OSError) -> str:
    text = (error.strerror or str(error)).split("\n", 1)[0]
    damaged = any(word in text.lower() for word in ("truncated", "decompress", "inflate"))
    return f"the compressed data is damaged ({text}); get the file again" if damaged else text
