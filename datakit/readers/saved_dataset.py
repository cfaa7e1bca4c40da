"""A data set that HF `datasets` saved with `save_to_disk`: its Arrow files; of a DatasetDict all splits."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, ClassVar

import pyarrow as pa

from datakit.arrow_rows import arrow_rows
from datakit.reader import DIRECTORY, RawRow, Reader
from schemas.errors import InputError


class SavedDataset(Reader):
    """Rows of a DatasetDict get the column `split`, unless they have one."""

    suffixes: ClassVar[tuple[str, ...]] = (DIRECTORY,)

    def rows(self, path: Path) -> Iterator[RawRow]:
        """See the base class."""
        index = path / "dataset_dict.json"
        if not index.exists():
            yield from _rows(path)
            return
        for split in _json(index).get("splits", []):
            for row in _rows(path / split):
                yield row._replace(value={"split": split, **row.value})


def _rows(path: Path) -> Iterator[RawRow]:
    state = path / "state.json"
    if not state.exists():
        raise InputError(f"{path} is a directory without a saved HF data set (no state.json); name one of its files")
    start = 0
    for item in _json(state).get("_data_files", []):
        file = path / item["filename"]
        line = start
        try:
            with pa.memory_map(str(file)) as data, pa.ipc.open_stream(data) as batches:
                for line, row in enumerate(arrow_rows(batches, batches.schema, str(path)), start + 1):
                    yield row._replace(line=line)
        except (OSError, pa.ArrowException) as error:
            raise InputError(f"{file}: cannot read it as Arrow: {str(error).splitlines()[0]}") from error
        start = line


def _json(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_bytes())
    except ValueError as error:
        raise InputError(f"{path}: broken JSON ({error}); save the data set again") from error
    if not isinstance(value, dict):
        raise InputError(f"{path}: not what `save_to_disk` writes; save the data set again")
    return value
