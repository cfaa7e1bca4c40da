"""Which answers a data set lacks: what a prompt shall have, less what is stored."""

import json
from dataclasses import dataclass
from typing import Any

import duckdb

from datakit.datasets import Dataset
from datakit.engine import Message
from datakit.groups import create_groups
from schemas.options import GroupOptions, Origin


@dataclass(frozen=True, slots=True)
class Lack:
    """A prompt with the sample indexes that it lacks of a recipe; none where it has them all."""

    prompt_id: str
    messages: list[Message]
    tools: list[dict[str, Any]] | None
    indexes: tuple[int, ...]


def wanted(con: duckdb.DuckDBPyConnection, data: Dataset, n: int) -> tuple[int, int]:
    """How many answers a recipe shall have, and how many prompts there are."""
    create_groups(con, data, GroupOptions())
    row = con.execute(f"SELECT sum({samples_sql(n)}), count(*) FROM dataset_prompts").fetchone()
    return (int(row[0] or 0), int(row[1])) if row else (0, 0)


def count_missing(
    con: duckdb.DuckDBPyConnection, data: Dataset, n: int, recipe_id: str, origin: Origin = "sample"
) -> int:
    """How many answers of a recipe are missing; one of another origin does not stand in."""
    create_groups(con, data, GroupOptions())
    row = con.execute(f"SELECT count(*) FROM ({_missing_sql(n, (recipe_id, origin), 'dataset_prompts')})").fetchone()
    return int(row[0]) if row else 0


def page_of(
    con: duckdb.DuckDBPyConnection, data: Dataset, n: int, drawn: tuple[str, Origin], positions: tuple[int, int]
) -> list[Lack]:
    """The prompts at these positions of the data set (after the first number, up to the second); empty past its end.

    Args:
        con: a connection to the store.
        data: the data set.
        n: answers a prompt.
        drawn: recipe and origin of the answers.
        positions: which prompts.
    """
    create_groups(con, data, GroupOptions())
    con.execute(
        "CREATE OR REPLACE TEMP TABLE page AS FROM dataset_prompts WHERE position > $1 AND position <= $2",
        list(positions),
    )
    rows = con.execute(f"""
        SELECT p.prompt_id::VARCHAR, q.messages, q.tools, list(m.sample_index ORDER BY m.sample_index)
            FILTER (m.sample_index IS NOT NULL)
        FROM page p JOIN prompts q USING (prompt_id)
        LEFT JOIN ({_missing_sql(n, drawn, "page")}) m USING (prompt_id)
        GROUP BY p.prompt_id, p.position, q.messages, q.tools ORDER BY p.position
    """).fetchall()
    return [Lack(row[0], json.loads(row[1]), json.loads(row[2] or "null"), tuple(row[3] or ())) for row in rows]


def samples_sql(n: int, columns: str = "columns") -> str:
    """How many answers a prompt gets, by its columns: its own column `n`, or the command's."""
    return f"greatest(coalesce(try_cast({columns}->>'$.n' AS INTEGER), {n}), 0)"


def _missing_sql(n: int, drawn: tuple[str, Origin], prompts: str) -> str:
    recipe_id, origin = drawn
    return f"""
        SELECT prompt_id, i::INTEGER AS sample_index
        FROM (SELECT prompt_id, unnest(range({samples_sql(n)})) AS i FROM {prompts})
        ANTI JOIN (SELECT prompt_id, sample_index AS i FROM candidates
                   WHERE recipe_id = '{recipe_id}' AND origin = '{origin}') USING (prompt_id, i)
    """
