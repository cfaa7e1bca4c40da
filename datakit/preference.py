"""Which of several rows is worth keeping."""

from typing import Literal

import polars as pl

Keep = Literal["first", "longest_output", "highest_reward"]
"""The rule; between equals, the smaller row stays."""


def best_first(rows: pl.DataFrame, keep: Keep) -> pl.DataFrame:
    """The rows, the best one first; a row without a reward comes after those that have one."""
    if keep == "longest_output":
        by = [-pl.col("output").str.len_chars().cast(pl.Int64), pl.col("row")]
    elif keep == "highest_reward":
        by = [-pl.col("reward").fill_nan(None), pl.col("row")]
    else:
        by = [pl.col("row")]
    return rows.sort(by, nulls_last=True)
