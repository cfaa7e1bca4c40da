"""Do longer answers get more, or shorter ones?"""

import numpy as np
import polars as pl

from datakit.diagnosis import Diagnosis, Finding
from datakit.scored import Numbers, Scored
from schemas.report import Table

LEAST = 20
"""Rewarded candidates below which a correlation says nothing."""


class LengthCorrelation(Diagnosis):
    """Spearman's correlation of reward and length within the groups: ranks within each group, pooled."""

    threshold: float = 0.5

    def examine(self, scored: Scored) -> Finding:
        """See the base class."""
        rows = ~np.isnan(scored.rewards)
        if rows.sum() < LEAST:
            return Finding(None, f"fewer than {LEAST} rewarded candidates")
        chars = np.where(rows, scored.chars, np.nan)
        within = [scored.centred(values, rows) for values in (scored.rewards, chars)]
        ranked = [scored.centred(_ranks(values, scored.group), rows) for values in (scored.rewards, chars)]
        figures = (
            ("within groups, Spearman", _correlation(*ranked)),
            ("within groups, Pearson", _correlation(*within)),
            ("over all, Spearman", _correlation(_ranks(scored.rewards[rows]), _ranks(chars[rows]))),
            ("over all, Pearson", _correlation(scored.rewards[rows], chars[rows])),
        )
        table = Table(title="reward against length (characters)", columns=("correlation", "value"), rows=figures)
        found = figures[0][1]
        if found is None:
            return Finding(None, "no group has rewards and lengths that differ", (table,))
        what = "longer" if found > 0 else "shorter"
        return Finding(abs(found), f"rank correlation with length within groups: {what} answers get more", (table,))

    def advice(self) -> str:
        """See the base class."""
        return (
            "the policy will learn the length first: add a length_band or a soft length penalty, "
            "or cap --max-length-ratio in build-pairs"
        )


def _ranks(values: Numbers, group: np.ndarray | None = None) -> Numbers:
    """Average ranks; NaN stays."""
    frame = pl.DataFrame({"value": values, "group": np.zeros(len(values), np.int64) if group is None else group})
    ranked = pl.when(pl.col("value").is_not_nan()).then("value").rank("average").over("group")
    ranks: Numbers = frame.select(ranked.fill_null(np.nan)).to_series().to_numpy()
    return ranks


def _correlation(one: Numbers, other: Numbers) -> float | None:
    """Pearson's; None where one does not vary."""
    one, other = one - one.mean(), other - other.mean()
    scale = float(np.sqrt((one @ one) * (other @ other)))
    return float(one @ other) / scale if scale > 1e-12 * len(one) else None
