"""A finished cleaning and the store: its rows, what went with what reason, and what an earlier version dropped."""

from collections import Counter
from dataclasses import dataclass
from typing import Any

import duckdb
import polars as pl
import pyarrow as pa

from datakit import datasets
from datakit.datasets import Dataset
from datakit.filter import DROPPED
from datakit.repairing import Repaired
from datakit.run import Run
from datakit.store import Store, insert
from schemas.identity import canonical_json
from schemas.report import Report


@dataclass(frozen=True)
class Cleaned:
    """What a cleaning comes to."""

    name: str
    source: Dataset
    config: dict[str, Any]
    repaired: Repaired
    drops: list[pl.DataFrame]
    """By filter, in their order: the rows that it drops (`datakit.filter.DROPPED`)."""
    allowed: list[str]
    """By filter: its threshold in words."""

    @property
    def names(self) -> list[str]:
        """The filters' names: the reasons of the ledger."""
        return [step["name"] for step in self.config["filters"]]

    def kept(self) -> pl.DataFrame:
        """The rows that no filter drops."""
        gone = pl.concat([pl.DataFrame(schema=DROPPED), *self.drops])["row"]
        return self.repaired.rows.filter(~pl.col("row").is_in(gone.implode()))

    def counts(self) -> dict[str, int]:
        """rows = kept + dropped."""
        rows, dropped = self.repaired.rows.height, sum(drop.height for drop in self.drops)
        changed = self.repaired.changes["row"].n_unique()
        return {"rows": rows, "kept": rows - dropped, "dropped": dropped, "repaired": changed}

    def reasons(self) -> dict[str, int]:
        """Dropped rows by filter."""
        found: Counter[str] = Counter()
        for name, drop in zip(self.names, self.drops, strict=True):
            found[name] += drop.height
        return {name: count for name, count in found.most_common() if count}

    def ledger(self) -> pa.Table:
        """A row for each row that was dropped."""
        steps = [
            drop.with_columns(step=pl.lit(number), reason=pl.lit(name), allowed=pl.lit(allowed))
            for number, (name, allowed, drop) in enumerate(zip(self.names, self.allowed, self.drops, strict=True))
        ]
        empty = pl.DataFrame(schema={**DROPPED, "step": pl.Int32, "reason": pl.String, "allowed": pl.String})
        rows = self.repaired.rows.select("row", "source", "line", item_id="stored_id")
        dropped = pl.concat([empty, *(step.cast({"step": pl.Int32}) for step in steps)]).join(rows, on="row")
        likes = rows.select(like="row", like_id="item_id")
        with duckdb.connect() as con:
            con.register("dropped", dropped.join(likes, on="like", how="left").sort("row"))
            return con.execute("""
                SELECT reason, json_object('step', step, 'row', row, 'value', value, 'allowed', allowed,
                    'like', like_id, 'like_row', "like") AS detail, item_id, source, line FROM dropped
            """).to_arrow_table()


def stored_drops(con: duckdb.DuckDBPyConnection, run_id: str, steps: int) -> list[pl.DataFrame]:
    """What the first filters of a run dropped, from the ledger: a frame (`datakit.filter.DROPPED`) each."""
    found: pl.DataFrame = con.execute(
        """
        SELECT (detail->>'row')::UINTEGER AS row, detail->>'value' AS value, (detail->>'like_row')::UINTEGER AS "like",
            (detail->>'step')::INTEGER AS step
        FROM (SELECT detail::JSON AS detail FROM ledger WHERE run_id = ? AND reason != 'repaired')
        WHERE step < ? ORDER BY row
        """,
        [run_id, steps],
    ).pl()
    return [found.filter(pl.col("step") == step).drop("step") for step in range(steps)]


def publish(store: Store, cleaned: Cleaned, report: Report) -> Report:
    """Store a cleaning as the next version of its data set."""
    kept, params = cleaned.kept(), {"as": cleaned.name, **cleaned.config}
    fresh = kept.filter(pl.col("candidate_id") != pl.col("stored_id"))
    with Run(store, "clean", params=params, inputs={"dataset": str(cleaned.source)}) as run:
        with run.transaction() as con:
            version = datasets.next_version(con, cleaned.name)
            _insert_repaired(con, fresh, run.run_id)
            members = kept.select("prompt_id", "candidate_id", "columns", "source", "line").with_columns(
                dataset=pl.lit(cleaned.name), version=pl.lit(version)
            )
            insert(con, "members", members.to_arrow())
            con.execute(
                "INSERT INTO dataset_recipes SELECT DISTINCT $1, recipe_id FROM dataset_recipes o WHERE dataset = $2 "
                "AND NOT EXISTS (FROM dataset_recipes d WHERE d.dataset = $1 AND d.recipe_id = o.recipe_id)",
                [cleaned.name, cleaned.source.name],
            )
            run.ledger(con, cleaned.ledger())
            run.ledger(con, cleaned.repaired.ledger())
            con.execute(
                "INSERT INTO datasets VALUES (?, ?, 'examples', ?, ?)",
                [cleaned.name, version, run.run_id, canonical_json(cleaned.config)],
            )
        run.counts.update(report.counts)
    return report.model_copy(update={"version": version, "run_id": run.run_id})


def _insert_repaired(con: duckdb.DuckDBPyConnection, rows: pl.DataFrame, run_id: str) -> None:
    """Prompts and answers that a repair made; the ones before it stay stored."""
    prompts = rows.select("prompt_id", "messages", "tools").unique("prompt_id")
    insert(con, "prompts", prompts.to_arrow(), unless=["prompt_id"])
    answers = rows.select(
        "candidate_id",
        "prompt_id",
        "recipe_id",
        "text",
        messages="turns",
        origin=pl.lit("import"),
        run_id=pl.lit(run_id),
    )
    insert(con, "candidates", answers.unique("candidate_id").to_arrow(), unless=["candidate_id"])
