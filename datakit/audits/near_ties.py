"""How many pairs were hardly decided?"""

import polars as pl
from pydantic import Field

from datakit.audited import Audited
from datakit.auditing import Audit, Finding, share_of
from schemas.report import Table

_QUANTILES = (0.0, 0.05, 0.25, 0.5, 0.75, 0.95, 1.0)


class NearTies(Audit):
    """Share of the pairs whose margin is a small part of the median one; also the distribution of margins."""

    threshold: float = 0.1
    part: float = Field(0.1, ge=0, le=1)
    """Of the median margin: a smaller one is a near tie."""

    def examine(self, audited: Audited) -> Finding:
        """See the base class."""
        margins = audited.pairs.select("row", "margin").drop_nulls()
        if margins.is_empty():
            return Finding(None, "the pairs have no margins")
        bound = self.part * float(margins["margin"].quantile(0.5, "linear") or 0.0)
        rows = tuple((f"{share:.0%}", margins["margin"].quantile(share, "linear")) for share in _QUANTILES)
        table = Table(title="margins", columns=("quantile", "margin"), rows=rows)
        near = margins.filter((pl.col("margin") < bound) | (pl.col("margin") <= 0))
        why = pl.format("its margin is {}", pl.col("margin").round(6))
        finding = share_of(audited, near.select("row", why=why), f"of the pairs have a margin below {bound:.4g}")
        return Finding(finding.figure, finding.says, (table,), finding.offenders)

    def advice(self) -> str:
        """See the base class."""
        return "they are decided by noise; build-pairs has --min-margin"
