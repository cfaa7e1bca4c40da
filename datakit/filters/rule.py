"""Keep the rows that a rule finds good: the user's own function, or a built-in one (docs/rules.md)."""

import json
from pathlib import Path
from typing import Any, ClassVar

import duckdb
import polars as pl
import pyarrow as pa
from pydantic import Field

from datakit.filter import DROPPED, Filter
from datakit.inputs import column_sql
from datakit.outcomes import Streak
from rewards.admission import JSON
from rewards.engine import Limits, RulePool
from rewards.judged import Judged
from rewards.outcome import Status
from rewards.plugins import find_rule
from rewards.rule import Form
from rewards.scorer import Scorer, bind

SHOWN = 200
"""Characters of an error that a value shows."""


class OwnRule(Filter):
    """Refuses rows below `min`, and rows where the rule fails or takes too long; one that it skips stays.

    The rule may read `completion`, `prompt` (the last user turn) and the row's columns. It runs in worker processes
    that are killed where a row hangs.
    """

    reads: ClassVar[tuple[str, ...]] = ("prompt", "output", "columns")

    name: str
    """A built-in rule, a decorated function of `files`, or `file.py:function`."""
    files: tuple[Path, ...] = ()
    """Python files of rules, relative to the config."""
    min: float = Field(0.5, allow_inf_nan=False)
    """Smallest value that stays; True is 1."""
    options: dict[str, Any] = {}
    """The rule's options."""
    inputs: dict[str, Any] = {}
    """Where its inputs come from: parameter: column, or parameter: {constant: value}."""
    timeout: float = Field(5.0, gt=0)
    """Seconds that it may take for one row."""
    workers: int | None = Field(None, ge=1)
    """Worker processes (default: one a core)."""

    def drop(self, rows: pl.DataFrame) -> pl.DataFrame:
        """See the base class.

        Raises:
            RuleError: there is no such rule, or it does not fit the rows.
            StageStopped: it ended in the same failure 50 times in a row.
        """
        scorer = self._scorer()
        if rows.is_empty():
            return pl.DataFrame(schema=DROPPED)
        table = _inputs(rows, scorer)
        with RulePool(Limits(timeout=self.timeout, workers=self.workers)) as pool:
            refused, streak = [], Streak(scorer)
            for judged in pool.judge(scorer, table):
                refused.append(self._refused(judged))
                streak.add(judged)
                if streak.broken:
                    raise streak.stopped()
        found = pl.concat(refused).sort("at")
        return found.select(
            row=rows["row"].gather(found["at"]).cast(DROPPED["row"]), value="value", like=pl.lit(None, DROPPED["like"])
        )

    def depends(self) -> str:
        """See the base class."""
        return self._scorer().fingerprint

    def allowed(self) -> str:
        """See the base class."""
        return f"{Path(self.name).name} of at least {self.min:g}"

    def _scorer(self) -> Scorer:
        return bind(find_rule(self.name, self.files), options=self.options, inputs=self.inputs)

    def _refused(self, judged: Judged) -> pl.DataFrame:
        """What of a block is dropped: its places among the rows, and why."""
        block = pl.DataFrame(
            {
                "at": pl.from_arrow(judged.rows),
                "status": pl.from_arrow(judged.status.cast(pa.string())),
                "number": pl.from_arrow(judged.value),
                "reason": pl.from_arrow(judged.reason),
            }
        )
        status, reason = pl.col("status"), pl.col("reason").str.replace_all(r"\s+", " ").str.slice(0, SHOWN)
        value = (
            pl.when(status == Status.OK)
            .then(pl.when(pl.col("number") < self.min).then(pl.col("number").cast(pl.String)))
            .when(status == Status.ERROR)
            .then(pl.format("error: {}", reason))
            .when(status == Status.TIMEOUT)
            .then(pl.lit(Status.TIMEOUT.value))
        )
        return block.select(pl.col("at").cast(pl.UInt32), value=value).drop_nulls("value")


def _inputs(rows: pl.DataFrame, scorer: Scorer) -> pa.Table:
    """The rule's input table: texts, and the columns that some row has."""
    texts = {"completion": pl.col("output"), "prompt": pl.col("prompt")}
    if scorer.rule.form is not Form.BATCH:
        return _with_columns(rows.select(**texts).to_arrow(), _columns(rows["columns"], scorer))
    prompts = pl.col("prompt").map_elements(_as_messages, return_dtype=pl.String)
    table = rows.select(completions=pl.col("output")).to_arrow()
    return _with_columns(table, {"prompts": rows.select(prompts).to_series(), **_columns(rows["columns"], scorer)})


def _with_columns(table: pa.Table, columns: dict[str, pl.Series]) -> pa.Table:
    """The table with these columns of JSON text."""
    for name, column in columns.items():
        table = table.append_column(
            pa.field(name, pa.large_string(), metadata=JSON), column.to_arrow().cast("large_string")
        )
    return table


def _columns(given: pl.Series, scorer: Scorer) -> dict[str, pl.Series]:
    """The columns that the rule reads and some row has, as JSON text, by the input's name."""
    with duckdb.connect() as con:
        con.register("given", given.to_frame("columns").with_row_index("place"))
        con.execute("CREATE TEMP TABLE example AS SELECT place, columns::JSON AS columns FROM given")
        there = {key for (key,) in con.execute("SELECT DISTINCT unnest(json_keys(columns)) FROM example").fetchall()}
        wanted = {name: column for name, column in scorer.columns.items() if column in there}
        if scorer.rule.all_columns:
            taken = {*scorer.constants, *scorer.rule.trainer_inputs, *wanted}
            wanted |= {key: key for key in sorted(there) if key not in taken}
        read = "SELECT {} AS value FROM example ORDER BY place"
        return {
            name: con.execute(read.format(column_sql(column, "columns"))).pl()["value"]
            for name, column in wanted.items()
        }


def _as_messages(prompt: str) -> str:
    return json.dumps([{"role": "user", "content": prompt}], ensure_ascii=False)
