"""Which answers a judge compares, which of these it has not judged yet, and who won."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from datakit.datasets import Dataset
from datakit.groups import create_groups
from schemas.options import GroupOptions
from schemas.report import Table

_COLUMNS = ("prompt_id", "left_id", "right_id", "scorer_id", "status", "verdict", "reason", "run_id")
COMPARED = pa.schema([(name, pa.string()) for name in _COLUMNS])
"""Rows of the table `comparisons`."""


@dataclass(frozen=True, slots=True)
class Match:
    """Two answers to a prompt; the smaller id is on the left."""

    prompt_id: str
    left_id: str
    right_id: str
    turns: list[dict[str, Any]]
    left: str
    right: str

    def key(self) -> dict[str, str]:
        """The columns by which `comparisons` knows it."""
        return {"prompt_id": self.prompt_id, "left_id": self.left_id, "right_id": self.right_id}


_DRAWN = """
    SELECT a.prompt_id, a.candidate_id AS left_id, b.candidate_id AS right_id
    FROM groups a JOIN groups b ON a.prompt_id = b.prompt_id AND a.candidate_id < b.candidate_id AND a.said != b.said
    QUALIFY row_number() OVER (
        PARTITION BY a.prompt_id ORDER BY md5($seed || a.candidate_id::VARCHAR || b.candidate_id::VARCHAR)
    ) <= $most
"""
_PAIRS = """
    SELECT DISTINCT prompt_id, least(chosen_id, rejected_id) AS left_id, greatest(chosen_id, rejected_id) AS right_id
    FROM pairs WHERE dataset = $name AND version = $version
"""


def matches_of(con: duckdb.DuckDBPyConnection, dataset: Dataset, most: int, seed: int) -> list[Match]:
    """The two sides of each pair of a set of pairs; of other sets, at most so many pairs of answers to each prompt."""
    if dataset.kind == "pairs":
        query, values = _PAIRS, {"name": dataset.name, "version": dataset.version}
    else:
        create_groups(con, dataset, GroupOptions(), features="md5(trim(text)) AS said")
        query, values = _DRAWN, {"seed": str(seed), "most": most}
    rows = con.execute(
        f"""
        SELECT m.prompt_id::VARCHAR, m.left_id::VARCHAR, m.right_id::VARCHAR, p.messages, l.text, r.text
        FROM ({query}) m JOIN prompts p USING (prompt_id)
            JOIN candidates l ON l.candidate_id = m.left_id JOIN candidates r ON r.candidate_id = m.right_id
        ORDER BY ALL
        """,
        values,
    ).fetchall()
    return [
        Match(prompt_id, left_id, right_id, json.loads(turns), left, right)
        for prompt_id, left_id, right_id, turns, left, right in rows
    ]


def missing_of(con: duckdb.DuckDBPyConnection, matches: Sequence[Match], scorer: str, *, retry: bool) -> list[Match]:
    """Those without a verdict of a scorer; with `retry`, those that ended in an error too."""
    rows = con.execute(
        "SELECT left_id::VARCHAR, right_id::VARCHAR FROM comparisons WHERE scorer_id = ?::UUID "
        f"{'AND status = ' + repr('ok') if retry else ''}",
        [scorer],
    ).fetchall()
    known = set(rows)
    return [match for match in matches if (match.left_id, match.right_id) not in known]


def standings(con: duckdb.DuckDBPyConnection, matches: Sequence[Match], scorer: str) -> tuple[dict[str, int], Table]:
    """How many of the matches are judged, how many ended in an error, and a line a model."""
    con.register("matches", pa.Table.from_pylist([match.key() for match in matches]))
    judged = f"""
        SELECT c.* FROM comparisons c JOIN matches m ON c.left_id = m.left_id::UUID AND c.right_id = m.right_id::UUID
        WHERE c.scorer_id = '{scorer}'
    """
    counts = con.execute(f"SELECT count(*), count(*) FILTER (status != 'ok') FROM ({judged})").fetchall()[0]
    rows = con.execute(f"""
        WITH sides AS (
            SELECT left_id AS candidate_id, verdict = 'left' AS won, verdict = 'tie' AS tied
            FROM ({judged}) WHERE status = 'ok'
            UNION ALL
            SELECT right_id, verdict = 'right', verdict = 'tie' FROM ({judged}) WHERE status = 'ok'
        )
        SELECT model, count(*) FILTER (won) AS won, count(*) FILTER (NOT won AND NOT tied) AS lost,
            count(*) FILTER (tied) AS tied, avg(won::INT + tied::INT / 2)
        FROM sides JOIN candidates USING (candidate_id) JOIN recipes USING (recipe_id)
        GROUP BY model ORDER BY 5 DESC, model
    """).fetchall()
    columns = ("model", "won", "lost", "tied", "score (a tie is half)")
    return {"pairs": counts[0], "errors": counts[1]}, Table(title="answers by model", columns=columns, rows=tuple(rows))
