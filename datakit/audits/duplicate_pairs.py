"""Is a pair there several times?"""

from typing import ClassVar

import polars as pl

from datakit.audited import Audited, spaced
from datakit.auditing import Audit, Finding, share_of


class DuplicatePairs(Audit):
    """Share of the pairs that are an earlier one again: prompt and both sides, white space apart."""

    drops: ClassVar[bool] = True
    threshold: float = 0.0

    def examine(self, audited: Audited) -> Finding:
        """See the base class."""
        said = [spaced(pl.col(f"{side}_said")).alias(side) for side in ("chosen", "rejected")]
        first = pl.col("row").min().over("key", "chosen", "rejected")
        found = audited.pairs.select("row", "key", *said).with_columns(first=first).filter(pl.col("row") != first)
        offenders = found.select("row", why=pl.format("the same as pair {}", pl.col("first") + 1))
        return share_of(audited, offenders, "of the pairs repeat an earlier one")

    def advice(self) -> str:
        """See the base class."""
        return "it counts twice, and one of them may be held out while the other is trained on; --fix keeps the first"
