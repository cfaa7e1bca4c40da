"""The rows of an SFT set on their way through a cleaning: read once, in memory, so that the store is closed meanwhile.

row           number of the row, from 0, in the order of the data set
prompt_id, candidate_id, recipe_id: null where the last turn is not the assistant's, which no clean set keeps
messages      the prompt, tools its tools, text the answer, turns its messages where it is more than a text: JSON
columns, source, line
"""

import duckdb
import polars as pl

from datakit.datasets import Dataset
from schemas.errors import ConfigError

_CONTENT = "if(json_type(m->'content') = 'ARRAY', array_to_string({parts}, ''), coalesce(m->>'content', ''))"
_TEXT = _CONTENT.format(parts="list_transform((m->'content')::JSON[], lambda part: coalesce(part->>'text', ''))")
"""The text of one turn m, whose content may be a list of parts."""

_ALL = f"list_transform(messages::JSON[], lambda m: {_TEXT})"
_USER = f"list_transform(list_filter(messages::JSON[], lambda m: m->>'role' = 'user'), lambda m: {_TEXT})"
_ROLES = "json_extract_string({turns}, '$[*].role')"

_FEATURES = {
    "prompt": f"coalesce(list_last({_USER}), '')",
    "context": f"array_to_string({_ALL}, chr(10))",
    "roles": f"""array_to_string(list_concat({_ROLES.format(turns="messages")},
        if(turns IS NULL, if(candidate_id IS NULL, [], ['assistant']), {_ROLES.format(turns="turns")})), ' ')""",
    "calls": """coalesce(contains(turns, '"tool_calls":[{'), false)""",
    "group": "(dense_rank() OVER (ORDER BY first) - 1)::UINTEGER",
}
"""What filters may read (datakit/filter.py), as SQL over a row."""
_STORED = {"output": "text", "columns": "columns"}
"""What is there already."""

_ENTRIES = {
    "examples": "SELECT *, rowid AS place FROM members WHERE dataset = $name AND version = $version",
    "selection": """
        SELECT s.prompt_id, s.candidate_id, s.rowid AS place, columns, source, line
        FROM selections s LEFT JOIN (
            SELECT prompt_id, arg_min(columns, line) AS columns, arg_min(source, line) AS source, min(line) AS line
            FROM members WHERE dataset = $prompts AND version = $prompts_version GROUP BY prompt_id
        ) USING (prompt_id)
        WHERE s.dataset = $name AND s.version = $version
    """,
}
"""The rows of a data set by its kind; those of a selection have the columns of the prompts that it was made from."""


def read_rows(con: duckdb.DuckDBPyConnection, dataset: Dataset) -> pl.DataFrame:
    """The rows of a data set.

    Raises:
        ConfigError: it has no answers, so there is nothing to clean.
    """
    if dataset.kind not in _ENTRIES:
        raise ConfigError(f"{dataset} is a {dataset.kind} set; clean takes prompts with answers (ingest makes them)")
    name, _, version = str(dataset.config.get("source", "")).rpartition("@")
    rows: pl.DataFrame = con.execute(
        f"""
        SELECT (row_number() OVER (ORDER BY m.place) - 1)::UINTEGER AS row,
            m.prompt_id::VARCHAR AS prompt_id, m.candidate_id::VARCHAR AS candidate_id,
            c.recipe_id::VARCHAR AS recipe_id, p.messages::VARCHAR AS messages, p.tools::VARCHAR AS tools,
            coalesce(c.text, '') AS text,
            c.messages::VARCHAR AS turns, m.columns::VARCHAR AS columns, m.source, m.line
        FROM ({_ENTRIES[dataset.kind]}) m JOIN prompts p ON p.prompt_id = m.prompt_id
            LEFT JOIN candidates c ON c.candidate_id = m.candidate_id
        ORDER BY row
        """,
        {"name": dataset.name, "version": dataset.version}
        | ({"prompts": name, "prompts_version": int(version or 0)} if dataset.kind == "selection" else {}),
    ).pl()
    return rows


def has_unanswered(con: duckdb.DuckDBPyConnection, dataset: Dataset) -> bool:
    """Whether a row of it ends with another turn than the assistant's."""
    found = con.execute(
        "FROM members WHERE dataset = ? AND version = ? AND candidate_id IS NULL LIMIT 1",
        [dataset.name, dataset.version],
    )
    return dataset.kind == "examples" and found.fetchone() is not None


def read_rewards(con: duckdb.DuckDBPyConnection) -> pl.DataFrame:
    """The rewards of `graded` (datakit/rewarding.py): candidate_id, reward."""
    rewards: pl.DataFrame = con.execute("SELECT candidate_id::VARCHAR AS candidate_id, reward FROM graded").pl()
    return rewards


def features_of(rows: pl.DataFrame, wanted: set[str], rewards: pl.DataFrame | None) -> pl.DataFrame:
    """What filters read: `row` and these of `COLUMNS`."""
    made = ", ".join(f"{sql} AS {name}" for name, sql in _FEATURES.items() if name in wanted)
    there = [pl.col(column).alias(name) for name, column in _STORED.items() if name in wanted]
    found = rows.select("row", "candidate_id", *there)
    if made:
        with duckdb.connect() as con:
            con.register("rows", rows.drop("source", "line", "recipe_id"))
            first = ", min(row) OVER (PARTITION BY prompt_id) AS first" if "group" in wanted else ""
            features: pl.DataFrame = con.execute(
                f"SELECT row, {made} FROM (SELECT *{first} FROM rows) ORDER BY row"
            ).pl()
        found = found.hstack(features.drop("row"))
    if rewards is not None:
        return found.join(rewards, on="candidate_id", how="left", maintain_order="left").drop("candidate_id")
    found = found.drop("candidate_id")
    return found.with_columns(reward=pl.lit(None, pl.Float64)) if "reward" in wanted else found
