"""How many groups teach nothing because all their rewards are equal?"""

import numpy as np

from datakit.diagnosis import Diagnosis, Finding
from datakit.scored import Scored
from schemas.report import Table


class ZeroSpread(Diagnosis):
    """Share of the groups with two rewards or more in which all are equal."""

    threshold: float = 0.5

    def examine(self, scored: Scored) -> Finding:
        """See the base class."""
        rows = ~np.isnan(scored.rewards)
        many = np.bincount(scored.group[rows]) if rows.any() else np.zeros(0, np.int64)
        several = int((many > 1).sum())
        if not several:
            return Finding(None, "no group has two rewards")
        flat = several - len(scored.best)
        figures = (("with two rewards or more", several), ("of them without spread", flat))
        table = Table(title="groups", columns=("groups", "how many"), rows=figures)
        return Finding(flat / several, "of the groups have one reward for all their answers", (table,))

    def advice(self) -> str:
        """See the base class."""
        return (
            "they make no pair and no advantage: draw more answers or at a higher temperature, "
            "take prompts of another difficulty, or add a scorer with a finer scale"
        )
