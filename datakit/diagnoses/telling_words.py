"""Which words do the best answers have that the worst have not?"""

import numpy as np
import polars as pl
from pydantic import Field

from datakit.diagnosis import Diagnosis, Finding
from datakit.pieces import END, START, grams_of, shown
from datakit.scored import Numbers, Scored
from schemas.report import Table

SHOWN = 8
"""N-grams of each side in the table."""
SURE = 3.0
"""Least z of an n-gram that counts; and so many deviations its difference must be from none."""
RARE = 5
"""Answers in which an n-gram must be."""
ALIKE = 1.25
"""Lengths of which one is at most so many times the other count as equal."""


class TellingWords(Diagnosis):
    """Largest difference between the shares of best and of worst answers with the same n-gram, lengths being equal."""

    threshold: float = 0.25
    n: int = Field(3, ge=1, le=5)
    """Longest n-gram, in tokens."""

    def examine(self, scored: Scored) -> Finding:
        """See the base class."""
        chosen = scored.sampled(np.arange(len(scored.best)))
        if len(chosen) < 2 * RARE:
            return Finding(None, "too few groups whose rewards differ")
        rows = np.concatenate([scored.best[chosen], scored.worst[chosen]])
        grams = grams_of(scored.texts(rows), self.n).join(_by_length(scored.chars[rows]), on="text")
        told = pl.concat([_told(grams, len(chosen)), *(_together(grams, len(chosen), mark) for mark in (START, END))])
        told = told.filter(pl.col("beyond").abs() >= SURE * ((pl.col("best") + pl.col("worst")) / len(chosen)).sqrt())
        if told.is_empty():
            return Finding(0.0, "no n-gram tells the best answers from the worst")
        told = told.sort("beyond", "gram")
        extremes = [*told.tail(SHOWN).reverse().rows(), *told.filter(pl.col("beyond") < 0).head(SHOWN).rows()]
        columns = ("n-gram", "of the best", "of the worst", "difference", "beyond length", "z")
        unique = tuple(dict.fromkeys((shown(gram), *figures) for gram, *figures in extremes))
        table = Table(title=f"n-grams, in shares of {len(chosen):,} answers", columns=columns, rows=unique)
        gram, of_best, of_worst, _, beyond, _ = max(told.rows(), key=lambda row: (abs(row[4]), row[0]))
        says = f"apart: {shown(gram)!r} is in {of_best:.0%} of the best answers and in {of_worst:.0%} of the worst"
        return Finding(abs(beyond), says, (table,))

    def advice(self) -> str:
        """See the base class."""
        return "look whether it is what you mean to teach; a phrase that pays will be said everywhere"


_FIGURES = {
    "best": pl.col("side").eq(1).sum(),
    "worst": pl.col("side").eq(-1).sum(),
    "beyond": (pl.col("side") - pl.col("expected")).sum(),
}
"""Of some texts with an n-gram: best answers, worst ones, and the difference less that which the lengths make."""


def _told(grams: pl.DataFrame, answers: int) -> pl.DataFrame:
    """How each n-gram tells best from worst answers: gram, best, worst, difference, beyond, z.

    z is the log-odds ratio over its deviation, with an informative Dirichlet prior, the counts of both sides together
    (Monroe, Colaresi and Quinn 2008, Fightin' Words, equations 16, 20 and 22), over answers that have an n-gram.
    `beyond` is the difference less that which the lengths make: a longer answer has more of everything.

    Args:
        grams: text, gram, side, expected.
        answers: how many there are on each side.
    """
    one, other = pl.col("best").cast(pl.Float64), pl.col("worst").cast(pl.Float64)
    prior = (one + other) / 2
    odds = [((count + prior) / (2 * answers - count - prior + 1)).log() for count in (one, other)]
    deviation = (1 / (one + prior) + 1 / (other + prior)).sqrt()
    counted = grams.group_by("gram").agg(**_FIGURES).filter(one + other >= RARE)
    return _shares(counted, answers, (odds[0] - odds[1]) / deviation).filter(pl.col("z").abs() >= SURE)


def _together(grams: pl.DataFrame, answers: int, mark: str) -> pl.DataFrame:
    """The first, or the last, pieces of answers that pay, together: several openings may pay, each of them seldom.

    Which ones pay is told by every other group, and what they tell is counted in the rest: no chance is counted twice.
    """
    edge = pl.col("gram").str.contains(f"^{START} [^ ]+$|^[^ ]+ {END}$") & pl.col("gram").str.contains(mark)
    half = pl.col("text") % answers % 2
    counted = grams.filter(edge).group_by("gram", half=half).agg(**_FIGURES)
    paid = counted.filter(pl.col("beyond") > 0).select("gram", half=1 - pl.col("half"))
    held = counted.join(paid, on=["gram", "half"])
    names = held.group_by("gram").agg(pl.col("beyond").sum()).sort("beyond", "gram", descending=[True, False])["gram"]
    together = held.select(pl.lit(" / ".join(names.head(4))).alias("gram"), *(pl.col(name).sum() for name in _FIGURES))
    return _shares(together.head(1 if len(names) > 1 else 0), answers, pl.lit(None, pl.Float64))


def _shares(counted: pl.DataFrame, answers: int, z: pl.Expr) -> pl.DataFrame:
    best, worst, beyond = (pl.col(name).cast(pl.Float64) / answers for name in _FIGURES)
    return counted.select("gram", best=best, worst=worst, difference=best - worst, beyond=beyond, z=z)


def _by_length(chars: Numbers) -> pl.DataFrame:
    """What a text is, and what its length would make of it: text, side (1 best, -1 worst), expected.

    Args:
        chars: (texts,) their lengths; the first half of the texts are the best answers.
    """
    side = np.repeat([1.0, -1.0], len(chars) // 2)
    order = np.argsort(chars, kind="stable")
    ordered, sums = chars[order], np.concatenate([[0.0], np.cumsum(side[order])])
    first, last = np.searchsorted(ordered, chars / ALIKE, "left"), np.searchsorted(ordered, chars * ALIKE, "right")
    expected = (sums[last] - sums[first]) / (last - first)
    return pl.DataFrame({"text": np.arange(len(chars), dtype=np.uint32), "side": side, "expected": expected})
