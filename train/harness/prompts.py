"""Prompts to train on by a reward, with their columns; those that teach nothing are left out, with a reason."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Literal

import duckdb

from datakit import datasets
from datakit.conditions import check_condition
from datakit.datasets import Dataset
from datakit.groups import create_groups
from datakit.inputs import check_columns
from datakit.rewarding import create_graded
from datakit.shortfall import samples_sql
from datakit.store import Store
from datakit.trl_rows import PROMPTS, create_exported
from rewards.spec import Reward
from schemas.errors import ConfigError
from schemas.options import GroupOptions
from train.harness.rows import Reading, Rows, read_exported

LEAST = 4
"""Stored answers with a reward from which on a prompt's pass rate is believed."""

OtherN = Literal["refuse", "matching", "ignore"]


@dataclass(frozen=True, slots=True)
class Choice:
    """Which prompts of a set are trained on."""

    validation: float
    seed: int
    group: int
    """Answers to each prompt."""
    column_n: OtherN
    """What becomes of a prompt whose column `n` asks for another number of answers."""
    pass_rate: tuple[float, float] | None
    """Mean rewards of stored answers between which a prompt is worth training on."""


def read_prompts(store: Store, name: str, reward: Reward, choice: Choice) -> Rows:
    """The prompts of a data set, with the column `columns`: the JSON text of what the data set says about each.

    Of pairs and selections that were made from prompts, these prompts.

    Raises:
        NotFoundError: there is no such data set.
        RuleError: the reward reads a column that it does not have.
        ConfigError: no prompt is left, or groups of several sizes are asked for.
    """
    with store.read() as con:
        dataset = datasets.get(con, name)
        source = _source(con, dataset)
        create_exported(con, dataset)  # for the functions that `rows_sql` needs
        create_groups(con, source, GroupOptions(origin=("sample",)))
        _create_prompts(con, dataset, source, choice)
        for scorer in reward.scorers:
            check_columns(con, source, scorer)
            check_condition(con, source, scorer)
        dropped = _drop(con, dataset, reward, choice)
        how = Reading(PROMPTS, choice.validation, choice.seed, extras=("e.columns::VARCHAR AS columns",))
        rows = read_exported(con, replace(dataset, kind="prompts"), how)
    return replace(rows, dataset=dataset, dropped=dropped)


def columns_of(rows: Rows) -> set[str]:
    """All columns that the data set has for any of the prompts, held out or not."""
    texts = (text for part in (rows.train, rows.validation) if part is not None for text in part["columns"])
    return {name for text in texts if text for name in json.loads(text)}


def _source(con: duckdb.DuckDBPyConnection, dataset: Dataset) -> Dataset:
    """The set whose members the prompts are."""
    own = con.execute(
        "SELECT 1 FROM members WHERE dataset = ? AND version = ? LIMIT 1", [dataset.name, dataset.version]
    ).fetchone()
    return dataset if own else datasets.find(con, str(dataset.config.get("source", ""))) or dataset


def _create_prompts(con: duckdb.DuckDBPyConnection, dataset: Dataset, source: Dataset, choice: Choice) -> None:
    """Make the table `exported` anew: a row a prompt, in the order of the set.

    Raises:
        ConfigError: there are none.
    """
    table = {"pairs": "pairs", "selection": "selections"}.get(dataset.kind, "members")
    chosen = (
        "" if source == dataset else f"SEMI JOIN (FROM {table} WHERE dataset = $1 AND version = $2) USING (prompt_id)"
    )
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE exported AS
        SELECT row_number() OVER (ORDER BY position) AS row, prompt_id, position, columns,
            {samples_sql(choice.group)} AS n, tools IS NOT NULL AS has_tools
        FROM dataset_prompts JOIN prompts USING (prompt_id) {chosen}
        """,
        [dataset.name, dataset.version] if chosen else None,
    )
    if not con.execute("SELECT 1 FROM exported LIMIT 1").fetchone():
        raise ConfigError(f"{dataset} has no prompts to train on")


def _drop(
    con: duckdb.DuckDBPyConnection, dataset: Dataset, reward: Reward, choice: Choice
) -> tuple[Mapping[str, object], ...]:
    """Take prompts out of `exported`; returns their ledger rows."""
    con.execute("CREATE OR REPLACE TEMP TABLE left_out (prompt_id UUID, reason VARCHAR, detail VARCHAR)")
    _leave_out(
        con, "SELECT prompt_id, 'has_tools', 'TRL does not show them to the model' FROM exported WHERE has_tools"
    )
    if choice.column_n == "refuse":
        _refuse_other_n(con, dataset, choice.group)
    elif choice.column_n == "matching":
        _leave_out(con, f"SELECT prompt_id, 'other_n', 'n is ' || n FROM exported WHERE n != {choice.group}")
    if choice.pass_rate:
        create_graded(con, reward)
        _leave_out(con, _outside_sql(*choice.pass_rate))
    found = con.execute("SELECT reason, detail, prompt_id::VARCHAR AS item_id FROM left_out").to_arrow_table()
    if not con.execute("SELECT 1 FROM exported LIMIT 1").fetchone():
        reasons = ", ".join(sorted(set(found.column("reason").to_pylist())))
        raise ConfigError(f"{dataset}: no prompt is left to train on ({reasons})")
    return tuple(found.to_pylist())


def _leave_out(con: duckdb.DuckDBPyConnection, query: str) -> None:
    con.execute(f"INSERT INTO left_out {query}")
    con.execute("DELETE FROM exported WHERE prompt_id IN (SELECT prompt_id FROM left_out)")


def _refuse_other_n(con: duckdb.DuckDBPyConnection, dataset: Dataset, group: int) -> None:
    """Raises:
    ConfigError: the column `n` asks for groups of another size.
    """
    sizes = con.execute("SELECT n, count(*) FROM exported GROUP BY n ORDER BY n").fetchall()
    if all(n == group for n, _ in sizes):
        return
    asked = " and ".join(f"{n} ({prompts:,} prompts)" for n, prompts in sizes)
    mended = (
        f"set num_generations: {sizes[0][0]}"
        if len(sizes) == 1
        else "TRL trains groups of one size a run: set num_generations to one of them with column_n: matching, then "
        "train what came of it on the next"
    )
    raise ConfigError(
        f"{dataset}: groups of {asked} are asked for (column n, num_generations {group}); {mended}; or column_n: ignore"
    )


def _outside_sql(low: float, high: float) -> str:
    """Prompts whose stored groups say that there is little to learn: all alike, or nearly all good or bad."""
    return f"""
        SELECT prompt_id,
            CASE WHEN mean > {high!r} THEN 'too_easy' WHEN mean < {low!r} THEN 'too_hard' ELSE 'no_spread' END,
            format('mean reward {{:.4g}} of {{}} answers', mean, answers)
        FROM exported JOIN (
            SELECT position, avg(reward) AS mean, count(reward) AS answers, max(reward) > min(reward) AS spread
            FROM graded GROUP BY position HAVING count(reward) >= {LEAST}
        ) USING (position)
        WHERE mean > {high!r} OR mean < {low!r} OR NOT spread
    """
