"""A data set of the store as Hugging Face datasets, through Arrow; held-out rows are disjoint by prompt."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import duckdb
import pyarrow as pa

from datakit import datasets
from datakit.datasets import Dataset
from datakit.store import Store
from datakit.trl_rows import EXAMPLES, PREFERENCE, PROMPTS, create_exported, rows_sql, shape_of
from schemas.errors import ConfigError

MENDED = {
    PREFERENCE: "pairs; `datakit build-pairs` makes them, or ingest a preference file",
    EXAMPLES: "answers; ingest an SFT file, or make a selection with `datakit reject-sample`",
    PROMPTS: "prompts; ingest a prompts file",
}
"""What a form needs, and how to come by it."""


@dataclass(frozen=True, slots=True)
class Reading:
    """How a data set is read."""

    form: str
    validation: float
    """Share of the prompts that are held out."""
    seed: int
    margin: bool = False
    """With the column `margin`."""
    extras: tuple[str, ...] = ()
    """Further columns, as SQL over the table `exported`, which is `e` there."""


@dataclass(frozen=True, slots=True)
class Rows:
    """The rows of a data set, in its order: Hugging Face datasets with `row` and `prompt_id`, which
    name a row in the store, beside TRL's columns."""

    dataset: Dataset
    train: Any
    validation: Any | None
    prompt_ids: pa.Array
    """Every prompt, those held out too."""
    dropped: tuple[Mapping[str, object], ...] = ()
    """Ledger rows of prompts that were left out."""

    @property
    def size(self) -> int:
        """Number of rows that are trained on."""
        return len(self.train)


def read_rows(store: Store, name: str, how: Reading) -> Rows:
    """Read a data set of the store.

    Raises:
        NotFoundError: there is none of that name.
        ConfigError: it has no rows, or they are of another form.
    """
    with store.read() as con:
        dataset = datasets.get(con, name)
        form = create_exported(con, dataset)
        # a preference holds examples, and everything holds prompts
        if form != how.form:
            raise ConfigError(f"{dataset} holds {form} rows; this method trains on {MENDED[how.form]}")
        return read_exported(con, dataset, how)


def read_exported(con: duckdb.DuckDBPyConnection, dataset: Dataset, how: Reading) -> Rows:
    """Read the rows that the table `exported` names (datakit.trl_rows.create_exported, or one like it).

    Raises:
        ConfigError: there are none.
    """
    shape = shape_of(con, how.form, dataset, plain=False, typed=True, margin=how.margin)
    query = rows_sql(shape, dataset.kind)
    table = con.execute(f"SELECT {_columns(con, query)} FROM ({query})").to_arrow_table()
    if table.num_rows == 0:
        raise ConfigError(f"{dataset} has no rows to train on")
    return split(dataset, table, _keys(con, how))


def split(dataset: Dataset, table: pa.Table, keys: pa.Table) -> Rows:
    """Rows of Arrow tables, in the same order.

    Args:
        dataset: where they come from.
        table: TRL's columns.
        keys: row, prompt_id, held_out, and columns that go beside TRL's.
    """
    held = keys.column("held_out")
    for name in keys.drop_columns("held_out").column_names:
        table = table.append_column(name, keys.column(name))
    validation = table.filter(held)
    return Rows(
        dataset=dataset,
        train=to_hugging_face(table.filter(pa.compute.invert(held))),
        validation=to_hugging_face(validation) if validation.num_rows else None,
        prompt_ids=pa.compute.unique(keys.column("prompt_id")),
    )


def to_hugging_face(table: pa.Table) -> Any:
    """The table as a dataset, without a copy. Lists of texts named like messages are JSON, a turn each."""
    from datasets import Dataset as HuggingFace
    from datasets import Features, Json, List

    features = Features.from_arrow_schema(table.schema)
    for field in table.schema:
        if pa.types.is_list(field.type) and pa.types.is_string(field.type.value_type):
            features[field.name] = List(Json())
    return HuggingFace(table.replace_schema_metadata(None).cast(features.arrow_schema))


def held_out_sql(share: float, seed: int, prompts: str) -> str:
    """A query for prompt_id and held_out: the share of the prompts that a hash of their ids puts first.

    The same prompts whatever else is in the set's rows, and at least one where the share is above 0 and 20 prompts are
    there.
    """
    return f"""
        SELECT prompt_id, row_number() OVER (ORDER BY md5(prompt_id || '/{seed}'))
            <= if(count(*) OVER () < 20, 0, ceil({share} * count(*) OVER ())) AS held_out
        FROM (SELECT DISTINCT prompt_id FROM {prompts})
    """


def _keys(con: duckdb.DuckDBPyConnection, how: Reading) -> pa.Table:
    extras = "".join(f", {column}" for column in how.extras)
    return con.execute(f"""
        SELECT e.row, e.prompt_id::VARCHAR AS prompt_id, h.held_out{extras}
        FROM exported e JOIN ({held_out_sql(how.validation, how.seed, "exported")}) h USING (prompt_id) ORDER BY e.row
    """).to_arrow_table()


def _columns(con: duckdb.DuckDBPyConnection, query: str) -> str:
    """The query's columns; messages that are JSON become lists with a JSON text a turn."""
    found = con.execute(f"DESCRIBE {query}").fetchall()
    return ", ".join(
        f"json_extract({name}, '$[*]')::VARCHAR[] AS {name}" if kind == "JSON" else name for name, kind, *_ in found
    )
