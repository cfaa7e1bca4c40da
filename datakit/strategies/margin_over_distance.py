"""A wide margin between texts that are nearly the same: what makes the difference is what is learnt."""

from collections.abc import Iterator
from typing import ClassVar

import numpy as np
import polars as pl
from pydantic import Field
from rapidfuzz.distance import Levenshtein
from rapidfuzz.process import cpdist

from datakit.strategy import Strategy

BATCH = 8192
"""Pairs whose distances are computed at once."""


class MarginOverDistance(Strategy):
    """One pair a prompt: the largest margin over the normalised edit distance of the two texts."""

    reads_text: ClassVar[bool] = True

    least: float = Field(0.05, gt=0, le=1)
    """Distances below this count as this: a comma more is not twenty times as telling as a word more."""

    def pair(self, group: pl.LazyFrame) -> pl.LazyFrame:
        """Choose pairs: see `Strategy.pair`."""
        rows = group.sort("prompt_id", "candidate_id").with_row_index("row").collect()
        side = rows.lazy().select("prompt_id", "candidate_id", "row", "reward", "choosable", "rejectable")
        pairs = (
            side.filter("choosable")
            .join(side.filter("rejectable"), on="prompt_id", suffix="_rejected")
            .filter(pl.col("reward") > pl.col("reward_rejected"))
            .select(
                "prompt_id",
                "row",
                "row_rejected",
                chosen_id="candidate_id",
                rejected_id="candidate_id_rejected",
                margin=pl.col("reward") - pl.col("reward_rejected"),
            )
            .collect()
        )
        texts = rows["text"].to_list()
        distances = np.concatenate([np.zeros(0), *_distances(texts, pairs["row"], pairs["row_rejected"])])
        ratio = pl.col("margin") / pl.Series("distance", distances, pl.Float64).clip(self.least)
        best_first = pairs.lazy().with_columns(least=-ratio).sort("least", "chosen_id", "rejected_id")
        return best_first.unique("prompt_id", keep="first").select("prompt_id", "chosen_id", "rejected_id")


def _distances(texts: list[str], chosen: pl.Series, rejected: pl.Series) -> Iterator[np.ndarray]:
    """The distances of pairs of rows, batch by batch."""
    for start in range(0, len(chosen), BATCH):
        sides = ([texts[row] for row in rows[start : start + BATCH]] for rows in (chosen, rejected))
        yield cpdist(*sides, scorer=Levenshtein.normalized_distance, dtype=np.float64, workers=-1)
