"""Removing things from the store, with everything that depends on them, and counts of what went."""

from collections.abc import Sequence

import duckdb

from datakit import datasets
from datakit.store import Store
from schemas.errors import NotFoundError, UserError
from schemas.report import Report

_DEPENDENTS = {
    "scores": "candidate_id IN (FROM doomed)",
    "comparisons": "left_id IN (FROM doomed) OR right_id IN (FROM doomed)",
    "members": "candidate_id IN (FROM doomed)",
    "candidates": "candidate_id IN (FROM doomed)",
}
"""What a dropped candidate takes with it, beside every pair set and selection that it is in."""

_VERSION_TABLES = ("members", "pairs", "selections")
"""Tables whose rows belong to one version of a data set."""


def drop(
    name: str | None = None,
    *,
    recipe: str | None = None,
    run: str | None = None,
    dry_run: bool = False,
    store: Store,
) -> Report:
    """Drop one of: a data set (all its versions, or `name@version`), a recipe with its candidates, a run's writings.

    Dropping a data set keeps its prompts and candidates: they may serve other data sets and cost the most.

    Raises:
        UserError: not exactly one of the three was named.
        NotFoundError: it does not exist.
    """
    if sum(item is not None for item in (name, recipe, run)) != 1:
        raise UserError("name one thing to drop: NAME[@version], --recipe ID or --run ID")
    counts: dict[str, int] = {}
    try:
        with store.write() as con:
            if name is not None:
                _drop_dataset(con, name, counts)
            elif recipe is not None:
                _drop_recipe(con, _one(con, "recipes", "recipe_id", recipe), counts)
            elif run is not None:
                _drop_run(con, _one(con, "runs", "run_id", run), counts)
            if dry_run:
                raise _DryRun
    except _DryRun:
        return Report(stage="drop", counts=counts, notes=("dry run: nothing was dropped",))
    return Report(stage="drop", counts={key: value for key, value in counts.items() if value} or {"rows": 0})


class _DryRun(Exception):  # noqa: N818  (rolls the transaction back; never leaves this module)
    pass


def _drop_dataset(con: duckdb.DuckDBPyConnection, name: str, counts: dict[str, int]) -> None:
    dataset = datasets.get(con, name)
    where = "dataset = ? AND version = ?" if "@" in name else "dataset = ?"
    _drop_versions(con, where, [dataset.name, dataset.version] if "@" in name else [dataset.name], counts)


def _drop_versions(
    con: duckdb.DuckDBPyConnection, where: str, values: Sequence[object], counts: dict[str, int]
) -> None:
    """Drop versions of data sets, by a condition over `dataset` and `version`."""
    named = f"SELECT name, version FROM (SELECT name AS dataset, name, version, run_id FROM datasets) WHERE {where}"
    con.execute(f"CREATE OR REPLACE TEMP TABLE doomed_versions AS {named}", values)
    for (name,) in con.execute("SELECT DISTINCT name FROM doomed_versions").fetchall():
        datasets.retire(con, name)
    for table in _VERSION_TABLES:
        _delete(con, counts, table, "(dataset, version) IN (FROM doomed_versions)", [])
    _delete(con, counts, "datasets", "(name, version) IN (FROM doomed_versions)", [])
    _delete(con, counts, "dataset_recipes", "dataset NOT IN (SELECT name FROM datasets)", [])


def _drop_recipe(con: duckdb.DuckDBPyConnection, recipe: str, counts: dict[str, int]) -> None:
    _drop_candidates(con, "recipe_id = ?", recipe, counts)
    _delete(con, counts, "dataset_recipes", "recipe_id = ?", [recipe])
    _delete(con, counts, "recipes", "recipe_id = ?", [recipe])


def _drop_run(con: duckdb.DuckDBPyConnection, run: str, counts: dict[str, int]) -> None:
    _drop_candidates(con, "run_id = ?", run, counts)
    _drop_versions(con, "run_id = ?", [run], counts)
    for table in ("scores", "comparisons", "ledger", "trainings", "metrics", "trained_prompts", "runs"):
        _delete(con, counts, table, "run_id = ?", [run])


def _drop_candidates(con: duckdb.DuckDBPyConnection, condition: str, value: str, counts: dict[str, int]) -> None:
    con.execute(
        f"CREATE OR REPLACE TEMP TABLE doomed AS SELECT candidate_id FROM candidates WHERE {condition}", [value]
    )
    # a pair set without some of its pairs would pass for the whole: it goes as one, and is quickly built again
    derived = """(dataset, version) IN (
        SELECT (dataset, version) FROM pairs WHERE chosen_id IN (FROM doomed) OR rejected_id IN (FROM doomed)
        UNION SELECT (dataset, version) FROM selections WHERE candidate_id IN (FROM doomed))"""
    _drop_versions(con, derived, [], counts)
    for table, where in _DEPENDENTS.items():
        _delete(con, counts, table, where, [])


def _delete(
    con: duckdb.DuckDBPyConnection, counts: dict[str, int], table: str, where: str, values: Sequence[object]
) -> None:
    row = con.execute(f"DELETE FROM {table} WHERE {where}", values).fetchone()
    counts[table] = counts.get(table, 0) + (int(row[0]) if row else 0)


def _one(con: duckdb.DuckDBPyConnection, table: str, column: str, start: str) -> str:
    """The only id in `table.column` that begins with `start`."""
    found = con.execute(
        f"SELECT DISTINCT {column}::VARCHAR FROM {table} WHERE starts_with({column}::VARCHAR, ?) LIMIT 2",
        [start],
    ).fetchall()
    if not found:
        raise NotFoundError(f"no {table.removesuffix('s')} {start!r}; `datakit show` lists them")
    if len(found) > 1:
        raise UserError(f"several {table} begin with {start!r}; write more of the id")
    return str(found[0][0])
