"""Columnar rules at millions of rows a second: the store's texts stream through them, on every core.

A batch is small enough that its memory is used again for the next one; whole pages would cost more to allocate than to
judge (docs/benchmarks.md).
"""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from threading import Event

import duckdb
import pyarrow as pa

from datakit.outcomes import Streak, outcome_rows
from datakit.worklist import Query, Work, stream_rows
from rewards.engine import Judged, RulePool

BATCH = 20_480
"""Rows that the rule is shown at once."""

Block = tuple[Judged, pa.Table]
"""What became of a batch, and its rows of `scores`."""


def judge_columns(
    con: duckdb.DuckDBPyConnection, pool: RulePool, query: Query, work: Work, rows: tuple[int, int]
) -> list[Block]:
    """Judge what is missing in a range of rows of `candidates` (first and last), on all workers.

    Raises:
        RuleError: the rule does not give one number a row.
    """
    stop = Event()

    def judge_part(part: tuple[int, int]) -> list[Block]:
        streak, found = Streak(work.scorer), []
        with con.cursor() as cursor:
            for ids, inputs in stream_rows(cursor, query, work, part, BATCH):
                if stop.is_set():
                    break
                for judged in pool.judge(work.scorer, inputs):
                    candidates, hashes = (column.combine_chunks().take(judged.rows) for column in ids.columns)
                    found.append((judged, outcome_rows(candidates, hashes, judged)))
                    streak.add(judged)
                if streak.broken:  # the search for the rows that fail is slow where all of them do
                    break
        return found

    with ThreadPoolExecutor(pool.workers) as threads:
        try:
            return [block for blocks in threads.map(judge_part, _parts(rows, pool.workers)) for block in blocks]
        finally:
            stop.set()


def _parts(rows: tuple[int, int], parts: int) -> Iterator[tuple[int, int]]:
    """A range in parts of one size."""
    first, last = rows
    step = (last - first) // parts + 1
    return ((start, min(start + step - 1, last)) for start in range(first, last + 1, step))
