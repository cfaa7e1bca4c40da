"""Drop rows whose reward is too small, or that have none."""

from typing import ClassVar

import polars as pl

from datakit.filter import DROPPED, Filter


class MinReward(Filter):
    """Refuses what a reward spec finds poor; a row that could not be judged is not taken for a good one."""

    reads: ClassVar[tuple[str, ...]] = ("reward",)

    min: float
    """Smallest reward that stays."""

    def drop(self, rows: pl.DataFrame) -> pl.DataFrame:
        """See the base class."""
        reward = pl.col("reward")
        value = reward.cast(pl.String).fill_null("no reward")
        # NaN is the largest number for Polars, and no reward
        poor = rows.filter(reward.is_null() | reward.is_nan() | (reward < self.min))
        return poor.select("row", value=value, like=pl.lit(None, DROPPED["like"]))

    def allowed(self) -> str:
        """See the base class."""
        return f"a reward of at least {self.min:g}"
