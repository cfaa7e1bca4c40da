"""Everything that a store has, as tables: data sets, recipes, trainings, newest runs."""

import json
import os
import socket

import duckdb

from datakit.show_cells import query_table
from schemas.report import Table, counted


def store_tables(con: duckdb.DuckDBPyConnection, limit: int) -> list[Table]:
    """Data sets, recipes, trainings, and the newest `limit` runs."""
    return [
        query_table(
            con,
            "Data sets",
            """
            WITH sizes AS (
                SELECT dataset, version, count(DISTINCT prompt_id) AS prompts, count(DISTINCT candidate_id) AS answers,
                    0 AS pairs FROM members GROUP BY ALL
                UNION ALL BY NAME
                SELECT dataset, version, 0 AS prompts, count(*) AS answers, 0 AS pairs
                FROM (SELECT DISTINCT dataset, version, prompt_id FROM members)
                JOIN dataset_recipes USING (dataset) JOIN candidates c USING (prompt_id, recipe_id)
                WHERE c.origin = 'sample' GROUP BY ALL
                UNION ALL BY NAME
                SELECT dataset, version, count(DISTINCT prompt_id) AS prompts, 0 AS answers, count(*) AS pairs
                FROM pairs GROUP BY ALL
                UNION ALL BY NAME
                SELECT dataset, version, count(DISTINCT prompt_id) AS prompts, count(*) AS answers, 0 AS pairs
                FROM selections GROUP BY ALL
            )
            SELECT d.name || '@' || d.version AS name, d.kind, coalesce(max(s.prompts), 0) AS prompts,
                coalesce(sum(s.answers), 0)::BIGINT AS answers, coalesce(sum(s.pairs), 0)::BIGINT AS pairs,
                strftime(any_value(r.started_at), '%Y-%m-%d %H:%M') AS made
            FROM datasets d LEFT JOIN sizes s ON s.dataset = d.name AND s.version = d.version
            LEFT JOIN runs r USING (run_id)
            GROUP BY d.name, d.version, d.kind ORDER BY d.name, d.version
            """,
            empty="none yet; `datakit ingest FILE` makes one",
        ),
        query_table(
            con,
            "Recipes",
            """
            SELECT left(r.recipe_id::VARCHAR, 8) AS recipe, r.model, left(r.revision, 12) AS revision,
                r.params->>'$.temperature' AS temperature, count(c.candidate_id) AS candidates
            FROM recipes r LEFT JOIN candidates c USING (recipe_id) GROUP BY ALL ORDER BY r.model, recipe
            """,
        ),
        *_trainings(con),
        _runs(con, limit),
    ]


def _trainings(con: duckdb.DuckDBPyConnection) -> list[Table]:
    """What was trained, if anything was; steps and loss are the newest that were logged."""
    found = query_table(
        con,
        "Trainings",
        """
        SELECT left(t.run_id::VARCHAR, 8) AS run, t.method, t.dataset || '@' || t.version AS "data set",
            regexp_extract(t.model, '[^/]+/*$') AS "from", max(m.step) AS steps,
            round(arg_max(m.value, m.step) FILTER (m.name IN ('loss', 'reward')), 4) AS "loss or reward",
            round(arg_max(m.value, m.step) FILTER (m.name = 'eval_loss'), 4) AS "held out",
            t.output
        FROM trainings t JOIN runs r USING (run_id) LEFT JOIN metrics m USING (run_id)
        GROUP BY ALL ORDER BY any_value(r.started_at)
        """,
    )
    return [found] if found.rows else []


def _runs(con: duckdb.DuckDBPyConnection, limit: int) -> Table:
    found = con.execute(
        """
        SELECT left(run_id::VARCHAR, 8), strftime(started_at, '%m-%d %H:%M:%S'), stage, status, counts,
            date_diff('millisecond', started_at, finished_at) / 1000, versions
        FROM runs ORDER BY started_at DESC LIMIT ?
        """,
        [limit],
    ).fetchall()
    rows = [(*row[:3], _status(row[3], row[6]), _counts(row[4]), row[5]) for row in found]
    return Table(
        title="Newest runs",
        columns=("run", "started (UTC)", "stage", "status", "counts", "seconds"),
        rows=tuple(rows),
    )


def _status(status: str, versions: str | None) -> str:
    """`running`, unless that process is gone: then it was killed."""
    process = json.loads(versions or "{}")
    if status != "running" or process.get("host") != socket.gethostname():
        return status
    try:
        os.kill(int(process["pid"]), 0)
    except ProcessLookupError:
        return "killed"
    except PermissionError:
        return status
    return status


def _counts(text: str | None) -> str:
    found = {name: value for name, value in json.loads(text or "{}").items() if value and ":" not in name}
    return ", ".join(counted(value, name) for name, value in found.items())
