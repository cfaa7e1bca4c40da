"""The view `rewards`: what build-pairs makes of the stored outcomes, for SQL on the store.

It is one query for each reward by name, the same that datakit/rewarding.py grades groups with, over all data sets. It
is made anew when a stage uses a reward that the store does not know, or knows under that name with another spec.
"""

import json

import duckdb
import pyarrow as pa

from datakit.rewarding import graded_sql
from datakit.store import insert
from rewards.formula import Formula, formula_of
from rewards.spec import Reward
from schemas.identity import canonical_json

_KEY = "reward "
"""In `meta`: the id of the reward that a name stands for."""
_GROUP = "dataset, version, prompt_id"


def is_current(con: duckdb.DuckDBPyConnection, reward: Reward) -> bool:
    """Whether the name of a reward stands for this very spec."""
    return con.execute("SELECT value FROM meta WHERE key = ?", [_KEY + reward.name]).fetchone() == (reward.reward_id,)


def record_reward(con: duckdb.DuckDBPyConnection, reward: Reward) -> None:
    """Keep the description of a reward, and let its name stand for it from now on."""
    if is_current(con, reward):
        return
    row = {"reward_id": reward.reward_id, "name": reward.name, "spec": canonical_json(reward.describe())}
    insert(con, "reward_specs", pa.Table.from_pylist([row]), unless=("reward_id",))
    con.execute("DELETE FROM meta WHERE key = ?", [_KEY + reward.name])
    con.execute("INSERT INTO meta VALUES (?, ?)", [_KEY + reward.name, reward.reward_id])
    queries = " UNION ALL ".join(_query(formula) for formula in current_formulas(con))
    con.execute(f"CREATE OR REPLACE VIEW rewards AS {queries}")


def current_formulas(con: duckdb.DuckDBPyConnection) -> list[Formula]:
    """The rewards of the store as each was used last, by name; none in a store that was just migrated."""
    found = con.execute(f"""
        SELECT reward_id::VARCHAR, spec FROM reward_specs r
        JOIN meta m ON m.key = '{_KEY}' || r.name AND m.value = r.reward_id::VARCHAR ORDER BY r.name
    """).fetchall()
    return [formula_of(reward_id, json.loads(spec)) for reward_id, spec in found]


def stored_formulas(con: duckdb.DuckDBPyConnection) -> list[Formula]:
    """Every reward that the store describes, by name, but of one name only the one that it stands for."""
    found = con.execute(f"""
        SELECT reward_id::VARCHAR, spec FROM reward_specs r LEFT JOIN meta m ON m.key = '{_KEY}' || r.name
        WHERE m.value IS NULL OR m.value = r.reward_id::VARCHAR ORDER BY r.name, r.reward_id
    """).fetchall()
    return [formula_of(reward_id, json.loads(spec)) for reward_id, spec in found]


def _query(formula: Formula) -> str:
    """One reward of all candidates. Where build-pairs would refuse a value (outside 0..1), it has none."""
    refused = "outside IS NOT NULL" if formula.needs_range else "false"
    level = "reward" if formula.normalise == "none" else "level"
    names = ", ".join(_text(formula.parts[place].name) for place, _ in formula.bounds)
    failed = f"[{names}][failed + 1]" if names else "NULL::VARCHAR"
    return f"""
        SELECT {_text(formula.name)} AS name, '{formula.reward_id}'::UUID AS reward_id, dataset, version, prompt_id,
            candidate_id, if({refused}, NULL, reward) AS reward, if({refused}, NULL, {level}) AS level,
            {failed} AS failed, if({refused}, 'outside_0_to_1', ungraded::VARCHAR) AS reason
        FROM ({graded_sql(formula, "dataset_candidates", _GROUP)})
    """


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"
