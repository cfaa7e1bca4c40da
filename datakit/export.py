"""Stage export: a data set as a file that TRL reads, with a manifest beside it."""

import filecmp
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import duckdb

from datakit import datasets, manifest
from datakit.datasets import Dataset
from datakit.derived import MEMORY_LIMIT
from datakit.store import Store
from datakit.trl_rows import create_exported, rows_sql, shape_of
from schemas.errors import UserError
from schemas.options import ExportOptions
from schemas.report import Report

FORMATS = {
    ".jsonl": "FORMAT json",
    ".jsonl.gz": "FORMAT json, COMPRESSION gzip",
    ".parquet": "FORMAT parquet, ROW_GROUP_SIZE 20480",  # texts are wide: larger groups take memory, and so time
}
"""By the end of the file's name (schemas.options.EXPORT_SUFFIXES)."""


def export(dataset: str, options: ExportOptions, *, store: Store) -> Report:
    """Write a data set to a file: pairs as preferences, selections and examples as prompt and completion.

    The rows come in the order of the prompts, so the same data set gives the same bytes. The file appears whole or
    not at all.

    Args:
        dataset: its name (`name[@version]`).
        options: file, style and columns.
        store: where it is kept.

    Raises:
        NotFoundError: there is no such data set.
        ConfigError: the style cannot hold it.
        UserError: the file cannot be written.
    """
    output = options.output
    form = next(form for ending, form in FORMATS.items() if output.name.endswith(ending))
    with store.read() as con:
        con.execute(f"SET memory_limit = '{MEMORY_LIMIT}'; SET preserve_insertion_order = true")
        found = datasets.get(con, dataset)
        rows, kind, columns, unchanged = _copy(con, found, options, form)
        described = manifest.describe(con, found)
    try:
        path = manifest.write(output, described=described, rows=rows, form=kind, columns=columns)
    except OSError as error:
        raise UserError(f"cannot write the manifest of {output}: {error.strerror}") from error
    return Report(
        stage="export",
        dataset=found.name,
        version=found.version,
        counts={"rows": rows},
        notes=(f"{kind} rows, {options.style}; manifest: {path}",),
        output=str(output),
        unchanged=unchanged,
        needs_attention=rows == 0,
    )


def _copy(
    con: duckdb.DuckDBPyConnection, dataset: Dataset, options: ExportOptions, form: str
) -> tuple[int, str, list[str], bool]:
    """Write the rows; returns their number, TRL's name of their form, their columns, and if the file was equal."""
    kind = create_exported(con, dataset)
    query = rows_sql(shape_of(con, kind, dataset, options), dataset.kind)
    columns = [row[0] for row in con.execute(f"DESCRIBE {query}").fetchall()]
    with _whole(options.output) as draft:
        row = con.execute(f"COPY ({query}) TO '{_quoted(draft)}' ({form})").fetchone()
        unchanged = options.output.exists() and filecmp.cmp(draft, options.output, shallow=False)
    return (int(row[0]) if row else 0), kind, columns, unchanged


@contextmanager
def _whole(output: Path) -> Iterator[Path]:
    """A file beside the output, which takes its place once it is on the disk."""
    draft = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield draft
            with draft.open("rb") as stream:
                os.fsync(stream.fileno())
            draft.replace(output)
        finally:
            draft.unlink(missing_ok=True)
    except (OSError, duckdb.IOException) as error:
        text = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise UserError(f"cannot write {output}: {text}; nothing was left behind") from error


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
