"""Stage export: a data set as a file that TRL reads, with a manifest beside it."""

import filecmp
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import duckdb

from datakit import datasets, manifest
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

    The rows come in the order of the prompts, so the same data set gives the same bytes. The file and its manifest
    appear whole, and both or neither.

    Args:
        dataset: its name (`name[@version]`).
        options: file, style and columns.
        store: where it is kept.

    Raises:
        NotFoundError: there is no such data set.
        ConfigError: the style cannot hold it.
        UserError: the file cannot be written.
    """
    output, beside = options.output, manifest.path_of(options.output)
    with store.read() as con:
        con.execute(f"SET memory_limit = '{MEMORY_LIMIT}'; SET preserve_insertion_order = true")
        found = datasets.get(con, dataset)
        kind = create_exported(con, found)
        plain, typed = options.style == "plain", options.output.suffix == ".parquet"
        shape = shape_of(con, kind, found, plain=plain, typed=typed, margin=options.margin)
        query = rows_sql(shape, found.kind)
        columns = [row[0] for row in con.execute(f"DESCRIBE {query}").fetchall()]
        described = manifest.describe(con, found)
        with _replacing(output, beside) as (data, note):
            rows = _copy(con, query, data, output.name)
            facts = {"rows": rows, "form": kind, "columns": columns, **described}
            manifest.write(note, name=output.name, data=data, facts=facts)
            unchanged = _same(data, output) and _same(note, beside)
    return Report(
        stage="export",
        dataset=found.name,
        version=found.version,
        counts={"rows": rows},
        notes=(f"{kind} rows, {options.style}; manifest: {beside}",),
        output=str(output),
        unchanged=unchanged,
        needs_attention=rows == 0,
    )


def _copy(con: duckdb.DuckDBPyConnection, query: str, draft: Path, name: str) -> int:
    """Write a query's rows in the format that the name asks for; returns their number."""
    form = next(form for ending, form in FORMATS.items() if name.endswith(ending))
    row = con.execute(f"COPY ({query}) TO '{_quoted(draft)}' ({form})").fetchone()
    return int(row[0]) if row else 0


def _same(draft: Path, target: Path) -> bool:
    return target.is_file() and filecmp.cmp(draft, target, shallow=False)


@contextmanager
def _replacing(output: Path, beside: Path) -> Iterator[tuple[Path, Path]]:
    """Drafts of a file and of its manifest, which take their places once both are on the disk: both or neither."""
    data, note = _hidden(output, "part"), _hidden(beside, "part")
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield data, note
            for draft in (data, note):
                with draft.open("rb") as stream:
                    os.fsync(stream.fileno())
            _replace(data, output, note, beside)
        finally:
            data.unlink(missing_ok=True)
            note.unlink(missing_ok=True)
    except (OSError, duckdb.IOException) as error:
        name = getattr(error, "filename2", None) or output
        text = error.strerror if isinstance(error, OSError) else " ".join(str(error).split())
        raise UserError(f"cannot write {name}: {text}; nothing was left behind") from error


def _replace(data: Path, output: Path, note: Path, beside: Path) -> None:
    """The file first. Where the manifest cannot follow, the old file comes back.

    A kill in between leaves a new file with an old manifest, whose digest is another; the next export mends that. So
    does a failure on a file system without hard links.
    """
    old, existed = _hidden(output, "old"), output.exists()
    with suppress(OSError):  # no old file, or no hard links
        os.link(output, old, follow_symlinks=False)
    try:
        data.replace(output)
        note.replace(beside)
    except OSError:
        if old.exists():
            old.replace(output)
        elif not existed:
            output.unlink(missing_ok=True)
        raise
    finally:
        old.unlink(missing_ok=True)


def _hidden(path: Path, ending: str) -> Path:
    return path.with_name(f".{path.name}.{os.getpid()}.{ending}")


def _quoted(path: Path) -> str:
    return str(path).replace("'", "''")
