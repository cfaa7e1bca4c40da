"""Files become data sets: read, recognise, stage, and store what the store lacks.

The file is judged as a whole before anything is written, so identical content writes nothing. The store is then filled
in bounded transactions; the row in `datasets` comes last and is the commit point. What a killed run left behind before
it (members of a version that never came to be) is removed by the next one.
"""

from collections.abc import Iterator
from itertools import chain, islice
from pathlib import Path
from typing import Any

from datakit import datasets
from datakit.conversation import RowError
from datakit.fieldmap import FieldMap
from datakit.format import Format, read_row
from datakit.inputs import LEFT_OUT
from datakit.progress import Bar, track
from datakit.ratings import ingest_ratings, is_ratings
from datakit.reader import UNPARSED, RawRow, reader_of
from datakit.recognise import named_format, recognise
from datakit.settle import Settled, count_kept, settle
from datakit.shelve import Shelf, shelve, stored_version
from datakit.staging import FLUSH_ROWS, Staging
from datakit.store import Store
from datakit.strict_json import StrictJson
from datakit.textcolumns import TextColumns
from schemas.errors import ConfigError, InputError
from schemas.options import IngestOptions
from schemas.report import Report, counted

SAMPLE = 100
"""Rows by which a format is recognised."""


def ingest(path: Path, options: IngestOptions, *, store: Store) -> Report:
    """Read a file, or the directory of a saved HF data set, into the store.

    A new version of the data set is made if its content changed; if not, nothing is written. What a person saved on
    the page of `datakit review` becomes scores and comparisons of answers that are there.

    Args:
        path: JSON, JSONL, CSV, TSV or Parquet, also as .gz or .zst; or a directory that `save_to_disk` wrote.
        options: name, format, renamed fields, filters.
        store: where it goes.

    Raises:
        NotFoundError: there is no such file.
        InputError: the file cannot be read, its format is not recognised, no row is good, or (strict) one is bad.
        ConfigError: an option is wrong.
        StoreError: the store cannot be written.
    """
    if options.format is None and is_ratings(path):
        return ingest_ratings(path, store=store)
    with Staging() as staging:
        return ingest_through(staging, path, options, store=store)


def ingest_through(staging: Staging, path: Path, options: IngestOptions, *, store: Store) -> Report:
    """Like `ingest`, with staging tables (empty ones) of the caller's."""
    name = _name(path, options)
    layout = named_format(options.format) if options.format else None
    reading = _Reading(path, options, staging)
    format_name, note = reading.read(layout)
    settled = settle(staging, reading.rows, options.where, options.limit)
    _check(settled, path, options, format_name)
    config = {
        "content": settled.content,
        "format": format_name,
        "source": str(path),
        **options.model_dump(exclude={"name", "strict", "format", "max_failures"}, exclude_defaults=True),
        **({LEFT_OUT: settled.left_out} if settled.left_out else {}),
    }
    notes = (note, *(f"first {reason}: {text}" for reason, text in settled.first.items()))
    version = stored_version(store, name, settled)
    run_id = None
    if version is None:
        version, run_id = shelve(store, staging, settled, Shelf(name, config))
    else:
        notes = (f"nothing to do: {name}@{version} has the same content", *notes)
    return Report(
        stage="ingest",
        dataset=name,
        version=version,
        run_id=run_id,
        counts=settled.counts,
        reasons=settled.reasons,
        notes=notes,
        needs_attention=settled.bad > options.max_failures * settled.counts["rows"],
    )


def _name(path: Path, options: IngestOptions) -> str:
    name = options.name if options.name is not None else datasets.name_of(path.resolve() if path.is_dir() else path)
    if not name.strip() or "@" in name:
        raise ConfigError(f"{name!r} cannot name a data set (@ is for versions); name it with --as NAME")
    return name


def _check(settled: Settled, path: Path, options: IngestOptions, format_name: str) -> None:
    """Refuse a file of which nothing is left."""
    if settled.counts["kept"]:
        return
    rows = settled.counts["rows"]
    if set(settled.reasons) == {"not_selected"} or (options.where and "not_selected" in settled.reasons):
        raise InputError(f"{path}: none of its {counted(rows, 'rows')} satisfies --where {options.where}")
    reasons = ", ".join(f"{reason} {count}" for reason, count in settled.reasons.items())
    first = next(iter(settled.first.values()), "")
    fields = f"format {format_name} reads {named_format(format_name).fields}"
    raise InputError(f"{path}: none of its {counted(rows, 'rows')} is good ({reasons}); first {first}; {fields}")


class _Reading:
    """One pass over a file, into the staging tables."""

    def __init__(self, path: Path, options: IngestOptions, staging: Staging) -> None:
        self.rows = 0
        """How many rows the file has."""
        self._path = path
        self._options = options
        self._staging = staging
        self._json = StrictJson()
        self._map = FieldMap(options.map)

    def read(self, layout: Format | None) -> tuple[str, str]:
        """Stage every row; returns the format's name, and a line that says why it is that one."""
        reader = reader_of(self._path)
        rows = reader.rows(self._path)
        sample = list(islice(rows, SAMPLE))
        good = list(self._good(sample))
        if not sample:
            raise InputError(f"{self._path} holds no rows")
        if layout is None:
            if not good:
                raise InputError(
                    f"{self._path}: none of its first rows can be read; first {self._first_problem(sample)}"
                )
            name, why = recognise(good, str(self._path))
            layout, note = named_format(name), f"format {name}: {why}"
        else:
            name = str(self._options.format)
            note = f"format {name}, as told"
        typed = TextColumns([row for row in good if isinstance(row, dict)]) if reader.only_text else None
        with track("reading", None, unit="rows") as bar:
            self._stage(chain(sample, rows), layout, typed, bar)
        return name, note

    def _good(self, sample: list[RawRow]) -> Iterator[Any]:
        """The rows that can be parsed, fields renamed; checks the renaming on the way."""
        parsed = []
        for raw in sample:
            try:
                parsed.append(self._parsed(raw))
            except RowError as problem:
                self._stop_if_strict(raw, problem)
        self._map.check([row for row in parsed if isinstance(row, dict)], str(self._path))
        for row in parsed:
            try:
                yield self._map.apply(row)
            except RowError:
                continue

    def _first_problem(self, sample: list[RawRow]) -> str:
        raw = sample[0]
        try:
            self._map.apply(self._parsed(raw))
        except RowError as problem:
            return f"{raw.source}:{raw.line}: {problem}"
        return ""

    def _parsed(self, raw: RawRow) -> Any:
        if raw.value is UNPARSED:
            return self._json.parse(raw.raw or b"")
        if isinstance(raw.value, RowError):
            raise raw.value
        return raw.value

    def _stage(self, rows: Iterator[RawRow], layout: Format, typed: TextColumns | None, bar: Bar) -> None:
        # The only loop over single rows of a stage: every row must be judged alone, and blamed by its line.
        add, refuse = self._staging.add, self._staging.refuse
        for number, raw in enumerate(rows, 1):
            try:
                entry, fields = read_row(layout, self._map.apply(self._parsed(raw)))
                columns = fields.rest()
                add(number, raw, entry, typed.apply(columns) if typed else columns)
            except RowError as problem:
                self._stop_if_strict(raw, problem)
                refuse(number, raw, problem)
            self.rows = number
            if number % FLUSH_ROWS == 0:
                bar.advance(FLUSH_ROWS, FLUSH_ROWS)
                if self._enough():
                    self.rows += sum(1 for _ in rows)
                    return

    def _enough(self) -> bool:
        """Whether the limit is reached; a condition is only judged when all columns are known."""
        limit = self._options.limit
        return limit is not None and not self._options.where and count_kept(self._staging) >= limit

    def _stop_if_strict(self, raw: RawRow, problem: RowError) -> None:
        if self._options.strict:
            raise InputError(
                f"{raw.source}:{raw.line}: {problem}; mend the row, or leave out --strict to drop it into the ledger"
            ) from problem
