"""Was a side cut off?"""

from typing import ClassVar

import polars as pl

from datakit.audited import Audited
from datakit.auditing import Audit, Finding, share_of
from datakit.filter import Filter
from rewards.plugins import variant_class
from schemas.report import Table


class TruncatedSides(Audit):
    """Share of the pairs with a side that was cut off: by max_tokens where that is known, else by how its text ends."""

    drops: ClassVar[bool] = True
    threshold: float = 0.02

    def examine(self, audited: Audited) -> Finding:
        """See the base class."""
        found = {side: self._cut(audited.pairs, side) for side in ("chosen", "rejected")}
        rows = tuple((side, cut.height, cut.height / audited.pairs.height) for side, cut in found.items())
        table = Table(title="sides that were cut off", columns=("side", "pairs", "share"), rows=rows)
        finding = share_of(audited, pl.concat(found.values()), "of the pairs have a side that was cut off")
        return Finding(finding.figure, finding.says, (table,), finding.offenders)

    def _cut(self, pairs: pl.DataFrame, side: str) -> pl.DataFrame:
        """Row and why; a finish reason settles it, how a text ends is for answers without one."""
        finish = pl.col(f"{side}_finish")
        known = pairs.filter(finish == "length").select("row", why=pl.lit(f"{side}: stopped by max_tokens"))
        ended = variant_class("datakit.filters", "unfinished", Filter)()  # type: ignore[type-abstract]
        silent = pairs.filter(finish.is_null() & pl.col(f"{side}_turns").is_null())
        broken = ended.drop(silent.select("row", output=side))
        return pl.concat([known, broken.select("row", why=pl.format("{}: {}", pl.lit(side), pl.col("value")))])

    def advice(self) -> str:
        """See the base class."""
        return "as chosen it teaches to break off, as rejected that any end wins; raise max_tokens, or --fix"
