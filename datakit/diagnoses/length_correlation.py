"""Do longer answers get more, or shorter ones?"""

import numpy as np
import polars as pl

from datakit.diagnosis import Diagnosis, Finding
from datakit.scored import Numbers, Scored
from schemas.report import Table

LEAST = 20
"""Rewarded candidates below which a correlation says nothing."""


class LengthCorrelation(Diagnosis):
    """Spearman's correlation of reward and length, the larger of two: over all, and of ranks within groups, pooled."""

    threshold: float = 0.5

    def examine(self, scored: Scored) -> Finding:
        """See the base class."""
        rows = ~np.isnan(scored.rewards)
        if rows.sum() < LEAST:
            return Finding(None, f"fewer than {LEAST} rewarded candidates")
        chars = np.where(rows, scored.chars, np.nan)
        within = [scored.centred(values, rows) for values in (scored.rewards, chars)]
        ranked = [scored.centred(_ranks(values, scored.group), rows) for values in (scored.rewards, chars)]
        over_all = (scored.rewards[rows], chars[rows])
        figures = (
            ("within groups", _correlation(*ranked), _correlation(*within)),
            ("over all", _correlation(*map(_ranks, over_all)), _correlation(*over_all)),
        )
        table = Table(
            title="reward against length (characters)", columns=("where", "Spearman", "Pearson"), rows=figures
        )
        told = [(abs(value), value, where) for where, value, _ in figures if value is not None]
        if not told:
            return Finding(None, "no two rewards and lengths differ", (table,))
        share, found, where = max(told)
        what = "longer" if found > 0 else "shorter"
        return Finding(share, f"rank correlation with length ({where}): {what} answers get more", (table,))

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
