"""Where ingest gathers a file before anything is stored: a DuckDB of its own, in memory, that spills to disk.

So a file is judged as a whole (duplicates, filters, whether anything changed at all) before the store is touched.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa

from datakit.conversation import RowError, is_plain, without_thoughts
from datakit.format import Answer, Entry
from datakit.identities import imported_id, prompt_id_of
from datakit.reader import RawRow
from schemas.errors import StoreError
from schemas.identity import canonical_json, content_id, text_id

FLUSH_ROWS = 8192
FLUSH_BYTES = 1 << 25
"""Rows, or characters of text, that wait in Python before they go to DuckDB."""

BATCH_ROWS = 1 << 17
BATCH_BYTES = 1 << 27
"""Rows, or characters of text, that the store later takes in one transaction: about a second of work."""

MEMORY = "1GB"
"""What DuckDB keeps in memory; the rest goes to the disk (TMPDIR)."""

IMPORTED = "import"
"""The model's name in the recipe of answers whose writer is not known."""

_TABLES = """
CREATE TABLE entries (
    number BIGINT, batch INTEGER, source VARCHAR, line BIGINT, prompt_id UUID,
    messages VARCHAR, tools VARCHAR, columns VARCHAR
);
CREATE TABLE answers (
    number BIGINT, slot INTEGER, batch INTEGER, prompt_id UUID, candidate_id UUID, recipe_id UUID,
    text VARCHAR, messages VARCHAR,
    columns VARCHAR               -- null: the entry's
);
-- What may become a member: an answer, or the prompt of an entry without answers.
CREATE TABLE parts (number BIGINT, slot INTEGER, item_id UUID, columns_id UUID, answer BOOLEAN);
CREATE TABLE verdicts (
    number BIGINT, prompt_id UUID, left_id UUID, right_id UUID,
    scorer VARCHAR, kind VARCHAR, verdict VARCHAR, reason VARCHAR
);
CREATE TABLE ratings (number BIGINT, slot INTEGER, candidate_id UUID, scorer VARCHAR, kind VARCHAR, value DOUBLE);
-- part: only a part of the row was left out, the row itself was read.
CREATE TABLE refused (
    number BIGINT, batch INTEGER, part BOOLEAN, reason VARCHAR, detail VARCHAR, item_id UUID,
    source VARCHAR, line BIGINT, raw VARCHAR
);
"""


def _schema(**types: pa.DataType) -> pa.Schema:
    return pa.schema([("number", pa.int64()), *types.items()])


_ID = _TEXT = pa.string()
_LONG = pa.large_string()
_INCOMING = {
    "entries": _schema(
        batch=pa.int32(), source=_TEXT, line=pa.int64(), prompt_id=_ID, messages=_LONG, tools=_LONG, columns=_LONG
    ),
    "answers": _schema(
        slot=pa.int32(),
        batch=pa.int32(),
        prompt_id=_ID,
        candidate_id=_ID,
        recipe_id=_ID,
        text=_LONG,
        messages=_LONG,
        columns=_LONG,
    ),
    "parts": _schema(slot=pa.int32(), item_id=_ID, columns_id=_ID, answer=pa.bool_()),
    "verdicts": _schema(
        prompt_id=_ID, left_id=_ID, right_id=_ID, scorer=_TEXT, kind=_TEXT, verdict=_TEXT, reason=_TEXT
    ),
    "ratings": _schema(slot=pa.int32(), candidate_id=_ID, scorer=_TEXT, kind=_TEXT, value=pa.float64()),
    "refused": _schema(
        batch=pa.int32(),
        part=pa.bool_(),
        reason=_TEXT,
        detail=_TEXT,
        item_id=_ID,
        source=_TEXT,
        line=pa.int64(),
        raw=_LONG,
    ),
}
"""The tables again, as Arrow brings their rows: ids are text on the way."""


class Staging:
    """A file's rows on their way into the store. Rows are numbered from 1, in the file's order, good and bad alike."""

    def __init__(self, batch_rows: int = BATCH_ROWS) -> None:
        self.batches = 1
        self.recipes: dict[str, str] = {}
        """Recipe ids of the answers' models, by name."""
        self._waiting: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _INCOMING}
        self._flush_rows = self._flush_bytes = 0
        self._batch_rows = self._batch_bytes = 0
        self._most_rows = batch_rows

    def __enter__(self) -> Self:
        self._directory = tempfile.TemporaryDirectory(prefix="datakit-", ignore_cleanup_errors=True)
        self.con = duckdb.connect(config={"memory_limit": MEMORY, "temp_directory": self._directory.name})
        self.con.execute(_TABLES)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.con.close()
        self._directory.cleanup()

    def add(self, number: int, raw: RawRow, entry: Entry, columns: dict[str, Any]) -> None:
        """Take in a good row.

        Raises:
            RowError: it holds what JSON or UTF-8 cannot say; nothing of it is taken in.
        """
        try:
            messages = canonical_json(entry.messages)
            tools = None if entry.tools is None else canonical_json(entry.tools)
            own = canonical_json(columns)
            prompt_id = prompt_id_of(messages, tools)
            answers = [self._answer(prompt_id, answer, columns) for answer in entry.answers]
        except (ValueError, TypeError, RecursionError) as error:
            raise RowError("not_json", f"a value that JSON cannot hold ({error})") from error
        waiting, batch = self._waiting, self.batches
        waiting["entries"].append((number, batch, raw.source, raw.line, prompt_id, messages, tools, own))
        own_id = text_id(own)
        if not answers:
            waiting["parts"].append((number, 0, prompt_id, own_id, False))
        for slot, (candidate_id, recipe, text, turns, told) in enumerate(answers):
            waiting["answers"].append((number, slot, batch, prompt_id, candidate_id, recipe, text, turns, told))
            columns_id = own_id if told is None else text_id(told)
            waiting["parts"].append((number, slot, candidate_id, columns_id, True))
        self._add_judgements(number, raw, entry, prompt_id, [answer[0] for answer in answers])
        self._count(len(messages) + len(own) + sum(len(text) for _, _, text, _, _ in answers))

    def _add_judgements(
        self, number: int, raw: RawRow, entry: Entry, prompt_id: str, candidates: Sequence[str]
    ) -> None:
        waiting = self._waiting
        for v in entry.verdicts:
            sides = (candidates[v.left], candidates[v.right])
            waiting["verdicts"].append((number, prompt_id, *sides, v.scorer, v.kind, v.verdict, v.reason))
        for r in entry.ratings:
            waiting["ratings"].append((number, r.answer, candidates[r.answer], r.scorer, r.kind, r.value))
        for what in entry.missing:
            source = (raw.source, raw.line, None)
            waiting["refused"].append((number, self.batches, True, "missing_answer", what, prompt_id, *source))

    def _answer(
        self, prompt_id: str, answer: Answer, columns: dict[str, Any]
    ) -> tuple[str, str, str, str | None, str | None]:
        """Candidate id, recipe id, text, messages (null for plain text), and columns (null: the entry's)."""
        own = {**columns, **answer.columns} if answer.columns else columns
        model = answer.model or own.get("model")
        recipe = self._recipe(model if isinstance(model, str) and model else IMPORTED)
        messages = [*answer.messages[:-1], without_thoughts(answer.messages[-1])]
        text = messages[-1]["content"]
        turns = None if is_plain(messages) else canonical_json(messages)
        candidate_id = imported_id(prompt_id, recipe, text, turns)
        return candidate_id, recipe, text, turns, canonical_json(own) if answer.columns else None

    def _recipe(self, model: str) -> str:
        if model not in self.recipes:
            self.recipes[model] = content_id([model, None, {}])
        return self.recipes[model]

    def refuse(self, number: int, raw: RawRow, problem: RowError) -> None:
        """Take in a bad row, for the ledger."""
        text = raw.text
        source = (raw.source, raw.line, text)
        self._waiting["refused"].append((number, self.batches, False, problem.reason, problem.detail, None, *source))
        self._count(len(text))

    def _count(self, size: int) -> None:
        self._flush_rows += 1
        self._flush_bytes += size
        if self._flush_rows >= min(FLUSH_ROWS, self._most_rows) or self._flush_bytes >= FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand what waits to DuckDB."""
        with room_needed():
            for table, rows in self._waiting.items():
                if rows:
                    self.con.register("incoming", _table(rows, _INCOMING[table]))
                    self.con.execute(f"INSERT INTO {table} BY NAME FROM incoming")
                    rows.clear()
        self._batch_rows += self._flush_rows
        self._batch_bytes += self._flush_bytes
        if self._batch_rows >= self._most_rows or self._batch_bytes >= BATCH_BYTES:
            self.batches += 1
            self._batch_rows = self._batch_bytes = 0
        self._flush_rows = self._flush_bytes = 0


@contextmanager
def room_needed() -> Iterator[None]:
    """Say in one line where there was no room.

    Raises:
        StoreError: the disk for temporary files is full.
    """
    try:
        yield
    except (duckdb.IOException, duckdb.OutOfMemoryException) as error:
        place = tempfile.gettempdir()
        text = " ".join(str(error).split())[:200]
        raise StoreError(f"no room for temporary files in {place} ({text}); set TMPDIR to a larger disk") from error


def _table(rows: Sequence[tuple[Any, ...]], schema: pa.Schema) -> pa.Table:
    arrays = [pa.array(column, field.type) for column, field in zip(zip(*rows, strict=True), schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)
