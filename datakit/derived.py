"""Data sets that are derived from graded groups (pairs, selections): drafted while reading, then written at once."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import duckdb
import pyarrow as pa

from datakit import datasets
from datakit.answers import ANSWER_FEATURES
from datakit.conditions import check_condition
from datakit.datasets import Dataset
from datakit.groups import create_groups, recipes_of
from datakit.reward_view import record_reward
from datakit.rewarding import create_graded
from datakit.run import Run
from datakit.store import Store
from rewards.spec import Reward
from schemas.errors import ConfigError
from schemas.identity import canonical_json
from schemas.options import GroupOptions
from schemas.report import Report, Table

MEMORY_LIMIT = "1GB"
"""DuckDB's share; what does not fit goes to disk. Reading, Python and Polars need as much again."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is to be made of what."""

    stage: str
    kind: str
    """Kind of the new data set."""
    table: str
    """Where its rows go: pairs or selections."""
    name: str
    source: Dataset
    reward: Reward
    settings: Mapping[str, Any]
    """Options of the stage, as recorded."""


@dataclass(frozen=True, slots=True)
class Draft:
    """What a stage would write."""

    config: dict[str, Any]
    rows: pa.Table
    """In the order of the prompts."""
    constants: dict[str, str]
    """Columns that are the same for all rows."""
    dropped: pa.Table
    """Ledger rows: reason, detail, item_id."""
    counts: dict[str, int]
    tables: tuple[Table, ...] = ()
    notes: tuple[str, ...] = field(default=())
    stored: Dataset | None = None
    """The newest version, if it is the same already."""


def grade(con: duckdb.DuckDBPyConnection, source: Dataset, reward: Reward, groups: GroupOptions) -> dict[str, Any]:
    """Make `graded`, with `ANSWER_FEATURES`, and `places` (position, prompt_id) for a data set of prompts.

    Returns:
        What the result depends on beside the stage's own options, for the config of the new data set.

    Raises:
        ConfigError: the data set has no prompts of its own, or the reward does not fit its values.
        RuleError: a condition of the reward asks for a column that the data set does not have.
    """
    if (
        source.kind in ("pairs", "selection")
        and not con.execute(
            "SELECT 1 FROM members WHERE dataset = ? AND version = ? LIMIT 1", [source.name, source.version]
        ).fetchone()
    ):
        made_of = source.config.get("source", "the prompts that it was made from")
        raise ConfigError(f"{source} is a {source.kind} set; name the prompts instead: {made_of}")
    for scorer in reward.scorers:
        check_condition(con, source, scorer)
    con.execute(f"SET memory_limit = '{MEMORY_LIMIT}'; SET preserve_insertion_order = false")
    create_groups(con, source, groups, features=ANSWER_FEATURES)
    con.execute("CREATE OR REPLACE TEMP TABLE places AS SELECT position, prompt_id FROM dataset_prompts")
    create_graded(con, reward)
    digest = con.execute("""
        SELECT count(*), bit_xor(hash(candidate_id, reward, mask, failed, answer, truncated))::VARCHAR FROM graded
    """).fetchall()[0]
    return {
        "source": str(source),
        "reward_id": reward.reward_id,
        "recipes": recipes_of(con, source, groups.recipe),
        "origin": list(groups.origin),
        "inputs": {"candidates": digest[0], "digest": digest[1]},
    }


def fetch_rows(con: duckdb.DuckDBPyConnection, query: str) -> pa.Table:
    """Rows to be written later. Their ids stay 16 bytes; as text they would take four times as long to insert."""
    con.execute("SET arrow_lossless_conversion = true")
    rows = con.execute(query).to_arrow_table()
    con.execute("RESET arrow_lossless_conversion")
    return rows


def check_name(con: duckdb.DuckDBPyConnection, name: str, kind: str) -> str:
    """The name of a data set to be made.

    Raises:
        ConfigError: it is no name, or belongs to a data set of another kind.
    """
    if not name or "@" in name:
        raise ConfigError(f"{name!r} cannot name a data set: `@` and a number mean a version")
    other = datasets.find(con, name)
    if other and other.kind != kind:
        raise ConfigError(f"data set {other} is a {other.kind} set; choose another name (--as) for the {kind}")
    return name


def stored_version(
    con: duckdb.DuckDBPyConnection, plan: Plan, config: Mapping[str, Any], rows: pa.Table
) -> Dataset | None:
    """The newest version of that name, if it was made with the same config and holds the same rows."""
    newest = datasets.find(con, plan.name)
    if newest is None or newest.config != json.loads(canonical_json(config)):
        return None
    con.register("drafted", rows)
    columns = ", ".join(f"{name}::VARCHAR" for name in rows.column_names)
    content = f"(SELECT (count(*), bit_xor(hash({columns}))) FROM"
    row = con.execute(
        f"SELECT {content} drafted) = {content} {plan.table} WHERE dataset = ? AND version = ?)",
        [newest.name, newest.version],
    ).fetchone()
    con.unregister("drafted")
    return newest if row and row[0] else None


def publish(store: Store, plan: Plan, draft: Draft) -> Report:
    """Write the draft as a new version, unless it is stored already."""
    reasons = _tally(draft.dropped)
    report = Report(
        stage=plan.stage,
        dataset=plan.name,
        counts=draft.counts,
        reasons=reasons,
        notes=draft.notes,
        tables=draft.tables,
        needs_attention=draft.rows.num_rows == 0,
    )
    if draft.stored:
        note = f"nothing to do: {draft.stored} is just this already"
        return report.model_copy(update={"version": draft.stored.version, "notes": (*draft.notes, note)})
    inputs = {"dataset": str(plan.source), "reward": plan.reward.describe()}
    params = {"as": plan.name, **plan.settings, "recipe": draft.config["recipes"], "origin": draft.config["origin"]}
    with Run(store, plan.stage, params=params, inputs=inputs) as run:
        with run.transaction() as con:
            version = datasets.next_version(con, plan.name)
            record_reward(con, plan.reward)
            _insert(con, plan, draft, version, run.run_id)
            run.ledger(con, draft.dropped)
        run.counts.update(draft.counts)
    return report.model_copy(update={"version": version, "run_id": run.run_id})


def _insert(con: duckdb.DuckDBPyConnection, plan: Plan, draft: Draft, version: int, run_id: str) -> None:
    """The rows, and last the data set's own row: a data set exists once that does."""
    constants: dict[str, object] = {"dataset": plan.name, "version": version, **draft.constants}
    if plan.table == "pairs":
        constants["run_id"] = run_id
    con.register("drafted", draft.rows)
    more = ", ".join(f"? AS {name}" for name in constants)
    con.execute(f"INSERT INTO {plan.table} BY NAME SELECT *, {more} FROM drafted", list(constants.values()))
    con.unregister("drafted")
    con.execute(
        "INSERT INTO datasets VALUES (?, ?, ?, ?, ?)",
        [plan.name, version, plan.kind, run_id, canonical_json(draft.config)],
    )


def _tally(dropped: pa.Table) -> dict[str, int]:
    counts = {row["values"]: row["counts"] for row in dropped.column("reason").value_counts().to_pylist()}
    return dict(sorted(counts.items(), key=lambda item: (-item[1], item[0])))
