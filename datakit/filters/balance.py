"""Keep at most so many rows of each kind: of each value of a column, or of each cluster of like rows."""

import json
from typing import ClassVar, Literal

import duckdb
import polars as pl
from pydantic import Field, model_validator

from datakit.filter import DROPPED, Filter
from datakit.inputs import column_sql
from datakit.preference import Keep, best_first
from datakit.similar import Likeness, similar
from schemas.errors import ConfigError, did_you_mean


class Balance(Filter):
    """The best rows of each kind stay; a row of no kind (no such column, no like row) stays, too."""

    reads: ClassVar[tuple[str, ...]] = ("prompt", "output", "columns", "reward")

    most: int = Field(ge=1)
    """Rows of a kind that stay."""
    by: str | None = None
    """The column whose value is the kind (`tag`)."""
    cluster: Literal["prompt", "output"] | None = None
    """Instead: like prompts, or like answers, are a kind."""
    threshold: float = Field(0.5, gt=0, le=1)
    """For clusters: least Jaccard similarity to the cluster's best row."""
    words: int = Field(3, ge=1)
    """For clusters: words of a shingle; characters in scripts without spaces."""
    permutations: int = Field(256, ge=16, le=4096)
    """For clusters: length of a MinHash signature."""
    keep: Keep = "first"
    """Which rows are the best: the first, those with the longest answer, or with the highest reward."""

    @model_validator(mode="after")
    def _one_kind(self) -> "Balance":
        if (self.by is None) == (self.cluster is None):
            raise ValueError("write by: COLUMN or cluster: prompt (or output), one of them")
        return self

    def by_reward(self) -> bool:
        """See the base class."""
        return self.keep == "highest_reward"

    def drop(self, rows: pl.DataFrame) -> pl.DataFrame:
        """See the base class."""
        ordered = best_first(rows, self.keep)
        kinds = ordered.select("row", kind=self._by_column(ordered) if self.by else self._by_cluster(ordered))
        ranked = kinds.with_columns(
            rank=pl.int_range(1, pl.len() + 1).over("kind"), like=pl.col("row").first().over("kind")
        )
        surplus = ranked.filter(pl.col("kind").is_not_null() & (pl.col("rank") > self.most))
        value = pl.format("{} of {}", "rank", "kind") if self.by else pl.format("{} of its cluster", "rank")
        return surplus.select("row", "like", value=value).select(*DROPPED).cast(pl.Schema(DROPPED))

    def allowed(self) -> str:
        """See the base class."""
        return f"at most {self.most:,} rows of each {self.by or f'cluster of like {self.cluster}s'}"

    def _by_column(self, rows: pl.DataFrame) -> pl.Series:
        """The column's value in each row, as text."""
        name = str(self.by)
        with duckdb.connect() as con:  # Polars cannot say every name in a JSON path
            con.register("offered", rows.select(given="columns"))
            query = f"SELECT nullif({column_sql(name, 'given::JSON')}, 'null') AS kind FROM offered"
            kind = con.execute(query).pl().to_series()
        if len(rows) and kind.null_count() == len(rows):
            known = {key for text in rows["columns"].drop_nulls().unique() for key in json.loads(text)}
            if name not in known:
                raise ConfigError(f"balance: no row has the column {name!r}; {did_you_mean(name, known)}")
        return kind

    def _by_cluster(self, rows: pl.DataFrame) -> pl.Series:
        """The number of the best row that is like it: a kind of one row is never too large."""
        likeness = Likeness(threshold=self.threshold, permutations=self.permutations, words=self.words)
        found = similar([rows[str(self.cluster)]], likeness).frame(rows["row"])
        return (
            rows.join(found, on="row", how="left", maintain_order="left").select(pl.coalesce("like", "row")).to_series()
        )
