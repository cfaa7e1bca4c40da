"""How much of the reward would a predictor know that sees nothing but the length?"""

import numpy as np

from datakit.diagnosis import Diagnosis, Finding
from datakit.scored import Numbers, Scored
from schemas.report import Table

BINS = 20
"""The predictor is the mean reward of each twentieth of the lengths: bands and bends count too, not only lines."""
LEAST = 10 * BINS


class LengthPrediction(Diagnosis):
    """Share of the variance of the reward within groups (adjusted R squared) that relative length explains."""

    threshold: float = 0.3

    def examine(self, scored: Scored) -> Finding:
        """See the base class."""
        rows = ~np.isnan(scored.rewards)
        if rows.sum() < LEAST:
            return Finding(None, f"fewer than {LEAST} rewarded candidates")
        logs = np.log1p(scored.chars)
        within = _explained(scored.centred(logs, rows), scored.centred(scored.rewards, rows))
        over_all = _explained(logs[rows], scored.rewards[rows])
        rows_ = (("within groups", within), ("over all", over_all))
        table = Table(title="reward explained by length alone", columns=("where", "R squared"), rows=rows_)
        if within is None:
            return Finding(None, "no group has rewards that differ", (table,))
        return Finding(within, "of the reward's variance within groups is told by length alone", (table,))

    def advice(self) -> str:
        """See the base class."""
        return "a policy can win by its length alone: look at which scorer follows it, and weigh or bound that one"


def _explained(lengths: Numbers, rewards: Numbers) -> float | None:
    """Adjusted R squared of the means of equally many lengths; None where the reward does not vary."""
    around = rewards - rewards.mean()
    total = float(around @ around)
    if total <= 1e-12 * len(rewards):
        return None
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, BINS + 1)[1:-1]))
    places = np.searchsorted(edges, lengths, "right")
    many = np.bincount(places, minlength=len(edges) + 1)
    sums = np.bincount(places, weights=around, minlength=len(edges) + 1)
    used = many > 0
    between = float((sums[used] ** 2 / many[used]).sum())
    free = len(rewards) - int(used.sum())
    return max(0.0, 1 - (1 - between / total) * (len(rewards) - 1) / free)
