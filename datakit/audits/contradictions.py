"""Does one pair say the contrary of others?"""

from typing import ClassVar

import polars as pl

from datakit.audited import Audited, spaced
from datakit.auditing import Audit, Finding, share_of


class Contradictions(Audit):
    """Share of the pairs that others contradict: b over a with as many raters or more, or a cycle of preferences."""

    drops: ClassVar[bool] = True
    threshold: float = 0.0

    def examine(self, audited: Audited) -> Finding:
        """See the base class."""
        pairs = _edges(audited)
        both = pairs.group_by("key", "one", "other").agg(row=pl.col("row"), votes=pl.col("votes").max())
        back = both.select("key", one="other", other="one", against="votes", back=pl.col("row").list.first())
        turned = both.join(back, on=["key", "one", "other"]).filter(pl.col("one") != pl.col("other"))
        doubtful = turned.filter(pl.col("votes") <= pl.col("against")).explode("row")
        why = pl.format("pair {} says the contrary", pl.col("back") + 1)
        kept = pairs.join(doubtful.select("row"), on="row", how="anti").filter(pl.col("one") != pl.col("other"))
        circle = _cycles(kept).select("row", why=pl.lit("in a cycle: a over b, b over c, c over a"))
        offenders = pl.concat([doubtful.select("row", why=why), circle])
        return share_of(audited, offenders, "of the pairs are contradicted by others")

    def advice(self) -> str:
        """See the base class."""
        return "the model is pulled both ways; --fix keeps what more raters said, and neither where they are split"


def _edges(audited: Audited) -> pl.DataFrame:
    """row, key, one (chosen), other (rejected), votes; texts stand for answers, so that copies of one are one."""
    verdicts = audited.verdicts.filter(pl.col("verdict") != 0)
    won = pl.col("verdict") > 0
    votes = verdicts.group_by(
        "prompt_id",
        chosen_id=pl.when(won).then("one").otherwise("other"),
        rejected_id=pl.when(won).then("other").otherwise("one"),
    ).agg(votes=pl.len())
    ids = ["prompt_id", "chosen_id", "rejected_id"]
    said = {"one": spaced(pl.col("chosen_said")).hash(), "other": spaced(pl.col("rejected_said")).hash()}
    edges = audited.pairs.select("row", "key", *ids, **said).join(votes, on=ids, how="left", maintain_order="left")
    return edges.with_columns(pl.col("votes").fill_null(1)).drop(ids)


def _cycles(edges: pl.DataFrame) -> pl.DataFrame:
    """Those that are in a cycle or between two: what never wins, or never loses, is taken away until nothing is."""
    while True:
        loses, wins = edges.select("key", one="other"), edges.select("key", other="one")
        left = edges.join(loses, on=["key", "one"], how="semi").join(wins, on=["key", "other"], how="semi")
        if left.height == edges.height:
            return left
        edges = left
