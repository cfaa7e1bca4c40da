"""What a scorer reads of the store: the SQL of its inputs, the hash over its columns, the check that they exist."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

import duckdb

from datakit import datasets
from datakit.datasets import Dataset
from rewards.rule import Form
from rewards.scorer import Scorer
from schemas.errors import RuleError, did_you_mean

_LAST_USER = "(list_last(list_filter(p.messages::JSON[], lambda m: m->>'role' = 'user'))->'content')"
_PARTS = f"list_transform({_LAST_USER}::JSON[], lambda part: coalesce(part->>'text', ''))"

_OF_CANDIDATE = {
    "completion": "text",
    "reasoning": "messages->0->>'reasoning_content'",
    "finish_reason": "finish_reason",
    "n_tokens": "n_tokens",
}
"""SQL over a row of `candidates`."""

_OF_PROMPT = {
    "prompt": f"if(json_type({_LAST_USER}) = 'ARRAY', array_to_string({_PARTS}, ''), {_LAST_USER}->>'$')",
    "messages": "p.messages",
    "tools": "p.tools",
}
"""SQL over a row p of `prompts`."""

_BATCHED = {"completions": "completion", "prompts": "messages"}
"""What the trainer's names of the batched form are made of."""

_JSON = frozenset({"messages", "tools"})

LEFT_OUT = "columns_left_out"
"""Key of an ingested data set's config: columns that only rows of its file have which were not selected."""


class Reader(Protocol):
    """What the hash over a scorer's inputs depends on."""

    @property
    def columns(self) -> Mapping[str, str]:
        """Input name -> column of the data set."""

    @property
    def all_columns(self) -> bool:
        """Whether it reads every column there is."""


@dataclass(frozen=True, slots=True)
class Source:
    """Where one column of a rule's input table comes from."""

    name: str
    """The input's name."""
    sql: str
    """Over a row of `groups g` (with the scorer's features), `prompts p` and `recipes r`."""
    json: bool = False
    """It is JSON text."""
    type: str = "VARCHAR"
    """Its SQL type."""


@dataclass(frozen=True, slots=True)
class Inputs:
    """The input table of a scorer, as SQL."""

    sources: tuple[Source, ...]
    features: str
    """For `create_groups`."""
    joins: str
    """The tables beside `groups g`, as JOIN clauses."""


def inputs_of(scorer: Scorer, columns: Sequence[str] = ()) -> Inputs:
    """The SQL that makes a scorer's input table out of the view `groups`.

    Args:
        scorer: the scorer.
        columns: the data set's columns; only a rule that takes all of them (`**kwargs`) needs to be told.
    """
    sources, of_candidate, joins = [], [], []
    for name, meaning in _candidate_inputs(scorer):
        if meaning in _OF_CANDIDATE:
            kind = "INTEGER" if meaning == "n_tokens" else "VARCHAR"
            sources.append(Source(name, f"g.{name}_", type=kind))
            of_candidate.append(f"{_OF_CANDIDATE[meaning]} AS {name}_")
        elif meaning == "model":
            sources.append(Source(name, "r.model"))
            joins.append("JOIN recipes r USING (recipe_id)")
        else:
            sources.append(Source(name, _OF_PROMPT[meaning], meaning in _JSON))
            joins.append("JOIN prompts p USING (prompt_id)")
    sources += [Source(name, column_sql(column), json=True) for name, column in scorer.columns.items()]
    if scorer.rule.all_columns:
        named = {*scorer.columns, *scorer.constants, *scorer.rule.trainer_inputs}
        sources += [Source(name, column_sql(name), json=True) for name in columns if name not in named]
    return Inputs(tuple(sources), ", ".join(of_candidate), " ".join(dict.fromkeys(joins)))


def _candidate_inputs(scorer: Scorer) -> list[tuple[str, str]]:
    """Inputs that belong to the candidate itself: (name, what it is)."""
    if scorer.rule.form is Form.BATCH:
        return [(name, _BATCHED[name]) for name in scorer.rule.trainer_inputs if name in _BATCHED]
    elsewhere = {*scorer.columns, *scorer.constants}
    return [(i.name, i.name) for i in scorer.rule.inputs if i.name not in elsewhere]


def column_sql(column: str, columns: str = "g.columns") -> str:
    """One column of a data set, as JSON text."""
    return f"({columns}->{pointer(column)})::VARCHAR"


def inputs_hash_sql(scorer: Reader, columns: str) -> str:
    """The id of what a scorer reads of a data set's columns, as SQL of type UUID.

    Args:
        scorer: the scorer; one that reads no column has one hash for all rows.
        columns: SQL of the columns, a JSON object.
    """
    read = [f"coalesce({column_sql(column, columns)}, 'null')" for _, column in sorted(scorer.columns.items())]
    if scorer.all_columns:
        read.append(f"coalesce({columns}::VARCHAR, 'null')")
    listed = " || ',' || ".join(read) or "''"
    return f"md5('[' || {listed} || ']')::UUID"


def check_columns(con: duckdb.DuckDBPyConnection, dataset: Dataset, scorer: Scorer) -> None:
    """Check that the data set has every column that a scorer needs, be it null in all its rows.

    Raises:
        RuleError: it lacks one; the message names the columns that there are.
    """
    required = {i.name for i in scorer.rule.column_inputs if i.required}
    required |= {i.name for i in scorer.rule.inputs if i.required and i.name in scorer.columns}
    for name, column in scorer.columns.items():
        if name in required and not column_exists(con, dataset, column):
            meant = f"column {column!r}" + ("" if name == column else f" (for its input {name!r})")
            known = columns_of(con, dataset)
            raise RuleError(
                f"rule {scorer.name} reads the {meant}, which data set {dataset} does not have; "
                f"{did_you_mean(column, known)}. A spec can rename it (inputs: {{{name}: COLUMN}}), "
                "a default makes it optional"
            )


def columns_of(con: duckdb.DuckDBPyConnection, dataset: Dataset) -> list[str]:
    """The names of a data set's columns, sorted; also of those that it has only in rows that were left out of it.

    So a choice of rows (`--where`, `--limit`, a cleaned set) can be judged by what judges the whole.
    """
    found = con.execute(
        "SELECT DISTINCT unnest(json_keys(columns)) FROM members WHERE dataset = ? AND version = ?",
        [dataset.name, dataset.version],
    ).fetchall()
    return sorted({row[0] for row in found} | _left_out(con, dataset))


def column_exists(con: duckdb.DuckDBPyConnection, dataset: Dataset, column: str) -> bool:
    """Whether the data set has the column: see `columns_of`."""
    found = con.execute(
        f"SELECT 1 FROM members WHERE dataset = ? AND version = ? AND json_exists(columns, {pointer(column)}) LIMIT 1",
        [dataset.name, dataset.version],
    ).fetchone()
    return found is not None or column in _left_out(con, dataset)


def _left_out(con: duckdb.DuckDBPyConnection, dataset: Dataset) -> set[str]:
    """Columns of the rows of the file, and of the data set, that this one was chosen from."""
    source = datasets.find(con, str(dataset.config.get("source", "")))
    return {*dataset.config.get(LEFT_OUT, []), *(columns_of(con, source) if source else [])}


def pointer(column: str) -> str:
    """A column's name as a JSON pointer in SQL, whatever characters it has."""
    return "'/" + column.replace("~", "~0").replace("/", "~1").replace("'", "''") + "'"
