"""Keep the rows with the highest reward: ten thousand good ones beat a hundred thousand poor ones."""

from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from datakit.filter import DROPPED, Filter
from datakit.preference import best_first


class TopK(Filter):
    """A row without a reward goes; between equals the smaller row stays."""

    reads: ClassVar[tuple[str, ...]] = ("reward",)

    k: int = Field(10_000, ge=1)
    """Rows that stay."""
    by: Literal["reward"] = "reward"
    """What they are ranked by."""

    def drop(self, rows: pl.DataFrame) -> pl.DataFrame:
        """See the base class."""
        has_reward = rows["reward"].is_not_null() & rows["reward"].is_not_nan()
        ranked = best_first(rows.filter(has_reward), "highest_reward")
        dropped = pl.concat([ranked.slice(self.k), rows.filter(~has_reward)])
        value = pl.col("reward").cast(pl.String).fill_null("no reward")
        return dropped.select("row", value=value, like=pl.lit(None)).cast(pl.Schema(DROPPED))

    def allowed(self) -> str:
        """See the base class."""
        return f"one of the {self.k:,} highest rewards"
