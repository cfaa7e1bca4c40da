"""Has a side no answer?"""

from typing import ClassVar

import polars as pl

from datakit.audited import Audited, spaced
from datakit.auditing import Audit, Finding, share_of


class EmptySides(Audit):
    """Share of the pairs with a side that says nothing and calls no tool."""

    drops: ClassVar[bool] = True
    threshold: float = 0.0

    def examine(self, audited: Audited) -> Finding:
        """See the base class."""
        nothing = r"^[\s\p{Z}\p{Cf}]*$"
        empty = {side: spaced(pl.col(f"{side}_said")).str.contains(nothing) for side in ("chosen", "rejected")}
        said = [pl.when(side).then(pl.lit(name)) for name, side in empty.items()]
        why = pl.concat_str(pl.concat_str(said, separator=" and ", ignore_nulls=True), pl.lit(" has no text"))
        offenders = audited.pairs.filter(pl.any_horizontal(empty.values())).select("row", why=why)
        return share_of(audited, offenders, "of the pairs have an empty side")

    def advice(self) -> str:
        """See the base class."""
        return "a model learns to end at once, or that any text wins; --fix leaves such pairs out"
