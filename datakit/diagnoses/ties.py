"""Can a scorer tell the answers of one prompt apart?"""

import numpy as np

from datakit.comparing import comparisons
from datakit.diagnosis import Diagnosis, Finding
from datakit.scored import Scored
from schemas.report import Table


class Ties(Diagnosis):
    """Largest share of one scorer's pairs of answers to the same prompt that have the same value."""

    threshold: float = 0.9

    def examine(self, scored: Scored) -> Finding:
        """See the base class."""
        both, differ = np.zeros(len(scored.names)), np.zeros(len(scored.names))
        for sign, known in comparisons(scored.group, scored.values):
            both += known.sum(axis=0)
            differ += np.abs(sign).sum(axis=0)
        shares = [
            (name, int(many), 1 - float(other / many))
            for name, many, other in zip(scored.names, both, differ, strict=True)
            if many
        ]
        if not shares:
            return Finding(None, "no prompt has two answers with values")
        table = Table(title="ties", columns=("scorer", "pairs of answers", "share tied"), rows=tuple(shares))
        name, _, share = max(shares, key=lambda row: row[2])
        return Finding(share, f"of the pairs of answers to a prompt are tied under {name}", (table,))

    def advice(self) -> str:
        """See the base class."""
        return "it adds little to a comparison: give partial credit, draw more or hotter answers, or leave it out"
