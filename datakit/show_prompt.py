"""One prompt as tables: its turns, its data sets, its group with outcomes, its pairs."""

import json

import duckdb

from datakit.datasets import Dataset
from datakit.show_cells import clip, query_table, text_of
from schemas.errors import NotFoundError, UserError
from schemas.report import Table


def prompt_tables(con: duckdb.DuckDBPyConnection, start: str, dataset: Dataset | None) -> list[Table]:
    """What there is about the prompt whose id begins with `start`; of its memberships only that in `dataset`, if given.

    Raises:
        NotFoundError: no prompt's id begins like that.
        UserError: several do.
    """
    prompt_id = _prompt_id(con, start)
    row = con.execute("SELECT messages FROM prompts WHERE prompt_id = ?", [prompt_id]).fetchone()
    turns = json.loads(row[0]) if row else []
    columns = "dataset = ? AND version = ? AND " if dataset else ""
    key = [dataset.name, dataset.version] if dataset else []
    return [
        Table(
            title=f"Prompt {prompt_id}",
            columns=("role", "content"),
            rows=tuple((turn["role"], clip(text_of(turn.get("content")))) for turn in turns),
        ),
        query_table(
            con,
            "In data sets",
            "SELECT dataset || '@' || version AS dataset, source, line, any_value(columns)::VARCHAR AS columns "
            f"FROM members WHERE {columns} prompt_id = ? GROUP BY ALL ORDER BY ALL",
            [*key, prompt_id],
            empty="none",
        ),
        query_table(
            con,
            "Group",
            """
            SELECT left(c.candidate_id::VARCHAR, 8) AS candidate, r.model, c.sample_index AS i, c.origin,
                c.finish_reason AS finish, c.n_tokens AS tokens, c.text
            FROM candidates c JOIN recipes r USING (recipe_id) WHERE c.prompt_id = ?
            ORDER BY r.model, c.recipe_id, c.sample_index, c.candidate_id
            """,
            [prompt_id],
            empty="no answers; `datakit generate NAME --model M` draws them",
        ),
        query_table(
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
            empty="none",
        ),
        query_table(
            con,
            "Pairs",
            "SELECT dataset || '@' || version AS dataset, left(chosen_id::VARCHAR, 8) AS chosen, "
            "left(rejected_id::VARCHAR, 8) AS rejected, chosen_reward, rejected_reward, margin, strategy "
            "FROM pairs WHERE prompt_id = ? ORDER BY ALL",
            [prompt_id],
            empty="none",
        ),
    ]


def _prompt_id(con: duckdb.DuckDBPyConnection, start: str) -> str:
    found = con.execute(
        "SELECT prompt_id::VARCHAR FROM prompts WHERE starts_with(prompt_id::VARCHAR, ?) LIMIT 2", [start]
    ).fetchall()
    if not found:
        raise NotFoundError(f"no prompt whose id begins with {start!r}; `datakit show NAME` lists prompts")
    if len(found) > 1:
        raise UserError(f"several prompts begin with {start!r}; write more of the id")
    return str(found[0][0])
