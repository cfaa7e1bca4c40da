"""Looking into the store: everything, one data set, or one prompt with its group, outcomes and pairs."""

import json
import os
import socket
from collections.abc import Sequence
from typing import Any

import duckdb

from datakit import datasets
from datakit.datasets import Dataset
from datakit.groups import create_groups
from datakit.store import Store
from schemas.errors import NotFoundError, UserError
from schemas.options import GroupOptions
from schemas.report import Report, Table, counted

LONGEST_CELL = 1200
"""Characters of a text that a table shows."""


def show(name: str | None = None, *, prompt: str | None = None, limit: int = 10, store: Store) -> Report:
    """Describe the store, the data set `name`, or the prompt whose id begins with `prompt`.

    Raises:
        NotFoundError: there is no such data set or prompt.
    """
    with store.read() as con:
        if prompt is not None:
            dataset = datasets.get(con, name) if name else None
            return Report(stage="show", tables=tuple(_prompt_tables(con, _prompt_id(con, prompt), dataset)))
        if name is not None:
            dataset = datasets.get(con, name)
            return Report(
                stage="show",
                dataset=dataset.name,
                version=dataset.version,
                tables=tuple(_dataset(con, dataset, limit)),
            )
        tables = tuple(table for table in _overview(con, limit) if table.rows)
        return Report(stage="show", notes=() if tables else ("the store is empty",), tables=tables)


def example_pair(con: duckdb.DuckDBPyConnection, dataset: Dataset) -> Table | None:
    """The pair with the widest margin, side by side."""
    row = con.execute(
        """
        SELECT q.messages, a.text, b.text, p.chosen_reward, p.rejected_reward
        FROM pairs p JOIN prompts q USING (prompt_id)
        JOIN candidates a ON a.candidate_id = p.chosen_id JOIN candidates b ON b.candidate_id = p.rejected_id
        WHERE p.dataset = ? AND p.version = ? ORDER BY p.margin DESC NULLS LAST, p.pair_id LIMIT 1
        """,
        [dataset.name, dataset.version],
    ).fetchone()
    if row is None:
        return None
    return Table(
        title=f"A pair of {dataset}: {_clip(_last_turn(row[0]), 400)}",
        columns=(f"chosen ({_number(row[3])})", f"rejected ({_number(row[4])})"),
        rows=((_clip(row[1]), _clip(row[2])),),
    )


def _overview(con: duckdb.DuckDBPyConnection, limit: int) -> list[Table]:
    return [
        _table(
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
        ),
        _table(
            con,
            "Recipes",
            """
            SELECT left(r.recipe_id::VARCHAR, 8) AS recipe, r.model, left(r.revision, 12) AS revision,
                r.params->>'$.temperature' AS temperature, count(c.candidate_id) AS candidates
            FROM recipes r LEFT JOIN candidates c USING (recipe_id) GROUP BY ALL ORDER BY r.model, recipe
            """,
        ),
        _runs(con, limit),
    ]


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


def _dataset(con: duckdb.DuckDBPyConnection, dataset: Dataset, limit: int) -> list[Table]:
    key = [dataset.name, dataset.version]
    tables = [
        Table(
            title=f"{dataset} ({dataset.kind})",
            columns=("setting", "value"),
            rows=tuple((name, _text(value)) for name, value in dataset.config.items()),
        ),
        _table(
            con,
            "What was dropped, and why",
            "SELECT reason, count(*) AS rows, any_value(detail) AS example FROM ledger WHERE run_id = ? "
            "GROUP BY reason ORDER BY rows DESC",
            [dataset.run_id],
        ),
    ]
    pair = example_pair(con, dataset)
    if pair:
        tables.append(
            _table(
                con,
                "Pairs",
                "SELECT left(prompt_id::VARCHAR, 8) AS prompt, left(pair_id::VARCHAR, 8) AS pair, chosen_reward, "
                "rejected_reward, margin FROM pairs WHERE dataset = ? AND version = ? "
                f"ORDER BY margin DESC, pair_id LIMIT {limit}",
                key,
            )
        )
        tables.append(pair)
    if dataset.kind not in {"pairs", "selection"}:
        tables += [_columns(con, key), _outcomes(con, dataset)]
    if dataset.kind == "selection":
        tables.append(_selection(con, key, limit))
    tables.append(_prompts(con, dataset, limit))
    return [table for table in tables if table.rows]


def _columns(con: duckdb.DuckDBPyConnection, key: Sequence[Any]) -> Table:
    return _table(
        con,
        "Columns",
        """
        SELECT name AS column, count(*) AS rows, left(any_value(columns->>('$."' || name || '"')), 60) AS example
        FROM (SELECT columns, unnest(json_keys(columns)) AS name FROM members WHERE dataset = ? AND version = ?)
        GROUP BY name ORDER BY name
        """,
        key,
    )


def _outcomes(con: duckdb.DuckDBPyConnection, dataset: Dataset) -> Table:
    create_groups(con, dataset, GroupOptions())
    return _table(
        con,
        "Outcomes",
        """
        SELECT s.name AS scorer, left(s.scorer_id::VARCHAR, 8) AS version, avg(x.value) AS mean,
            count(*) FILTER (x.status = 'ok') AS ok, count(*) FILTER (x.status = 'skip') AS skip,
            count(*) FILTER (x.status = 'error') AS error, count(*) FILTER (x.status = 'timeout') AS timeout
        FROM newest_scores x JOIN scorers s USING (scorer_id) SEMI JOIN groups g USING (candidate_id)
        GROUP BY s.name, s.scorer_id ORDER BY s.name, version
        """,
    )


def _selection(con: duckdb.DuckDBPyConnection, key: Sequence[Any], limit: int) -> Table:
    return _table(
        con,
        "Selected",
        f"SELECT left(prompt_id::VARCHAR, 8) AS prompt, rank, reward, left(text, 300) AS text FROM selections "
        f"JOIN candidates USING (prompt_id, candidate_id) WHERE dataset = ? AND version = ? "
        f"ORDER BY reward DESC, candidate_id LIMIT {limit}",
        key,
    )


def _prompts(con: duckdb.DuckDBPyConnection, dataset: Dataset, limit: int) -> Table:
    found = con.execute(
        f"""
        SELECT left(prompt_id::VARCHAR, 8), q.messages, count(DISTINCT c.candidate_id)
        FROM (SELECT prompt_id, min(line) AS line FROM members WHERE dataset = $1 AND version = $2 GROUP BY prompt_id)
        JOIN prompts q USING (prompt_id) LEFT JOIN candidates c USING (prompt_id)
        GROUP BY prompt_id, q.messages, line ORDER BY line LIMIT {limit}
        """,
        [dataset.name, dataset.version],
    ).fetchall()
    rows = tuple((row[0], _clip(_last_turn(row[1]), 150), row[2]) for row in found)
    return Table(title="First prompts", columns=("prompt", "last turn", "answers"), rows=rows)


def _prompt_id(con: duckdb.DuckDBPyConnection, start: str) -> str:
    found = con.execute(
        "SELECT prompt_id::VARCHAR FROM prompts WHERE starts_with(prompt_id::VARCHAR, ?) LIMIT 2", [start]
    ).fetchall()
    if not found:
        raise NotFoundError(f"no prompt whose id begins with {start!r}; `datakit show NAME` lists prompts")
    if len(found) > 1:
        raise UserError(f"several prompts begin with {start!r}; write more of the id")
    return str(found[0][0])


def _prompt_tables(con: duckdb.DuckDBPyConnection, prompt_id: str, dataset: Dataset | None) -> list[Table]:
    row = con.execute("SELECT messages FROM prompts WHERE prompt_id = ?", [prompt_id]).fetchone()
    turns = json.loads(row[0]) if row else []
    columns = "dataset = ? AND version = ? AND " if dataset else ""
    key = [dataset.name, dataset.version] if dataset else []
    tables = [
        Table(
            title=f"Prompt {prompt_id}",
            columns=("role", "content"),
            rows=tuple((turn["role"], _clip(_text(turn.get("content")))) for turn in turns),
        ),
        _table(
            con,
            "In data sets",
            "SELECT dataset || '@' || version AS dataset, source, line, any_value(columns)::VARCHAR AS columns "
            f"FROM members WHERE {columns} prompt_id = ? GROUP BY ALL ORDER BY ALL",
            [*key, prompt_id],
        ),
        _table(
            con,
            "Group",
            """
            SELECT left(c.candidate_id::VARCHAR, 8) AS candidate, r.model, c.sample_index AS i, c.origin,
                c.finish_reason AS finish, c.n_tokens AS tokens, c.text
            FROM candidates c JOIN recipes r USING (recipe_id) WHERE c.prompt_id = ?
            ORDER BY r.model, c.recipe_id, c.sample_index, c.candidate_id
            """,
            [prompt_id],
        ),
        _table(
            con,
            "Outcomes",
            """
            SELECT left(candidate_id::VARCHAR, 8) AS candidate, s.name AS scorer,
                left(scorer_id::VARCHAR, 8) AS version,
                x.status, x.value, x.reason
            FROM newest_scores x JOIN candidates c USING (candidate_id) JOIN scorers s USING (scorer_id)
            WHERE c.prompt_id = ? ORDER BY c.sample_index, candidate, scorer, version
            """,
            [prompt_id],
        ),
        _table(
            con,
            "Pairs",
            "SELECT dataset || '@' || version AS dataset, left(chosen_id::VARCHAR, 8) AS chosen, "
            "left(rejected_id::VARCHAR, 8) AS rejected, chosen_reward, rejected_reward, margin, strategy "
            "FROM pairs WHERE prompt_id = ? ORDER BY ALL",
            [prompt_id],
        ),
    ]
    return [table for table in tables if table.rows]


def _table(con: duckdb.DuckDBPyConnection, title: str, query: str, values: Sequence[Any] = ()) -> Table:
    result = con.execute(query, list(values))
    columns = tuple(column[0] for column in result.description or ())
    return Table(title=title, columns=columns, rows=tuple(tuple(_clip(v) for v in row) for row in result.fetchall()))


def _last_turn(messages: str) -> str:
    turns = json.loads(messages)
    return _text(turns[-1].get("content")) if turns else ""


def _text(content: object) -> str:
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def _clip(value: Any, length: int = LONGEST_CELL) -> Any:
    return f"{value[:length]} ..." if isinstance(value, str) and len(value) > length else value


def _number(value: float | None) -> str:
    return "human" if value is None else f"{value:.4g}"


def _counts(text: str | None) -> str:
    found = {name: value for name, value in json.loads(text or "{}").items() if value and ":" not in name}
    return ", ".join(counted(value, name) for name, value in found.items())
