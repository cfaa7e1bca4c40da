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
            raise NotFoundError(f"no recipe {start!r}; `datakit show NAME` lists those of a data set")
        if len(found) > 1:
            raise UserError(f"several recipes begin with {start!r}; write more of the id")
        chosen.append(found[0][0])
    return chosen


def create_groups(
    con: duckdb.DuckDBPyConnection, dataset: Dataset, options: GroupOptions, *, features: str = ""
) -> None:
    """Make the temporary view `groups`: prompt_id, candidate_id, recipe_id, columns, position; one row a candidate.

    Sampled candidates carry the columns of their prompt (its first member row), imported ones their own row's. An
    imported candidate belongs only to the data sets that it was imported into. `position` numbers the prompts of the
    data set from 1, in its order.

    Args:
        con: a connection to the store; the views belong to it.
        dataset: the data set.
        options: recipes and origins.
        features: further columns of `groups`: SQL expressions over a row of `candidates`, with their names. They are
            computed where the rows are read, so that no text passes through the joins.
    """
    recipes = ", ".join(f"'{recipe}'" for recipe in recipes_of(con, dataset, options.recipe)) or "NULL"
    origins = ", ".join(f"'{origin}'" for origin in options.origin)
    con.execute(f"""
        CREATE OR REPLACE TEMP VIEW dataset_members AS
        FROM members WHERE dataset = '{dataset.name.replace("'", "''")}' AND version = {dataset.version};
        CREATE OR REPLACE TEMP VIEW dataset_prompts AS
        SELECT prompt_id, arg_min(columns, line) AS columns,
            row_number() OVER (ORDER BY min(line), prompt_id) AS position
        FROM dataset_members GROUP BY prompt_id;
        CREATE OR REPLACE TEMP VIEW drawn_candidates AS
        SELECT prompt_id, candidate_id, recipe_id, origin{", " + features if features else ""}
        FROM candidates WHERE origin IN ({origins}) AND recipe_id IN ({recipes});
        CREATE OR REPLACE TEMP VIEW groups AS
        SELECT c.* EXCLUDE (origin), p.columns, p.position
        FROM drawn_candidates c JOIN dataset_prompts p USING (prompt_id)
        WHERE c.origin != 'import'
        UNION ALL
        SELECT c.* EXCLUDE (origin), m.columns, p.position
        FROM drawn_candidates c JOIN (
            SELECT candidate_id, arg_min(columns, line) AS columns FROM dataset_members
            WHERE candidate_id IS NOT NULL GROUP BY candidate_id
        ) m USING (candidate_id) JOIN dataset_prompts p USING (prompt_id)
        WHERE c.origin = 'import';
    """)


def narrow_groups(con: duckdb.DuckDBPyConnection, dataset: Dataset, first: int, last: int) -> None:
    """Restrict the views of `create_groups` to the prompts of the candidates that are stored in a range of rows.

    By `rowid`. A query about these candidates alone then reads no other members. `position` is lost: it is null.
    """
    con.execute(f"""
        CREATE OR REPLACE TEMP VIEW dataset_members AS
        FROM members WHERE dataset = '{dataset.name.replace("'", "''")}' AND version = {dataset.version}
        AND prompt_id IN (SELECT prompt_id FROM candidates WHERE rowid BETWEEN {first} AND {last});
        CREATE OR REPLACE TEMP VIEW dataset_prompts AS
        SELECT prompt_id, arg_min(columns, line) AS columns, NULL::BIGINT AS position
        FROM dataset_members GROUP BY prompt_id;
    """)
