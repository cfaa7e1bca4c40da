"""How much of the reward would a predictor know that sees nothing but the length?"""

import numpy as np

from datakit.diagnosis import Diagnosis, Finding
from datakit.scored import Numbers, Places, Scored
from schemas.report import Table

BINS = 50
"""The predictor is the mean reward of each fiftieth of the lengths: bands and bends count too, not only lines."""
PER_BIN = 10
"""Candidates that a band should have; fewer candidates make fewer bands."""
LEAST = 5 * PER_BIN


class LengthPrediction(Diagnosis):
    """Share of the variance of the reward (adjusted R squared) that length explains: the largest of three.

    Within groups by the length in characters, within groups by the length relative to the group's, and over all.
    """

    threshold: float = 0.3

    def examine(self, scored: Scored) -> Finding:
        """See the base class."""
        rows = ~np.isnan(scored.rewards)
        if rows.sum() < LEAST:
            return Finding(None, f"fewer than {LEAST} rewarded candidates")
        rewards, lengths, group = scored.rewards[rows], scored.chars[rows], scored.group[rows]
        figures = (
            ("within groups", _explained(lengths, rewards, group)),
            (
                "within groups, by relative length",
                _explained(scored.centred(np.log1p(scored.chars), rows), rewards, group),
            ),
            ("over all", _explained(lengths, rewards, np.zeros_like(group))),
        )
        table = Table(title="reward explained by length alone", columns=("where", "R squared"), rows=figures)
        told = [(share, where) for where, share in figures if share is not None]
        if not told:
            return Finding(None, "no two rewards differ", (table,))
        share, where = max(told)
        return Finding(share, f"of the reward's variance is told by length alone ({where})", (table,))

    def advice(self) -> str:
        """See the base class."""
        return "a policy can win by its length alone: look at which scorer follows it, and weigh or bound that one"


def _explained(lengths: Numbers, rewards: Numbers, group: Places) -> float | None:
    """Adjusted R squared, within the groups, of a mean for each band of lengths; None where no reward varies.

    Lengths are put into bands before anything is centred: a band in characters is one whatever the group's lengths.
    """
    bins = min(BINS, len(lengths) // PER_BIN)
    edges = np.unique(np.quantile(lengths, np.linspace(0, 1, bins + 1)[1:-1]))
    band, bands = np.searchsorted(edges, lengths, "right"), len(edges) + 1
    _, group = np.unique(group, return_inverse=True)
    many = np.bincount(group * bands + band, minlength=(group.max() + 1) * bands).reshape(-1, bands)
    size = many.sum(axis=1)
    around = rewards - (np.bincount(group, weights=rewards) / size)[group]
    total = float(around @ around)
    # least squares on the bands and the groups, the groups already taken out of both sides (Frisch and Waugh 1933)
    cross = np.diag(many.sum(axis=0)) - (many / size[:, None]).T @ many
    told = np.bincount(band, weights=around, minlength=bands)
    weights, _, rank, _ = np.linalg.lstsq(cross, told, rcond=1e-9)
    free = len(rewards) - len(size) - int(rank)
    if total <= 1e-12 * len(rewards) or free <= 0:
        return None
    return max(0.0, 1 - (1 - float(told @ weights) / total) * (len(rewards) - len(size)) / free)
