"""Is it the same answer on both sides?"""

from typing import ClassVar

import polars as pl

from datakit.audited import Audited, spaced
from datakit.auditing import Audit, Finding, share_of


class SameSides(Audit):
    """Share of the pairs whose sides differ in white space at most; tool calls and all turns count."""

    drops: ClassVar[bool] = True
    threshold: float = 0.0

    def examine(self, audited: Audited) -> Finding:
        """See the base class."""
        same = spaced(pl.col("chosen_said")) == spaced(pl.col("rejected_said"))
        offenders = audited.pairs.filter(same).select("row", why=pl.lit("both sides are the same"))
        return share_of(audited, offenders, "of the pairs have the same answer on both sides")

    def advice(self) -> str:
        """See the base class."""
        return "such a pair has no gradient, or one of chance; --fix leaves it out"
