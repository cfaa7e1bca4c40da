"""Which words do the best answers have that the worst have not?"""

import numpy as np
import polars as pl
from pydantic import Field

from datakit.diagnosis import Diagnosis, Finding
from datakit.scored import Scored
from schemas.report import Table

SHOWN = 8
"""N-grams of each side in the table."""
SURE = 3.0
"""Least z of an n-gram that counts."""
RARE = 5
"""Answers in which an n-gram must be."""
CHARACTERS = 4000
"""Of each answer, from its beginning."""

_WORD = r"[\p{Han}\p{Hiragana}\p{Katakana}]|[\p{L}\p{N}][\p{L}\p{N}'’-]*"


class TellingWords(Diagnosis):
    """Largest difference between the shares of best and of worst answers that have the same n-gram."""

    threshold: float = 0.35
    n: int = Field(3, ge=1, le=5)
    """Longest n-gram, in words; a Chinese or Japanese character is one."""

    def examine(self, scored: Scored) -> Finding:
        """See the base class."""
        chosen = scored.sampled(np.arange(len(scored.best)))
        if len(chosen) < 2 * RARE:
            return Finding(None, "too few groups whose rewards differ")
        best, worst = (_answers_with(scored.texts(rows[chosen]), self.n) for rows in (scored.best, scored.worst))
        told = _log_odds(best, worst, len(chosen)).filter(pl.col("z").abs() >= SURE)
        if told.is_empty():
            return Finding(0.0, "no n-gram tells the best answers from the worst")
        rows = [*told.sort("difference", "gram").tail(SHOWN).reverse().rows()]
        rows += told.sort("difference", "gram").filter(pl.col("difference") < 0).head(SHOWN).rows()
        columns = ("n-gram", "of the best", "of the worst", "difference", "z")
        unique = tuple(dict.fromkeys(rows))
        table = Table(title=f"n-grams, in shares of {len(chosen):,} answers", columns=columns, rows=unique)
        gram, of_best, of_worst, difference, _ = max(told.rows(), key=lambda row: (abs(row[3]), row[0]))
        says = f"apart: {gram!r} is in {of_best:.0%} of the best answers and in {of_worst:.0%} of the worst"
        return Finding(abs(difference), says, (table,))

    def advice(self) -> str:
        """See the base class."""
        return "look whether it is what you mean to teach; a phrase that pays will be said everywhere"


def _answers_with(texts: pl.Series, n: int) -> pl.DataFrame:
    """In how many of the texts each n-gram is: gram, many."""
    words = (
        texts.str.slice(0, CHARACTERS).str.to_lowercase().str.extract_all(_WORD).alias("word").to_frame()
        .with_row_index("text").explode("word").drop_nulls()
    )  # fmt: skip
    grams = [words.select("text", gram="word")]
    gram = pl.col("word")
    for step in range(1, n):
        gram = gram + " " + pl.col("word").shift(-step).over("text")
        grams.append(words.select("text", gram=gram).drop_nulls())
    return pl.concat(grams).unique().group_by("gram").agg(many=pl.len())


def _log_odds(best: pl.DataFrame, worst: pl.DataFrame, answers: int) -> pl.DataFrame:
    """Difference of two sets of as many answers, n-gram by n-gram: gram, best, worst, difference, z.

    z is the log-odds ratio over its deviation, with an informative Dirichlet prior, the counts of both sides together
    (Monroe, Colaresi and Quinn 2008, Fightin' Words, equations 16, 20 and 22), over answers that have an n-gram.
    """
    one, other = pl.col("many").cast(pl.Float64), pl.col("many_right").cast(pl.Float64)
    prior = (one + other) / 2
    odds = [((count + prior) / (2 * answers - count - prior + 1)).log() for count in (one, other)]
    deviation = (1 / (one + prior) + 1 / (other + prior)).sqrt()
    return (
        best.join(worst, on="gram", how="full", coalesce=True)
        .with_columns(pl.col("many", "many_right").fill_null(0))
        .filter(one + other >= RARE)
        .select(
            "gram",
            best=one / answers,
            worst=other / answers,
            difference=(one - other) / answers,
            z=(odds[0] - odds[1]) / deviation,
        )
    )
