"""Parquet, row group by row group."""

import io
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import pyarrow as pa
import pyarrow.parquet as pq

from datakit.arrow_rows import BATCH, arrow_rows
from datakit.reader import RawRow, Reader, open_bytes
from schemas.errors import InputError


class Parquet(Reader):
    """Its own compression needs no mention; a .parquet.gz is unpacked in memory, for it must be read from its end."""

    suffixes: ClassVar[tuple[str, ...]] = (".parquet",)

    def rows(self, path: Path) -> Iterator[RawRow]:
        """See the base class."""
        try:
            with _opened(path) as file:
                yield from arrow_rows(file.iter_batches(BATCH), file.schema_arrow, str(path))
        except pa.ArrowException as error:
            raise InputError(f"{path}: cannot read it as Parquet: {str(error).splitlines()[0]}") from error


def _opened(path: Path) -> pq.ParquetFile:
    if path.suffix.lower() not in (".gz", ".zst"):
        return pq.ParquetFile(str(path), memory_map=True)
    with open_bytes(path) as stream:
        return pq.ParquetFile(io.BytesIO(stream.read()))
