"""What is still to be judged: a query, asked scorer by scorer and page by page, so that memory stays bounded.

A page is a range of rows of `candidates`. What is read for it is what is stored in that range, so a page costs what it
holds, whatever the size of the store.
"""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import duckdb
import pyarrow as pa

from datakit.conditions import condition_sql
from datakit.datasets import Dataset
from datakit.groups import create_groups, narrow_groups
from datakit.inputs import Inputs, inputs_hash_sql, inputs_of
from rewards.admission import JSON
from rewards.outcome import Status
from rewards.scorer import Scorer
from schemas.options import GroupOptions

BUCKET = 4096
"""Rows of `candidates` that are counted together."""

FAILED = (Status.ERROR, Status.TIMEOUT)
_FAILED_SQL = "('error', 'timeout')"


@dataclass
class Tally:
    """Outcomes of one scorer, counted."""

    outcomes: Counter[str] = field(default_factory=Counter)
    """By status."""
    total: float = 0.0
    """Sum of the values."""

    @property
    def failures(self) -> int:
        """Outcomes that are error or timeout."""
        return sum(self.outcomes[status] for status in FAILED)


@dataclass(frozen=True)
class Work:
    """What a scorer has judged and what it has not."""

    scorer: Scorer
    inputs: Inputs
    stored: Tally
    buckets: tuple[tuple[int, int], ...]
    """Where rows are missing: (number of the bucket, missing rows), ascending."""
    not_asked: int = 0
    """Candidates of prompts that the scorer is not meant for."""

    @property
    def missing(self) -> int:
        """Candidates to be judged."""
        return sum(count for _, count in self.buckets)


@dataclass(frozen=True, slots=True)
class Query:
    """Whose candidates, and whether failures count as missing."""

    dataset: Dataset
    groups: GroupOptions
    retry: bool


@dataclass(frozen=True, slots=True)
class Page:
    """Rows to judge; candidates of a prompt that are equal in all that the scorer reads share one."""

    inputs: pa.Table
    candidate_ids: pa.ListArray
    inputs_hash: pa.Array


def survey(con: duckdb.DuckDBPyConnection, query: Query, scorer: Scorer, columns: Sequence[str]) -> Work:
    """Count what a scorer has judged, and where it has not.

    Args:
        con: a connection to the store.
        query: whose candidates.
        scorer: the scorer.
        columns: the data set's columns.
    """
    create_groups(con, query.dataset, query.groups, features="rowid AS place")
    found = con.execute(f"""
        SELECT s.status, CASE WHEN {_missing("s.status", query.retry)} THEN g.place // {BUCKET} END AS bucket,
            count(*), sum(s.value)
        FROM {_with_hash(scorer)} g LEFT JOIN {_scores_of(scorer)} s USING (candidate_id, inputs_hash)
        GROUP BY ALL ORDER BY bucket
    """).fetchall()
    stored, buckets = Tally(), Counter[int]()
    for status, bucket, count, total in found:
        if bucket is None:
            stored.outcomes[status] += count
            stored.total += total or 0.0
        else:
            buckets[bucket] += count
    return Work(scorer, inputs_of(scorer, columns), stored, tuple(sorted(buckets.items())), _not_asked(con, scorer))


def _not_asked(con: duckdb.DuckDBPyConnection, scorer: Scorer) -> int:
    if not scorer.when:
        return 0
    condition = condition_sql(scorer.when, "columns")
    row = con.execute(f"SELECT count(*) FROM groups WHERE NOT ({condition})").fetchone()
    return int(row[0]) if row else 0


def commonest_failures(
    con: duckdb.DuckDBPyConnection, query: Query, scorer: Scorer, most: int
) -> list[tuple[str, str, int]]:
    """The commonest stored failures of a scorer: status, reason, how many."""
    create_groups(con, query.dataset, query.groups)
    return con.execute(f"""
        SELECT s.status, coalesce(s.reason, ''), count(*) AS n
        FROM {_with_hash(scorer)} g JOIN {_scores_of(scorer)} s USING (candidate_id, inputs_hash)
        WHERE s.status IN {_FAILED_SQL} GROUP BY ALL ORDER BY n DESC, 1, 2 LIMIT {most}
    """).fetchall()


def _with_hash(scorer: Scorer) -> str:
    """The candidates that a scorer is meant for."""
    meant = f" WHERE {condition_sql(scorer.when, 'columns')}" if scorer.when else ""
    return f"(SELECT *, {inputs_hash_sql(scorer, 'columns')} AS inputs_hash FROM groups{meant})"


def _scores_of(scorer: Scorer) -> str:
    return f"(FROM scores WHERE scorer_id = '{scorer.scorer_id}')"


def _missing(status: str, retry: bool) -> str:
    return f"({status} IS NULL OR {status} IN {_FAILED_SQL})" if retry else f"{status} IS NULL"


def take_page(buckets: deque[tuple[int, int]], most: int) -> tuple[int, int]:
    """The next range of rows of `candidates` (first and last), with about as many missing rows as asked for."""
    first, count = buckets.popleft()
    last = first
    while buckets and count + buckets[0][1] <= most:
        last, more = buckets.popleft()
        count += more
    return first * BUCKET, (last + 1) * BUCKET - 1


def _missing_sql(con: duckdb.DuckDBPyConnection, query: Query, work: Work, rows: tuple[int, int]) -> str:
    """The rows that are missing in a range, as a SELECT: candidate_id, inputs_hash, place, prompt_id and the inputs."""
    features = ", ".join(filter(None, ["rowid AS place", work.inputs.features]))
    create_groups(con, query.dataset, query.groups, features=features)
    narrow_groups(con, query.dataset, *rows)
    columns = "".join(f", {source.sql} AS {quoted(source.name)}" for source in work.inputs.sources)
    kept = f"WHERE status NOT IN {_FAILED_SQL}" if query.retry else ""
    return f"""
        SELECT g.candidate_id, g.inputs_hash, g.place, g.prompt_id{columns}
        FROM {_with_hash(work.scorer)} g ANTI JOIN (FROM {_scores_of(work.scorer)} {kept}) s
            ON s.candidate_id = g.candidate_id AND s.inputs_hash = g.inputs_hash {work.inputs.joins}
        WHERE g.place BETWEEN {rows[0]} AND {rows[1]}
    """


def read_page(con: duckdb.DuckDBPyConnection, query: Query, work: Work, rows: tuple[int, int]) -> Page:
    """The rows that are missing in a range."""
    columns = "".join(f", {quoted(source.name)}" for source in work.inputs.sources)
    table = con.execute(f"""
        SELECT list(candidate_id::VARCHAR) AS candidate_ids, inputs_hash::VARCHAR AS inputs_hash{columns}
        FROM ({_missing_sql(con, query, work, rows)}) GROUP BY prompt_id, inputs_hash{columns} ORDER BY min(place)
    """).to_arrow_table()
    return Page(
        _inputs(table, work),
        table.column("candidate_ids").combine_chunks(),
        table.column("inputs_hash").combine_chunks(),
    )


def stream_rows(
    con: duckdb.DuckDBPyConnection, query: Query, work: Work, rows: tuple[int, int], batch: int
) -> Iterator[tuple[pa.Table, pa.Table]]:
    """The rows that are missing in a range, a batch at a time: their ids (candidate_id, inputs_hash) and their inputs.

    Every row for itself, in no particular order, its ids as 16 bytes.
    """
    columns = "".join(f", {quoted(source.name)}" for source in work.inputs.sources)
    con.execute("SET arrow_lossless_conversion = true")
    found = con.execute(f"SELECT candidate_id, inputs_hash{columns} FROM ({_missing_sql(con, query, work, rows)})")
    for read in found.to_arrow_reader(batch):
        table = pa.Table.from_batches([read])
        yield table.select([0, 1]), _inputs(table, work)


def _inputs(table: pa.Table, work: Work) -> pa.Table:
    """The input table of a rule, which follows two columns of ids; of a rule without inputs, any column."""
    sources = work.inputs.sources
    if not sources:
        return table.select([1])
    fields = [
        column.with_metadata(JSON) if source.json else column
        for column, source in zip(list(table.schema)[2:], sources, strict=True)
    ]
    return table.select(range(2, table.num_columns)).cast(pa.schema(fields))


def quoted(name: str) -> str:
    """A name as an SQL identifier."""
    return '"' + name.replace('"', '""') + '"'
