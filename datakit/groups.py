"""Groups: the candidates of each prompt of a data set, from the recipes that are named."""

import duckdb

from datakit.datasets import Dataset
from schemas.errors import NotFoundError, UserError
from schemas.options import GroupOptions


def recipes_of(con: duckdb.DuckDBPyConnection, dataset: Dataset, named: tuple[str, ...] = ()) -> list[str]:
    """Ids of the recipes that form the data set's groups: the named ones, or all of its own.

    Raises:
        NotFoundError: no recipe begins like that.
        UserError: several do.
    """
    if not named:
        found = con.execute(
            "SELECT DISTINCT recipe_id::VARCHAR FROM dataset_recipes WHERE dataset = ? ORDER BY 1",
            [dataset.name],
        ).fetchall()
        return [row[0] for row in found]
    chosen = []
    for start in named:
        found = con.execute(
            "SELECT recipe_id::VARCHAR FROM recipes WHERE starts_with(recipe_id::VARCHAR, ?) LIMIT 2", [start]
        ).fetchall()
        if not found:
            raise NotFoundError(f"no recipe {start!r}; `datakit show --recipes` lists them")
        if len(found) > 1:
            raise UserError(f"several recipes begin with {start!r}; write more of the id")
        chosen.append(found[0][0])
    return chosen


def create_groups(con: duckdb.DuckDBPyConnection, dataset: Dataset, options: GroupOptions) -> None:
    """Make the temporary view `groups`: prompt_id, candidate_id, recipe_id, columns; one row a candidate.

    Sampled candidates carry the columns of their prompt (its first member row), imported ones their own row's. An
    imported candidate belongs only to the data sets that it was imported into.
    """
    recipes = ", ".join(f"'{recipe}'" for recipe in recipes_of(con, dataset, options.recipe)) or "NULL"
    origins = ", ".join(f"'{origin}'" for origin in options.origin)
    con.execute(f"""
        CREATE OR REPLACE TEMP VIEW dataset_members AS
        FROM members WHERE dataset = '{dataset.name.replace("'", "''")}' AND version = {dataset.version};
        CREATE OR REPLACE TEMP VIEW dataset_prompts AS
        SELECT prompt_id, arg_min(columns, line) AS columns FROM dataset_members GROUP BY prompt_id;
        CREATE OR REPLACE TEMP VIEW groups AS
        SELECT c.prompt_id, c.candidate_id, c.recipe_id, p.columns
        FROM candidates c JOIN dataset_prompts p USING (prompt_id)
        WHERE c.origin != 'import' AND c.origin IN ({origins}) AND c.recipe_id IN ({recipes})
        UNION ALL
        SELECT c.prompt_id, c.candidate_id, c.recipe_id, m.columns
        FROM candidates c JOIN (
            SELECT candidate_id, arg_min(columns, line) AS columns FROM dataset_members
            WHERE candidate_id IS NOT NULL GROUP BY candidate_id
        ) m USING (candidate_id)
        WHERE c.origin = 'import' AND c.origin IN ({origins}) AND c.recipe_id IN ({recipes});
    """)
