"""Do two scorers pull the answers in opposite directions?"""

from itertools import combinations

import numpy as np

from datakit.comparing import comparisons
from datakit.diagnosis import Diagnosis, Finding
from datakit.scored import Scored
from schemas.report import Table

LEAST = 30
"""Pairs of answers below which two scorers are not compared."""


class Conflict(Diagnosis):
    """Largest share, over two scorers, of the pairs of answers that both tell apart and order differently.

    gamma is the rank correlation of Goodman and Kruskal (1954): pairs ordered alike less those ordered differently.
    """

    threshold: float = 0.6

    def examine(self, scored: Scored) -> Finding:
        """See the base class."""
        many = len(scored.names)
        net, told = np.zeros((many, many)), np.zeros((many, many))
        for sign, _ in comparisons(scored.group, scored.values):
            net += sign.T @ sign
            told += np.abs(sign).T @ np.abs(sign)
        rows = []
        for one, other in combinations(range(many), 2):
            both = told[one, other]
            if both >= LEAST:
                tau = float(net[one, other] / both)
                rows.append((scored.names[one], scored.names[other], int(both), (1 - tau) / 2, tau))
        if not rows:
            return Finding(None, f"no two scorers tell the same {LEAST} pairs of answers apart")
        rows.sort(key=lambda row: -row[3])
        columns = (
            "scorer",
            "other scorer",
            "pairs of answers",
            "ordered differently",
            "gamma",
        )
        table = Table(title="agreement between scorers", columns=columns, rows=tuple(rows))
        first, second, _, share, _ = rows[0]
        return Finding(
            share, f"of the pairs that {first} and {second} both tell apart are ordered differently", (table,)
        )

    def advice(self) -> str:
        """See the base class."""
        return "their sum rewards the middle: decide which of them is a requirement, or which prompts it applies to"
