"""Where ingest gathers a file before anything is stored: a DuckDB of its own, in memory, that spills to disk.

So a file is judged as a whole (duplicates, filters, whether anything changed at all) before the store is touched.
Ids are made here, a column at a time, of canonical JSON that Python wrote: the md5 of schemas/identity.py in SQL.
"""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from types import TracebackType
from typing import Any, Self

import duckdb
import pyarrow as pa

from datakit.conversation import RowError, is_plain
from datakit.format import Answer, Entry
from datakit.reader import RawRow
from schemas.errors import StoreError
from schemas.identity import canonical_json, content_id

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


_TEXT, _LONG = pa.string(), pa.large_string()
_INCOMING = {
    "entries": _schema(source=_TEXT, line=pa.int64(), messages=_LONG, tools=_LONG, columns=_LONG),
    "answers": _schema(slot=pa.int32(), recipe_id=_TEXT, content=_LONG, text=_LONG, messages=_LONG, columns=_LONG),
    "verdicts": _schema(left=pa.int32(), right=pa.int32(), scorer=_TEXT, kind=_TEXT, verdict=_TEXT, reason=_TEXT),
    "ratings": _schema(slot=pa.int32(), scorer=_TEXT, kind=_TEXT, value=pa.float64()),
    "refused": _schema(part=pa.bool_(), reason=_TEXT, detail=_TEXT, source=_TEXT, line=pa.int64(), raw=_LONG),
}
"""What Python hands over; the ids are added in SQL."""

_TAKE_IN = """
INSERT INTO entries SELECT number, $batch, source, line,
    md5('[' || messages || ',' || coalesce(tools, 'null') || ']')::UUID, messages, tools, columns
FROM new_entries;
INSERT INTO answers SELECT number, slot, $batch, prompt_id,
    md5('["' || prompt_id || '","' || recipe_id || '","import",' || content || ']')::UUID,
    recipe_id, text, a.messages, a.columns
FROM new_answers a JOIN entries e USING (number) WHERE e.number >= $first;
INSERT INTO parts SELECT number, slot, candidate_id, md5(coalesce(a.columns, e.columns))::UUID, true
FROM answers a JOIN entries e USING (number) WHERE a.number >= $first AND e.number >= $first;
INSERT INTO parts SELECT number, 0, prompt_id, md5(columns)::UUID, false
FROM entries e ANTI JOIN new_answers USING (number) WHERE e.number >= $first;
INSERT INTO verdicts SELECT number, l.prompt_id, l.candidate_id, r.candidate_id, scorer, kind, verdict, reason
FROM new_verdicts v JOIN answers l USING (number) JOIN answers r USING (number)
WHERE l.slot = v.left AND r.slot = v.right AND l.number >= $first AND r.number >= $first;
INSERT INTO ratings SELECT number, slot, candidate_id, scorer, kind, value
FROM new_ratings JOIN answers a USING (number, slot) WHERE a.number >= $first;
INSERT INTO refused SELECT number, $batch, part, reason, detail, NULL, source, line, raw FROM new_refused;
"""


class Staging:
    """A file's rows on their way into the store. Rows are numbered from 1, in the file's order, good and bad alike."""

    def __init__(self) -> None:
        self.batches = 1
        self.recipes: dict[str, str] = {}
        """Recipe ids of the answers' models, by name."""
        self._waiting: dict[str, list[tuple[Any, ...]]] = {table: [] for table in _INCOMING}
        self._first: int | None = None
        self._flush_rows = self._flush_bytes = 0
        self._batch_rows = self._batch_bytes = 0

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
            told = canonical_json(columns)
            answers = [self._answer(number, slot, answer, columns) for slot, answer in enumerate(entry.answers)]
        except (ValueError, TypeError, RecursionError) as error:
            raise RowError("not_json", f"a value that JSON cannot hold ({error})") from error
        waiting = self._waiting
        waiting["entries"].append((number, raw.source, raw.line, messages, tools, told))
        waiting["answers"] += answers
        for v in entry.verdicts:
            waiting["verdicts"].append((number, v.left, v.right, v.scorer, v.kind, v.verdict, v.reason))
        for r in entry.ratings:
            waiting["ratings"].append((number, r.answer, r.scorer, r.kind, r.value))
        for what in entry.missing:
            waiting["refused"].append((number, True, "missing_answer", what, raw.source, raw.line, None))
        self._count(number, len(messages) + len(told) + sum(len(answer[3]) for answer in answers))

    def _answer(self, number: int, slot: int, answer: Answer, columns: dict[str, Any]) -> tuple[Any, ...]:
        own = {**columns, **answer.columns} if answer.columns else columns
        model = answer.model or own.get("model")
        recipe = self._recipe(model if isinstance(model, str) and model else IMPORTED)
        text = answer.messages[-1]["content"]
        told = canonical_json(own) if answer.columns else None
        if is_plain(answer.messages):
            return number, slot, recipe, canonical_json(text), text, None, told
        content = canonical_json(answer.messages)
        return number, slot, recipe, content, text, content, told

    def _recipe(self, model: str) -> str:
        if model not in self.recipes:
            self.recipes[model] = content_id([model, None, {}])
        return self.recipes[model]

    def refuse(self, number: int, raw: RawRow, problem: RowError) -> None:
        """Take in a bad row, for the ledger."""
        text = raw.text
        self._waiting["refused"].append((number, False, problem.reason, problem.detail, raw.source, raw.line, text))
        self._count(number, len(text))

    def _count(self, number: int, size: int) -> None:
        if self._first is None:
            self._first = number
        self._flush_rows += 1
        self._flush_bytes += size
        if self._flush_rows >= FLUSH_ROWS or self._flush_bytes >= FLUSH_BYTES:
            self.flush()

    def flush(self) -> None:
        """Hand what waits to DuckDB."""
        if self._first is None:
            return
        given = {"batch": self.batches, "first": self._first}
        with room_needed():
            for table, rows in self._waiting.items():
                self.con.register(f"new_{table}", _table(rows, _INCOMING[table]))
                rows.clear()
            for statement in self.con.extract_statements(_TAKE_IN):
                self.con.execute(statement, {name: given[name] for name in statement.named_parameters})
        self._batch_rows += self._flush_rows
        self._batch_bytes += self._flush_bytes
        if self._batch_rows >= BATCH_ROWS or self._batch_bytes >= BATCH_BYTES:
            self.batches += 1
            self._batch_rows = self._batch_bytes = 0
        self._first, self._flush_rows, self._flush_bytes = None, 0, 0


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
    columns = zip(*rows, strict=True) if rows else [()] * len(schema)
    arrays = [pa.array(column, field.type) for column, field in zip(columns, schema, strict=True)]
    return pa.Table.from_arrays(arrays, schema=schema)
