"""Which words tell the chosen side from the rejected one?"""

import numpy as np
import polars as pl
from pydantic import Field

from datakit.audited import Audited
from datakit.auditing import Audit, Finding
from datakit.pieces import grams_of, shown
from schemas.report import Table

LEAST = 40
"""Pairs of which half choose the n-grams and the other half judge them."""
SHOWN = 10
"""N-grams in the table."""
NORMAL = 1.96
"""Of a 95 % interval."""


class Giveaways(Audit):
    """Surest accuracy of an n-gram as a predictor: that the only side that has it is chosen, or rejected.

    Half of the pairs choose the n-grams, the other half judge them; the figure is the lower end of Wilson's interval
    (Wilson 1927, 95 %) of the best, of those that tell enough pairs.
    """

    threshold: float = 0.75
    n: int = Field(3, ge=1, le=5)
    """Longest n-gram, in pieces."""
    covers: float = Field(0.05, gt=0, le=1)
    """Least share of the pairs that an n-gram tells."""
    sample: int = Field(5000, ge=LEAST)
    """Pairs whose texts are read, evenly spread."""

    def examine(self, audited: Audited) -> Finding:
        """See the base class."""
        total = audited.pairs.height
        places = np.unique(np.linspace(0, total - 1, min(self.sample, total)).astype(np.int64))
        pairs = audited.pairs[places.tolist()]
        if len(pairs) < LEAST:
            return Finding(None, f"fewer than {LEAST} pairs")
        told = self._told(pairs)
        if told.is_empty():
            return Finding(0.5, "no n-gram tells the sides apart")
        table = Table(
            title=f"n-grams of one side only, of {len(pairs):,} pairs; accuracy in the half that did not choose them",
            columns=("n-gram", "side", "pairs", "accuracy", "at least"),
            rows=tuple((shown(gram), *rest) for gram, *rest in told.head(SHOWN).rows()),
        )
        gram, side, _, accuracy, least = told.row(0)
        return Finding(least, f"at least: a side with {shown(gram)!r} is {side}, right in {accuracy:.0%}", (table,))

    def _told(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """gram, side, pairs, accuracy, least; surest first."""
        many = len(pairs)
        grams = grams_of(pl.concat([pairs["chosen"], pairs["rejected"]]), self.n)
        sides = grams.select(
            "gram", pair=pl.col("text") % many, side=pl.when(pl.col("text") < many).then(1).otherwise(-1)
        )
        often = sides.filter(pl.len().over("gram") >= self.covers * many)
        only = often.group_by("gram", "pair").agg(pl.col("side").sum()).filter(pl.col("side") != 0)
        half = pl.col("pair") % 2
        counted = only.group_by("gram").agg(
            pl.col("side").filter(half == 0).sum().alias("leans"),
            pl.col("side").filter(half == 1).sum().alias("later"),
            pl.col("side").filter(half == 1).len().alias("judged"),
            pl.len().alias("pairs"),
        )
        lean = pl.col("leans").sign()
        right = (pl.col("later") * lean / pl.col("judged") + 1) / 2
        enough = (pl.col("pairs") >= self.covers * many) & (pl.col("judged") >= LEAST // 8) & (lean != 0)
        side = pl.when(lean > 0).then(pl.lit("chosen")).otherwise(pl.lit("rejected"))
        found = counted.filter(enough).with_columns(side=side, accuracy=right)
        least = _wilson(pl.col("accuracy"), pl.col("judged"))
        return found.select("gram", "side", "pairs", "accuracy", least=least).sort(
            "least", "gram", descending=[True, False]
        )

    def advice(self) -> str:
        """See the base class."""
        return "a model learns this phrase instead of what is better; look whether it is what you mean to teach"


def _wilson(share: pl.Expr, many: pl.Expr) -> pl.Expr:
    """Lower end of the interval of a share."""
    square = NORMAL**2
    middle = share + square / (2 * many)
    half = NORMAL * (share * (1 - share) / many + square / (4 * many**2)).sqrt()
    return (middle - half) / (1 + square / many)
