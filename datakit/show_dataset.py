"""One data set as tables: its settings, what was dropped, columns, outcomes, pairs or answers, first prompts."""

from collections.abc import Sequence
from typing import Any

import duckdb

from datakit.datasets import Dataset
from datakit.groups import create_groups
from datakit.show_cells import clip, last_turn, query_table, reward_text, text_of
from schemas.options import GroupOptions
from schemas.report import Table


def dataset_tables(con: duckdb.DuckDBPyConnection, dataset: Dataset, limit: int) -> list[Table]:
    """What there is about a data set; of long lists the first `limit` rows."""
    key = [dataset.name, dataset.version]
    tables = [
        Table(
            title=f"{dataset} ({dataset.kind})",
            columns=("setting", "value"),
            rows=tuple((name, text_of(value)) for name, value in dataset.config.items()),
        ),
        query_table(
            con,
            "What was dropped, and why",
            "SELECT reason, count(*) AS rows, any_value(detail) AS example FROM ledger WHERE run_id = ? "
            "GROUP BY reason ORDER BY rows DESC",
            [dataset.run_id],
        ),
    ]
    if dataset.kind == "pairs":
        tables += [_pairs(con, key, limit), *filter(None, [example_pair(con, dataset)])]
    elif dataset.kind == "selection":
        tables.append(_selection(con, key, limit))
    else:
        tables += [_columns(con, key), _outcomes(con, dataset)]
    return [*tables, _prompts(con, dataset, limit)]


def _pairs(con: duckdb.DuckDBPyConnection, key: Sequence[Any], limit: int) -> Table:
    return query_table(
        con,
        "Pairs",
        "SELECT left(prompt_id::VARCHAR, 8) AS prompt, left(pair_id::VARCHAR, 8) AS pair, chosen_reward, "
        "rejected_reward, margin FROM pairs WHERE dataset = ? AND version = ? "
        f"ORDER BY margin DESC, pair_id LIMIT {limit}",
        key,
        empty="none",
    )


def _columns(con: duckdb.DuckDBPyConnection, key: Sequence[Any]) -> Table:
    return query_table(
        con,
        "Columns",
        """
        WITH found AS (SELECT columns FROM members WHERE dataset = ? AND version = ?)
        SELECT c.key AS column, count(c.value) AS "rows with a value", (SELECT count(*) FROM found) AS "of",
            left(any_value(c.value), 60) AS example
        FROM (SELECT unnest(map_entries(columns::MAP(VARCHAR, VARCHAR))) AS c FROM found)
        GROUP BY c.key ORDER BY c.key
        """,
        key,
        empty="none",
    )


def _outcomes(con: duckdb.DuckDBPyConnection, dataset: Dataset) -> Table:
    create_groups(con, dataset, GroupOptions())
    if con.execute("SELECT 1 FROM groups LIMIT 1").fetchone():
        todo = f"`datakit score {dataset.name} --rules FILE` judges the answers"
    else:
        todo = f"there are no answers, `datakit generate {dataset.name} --model M` draws them"
    return query_table(
        con,
        "Outcomes",
        """
        SELECT s.name AS scorer, left(s.scorer_id::VARCHAR, 8) AS version, avg(x.value) AS mean,
            count(*) FILTER (x.status = 'ok') AS ok, count(*) FILTER (x.status = 'skip') AS skip,
            count(*) FILTER (x.status = 'error') AS error, count(*) FILTER (x.status = 'timeout') AS timeout
        FROM newest_scores x JOIN scorers s USING (scorer_id) SEMI JOIN groups g USING (candidate_id)
        GROUP BY s.name, s.scorer_id ORDER BY s.name, version
        """,
        empty=f"none yet; {todo}",
    )


def _selection(con: duckdb.DuckDBPyConnection, key: Sequence[Any], limit: int) -> Table:
    return query_table(
        con,
        "Selected",
        f"SELECT left(prompt_id::VARCHAR, 8) AS prompt, rank, reward, left(text, 300) AS text FROM selections "
        f"JOIN candidates USING (prompt_id, candidate_id) WHERE dataset = ? AND version = ? "
        f"ORDER BY reward DESC, candidate_id LIMIT {limit}",
        key,
        empty="none",
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
    rows = tuple((row[0], clip(last_turn(row[1]), 150), row[2]) for row in found)
    return Table(title="First prompts", columns=("prompt", "last turn", "answers"), rows=rows)


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
        title=f"A pair of {dataset}: {clip(last_turn(row[0]), 400)}",
        columns=(f"chosen ({reward_text(row[3])})", f"rejected ({reward_text(row[4])})"),
        rows=((clip(row[1]), clip(row[2])),),
    )
