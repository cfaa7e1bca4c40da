"""How much of the choice does the length tell?"""

import numpy as np

from datakit.audited import Audited
from datakit.auditing import Audit, Finding
from schemas.report import Table

LEAST = 20
"""Pairs of unequal lengths from which a share is told."""


class LengthBias(Audit):
    """Accuracy of a predictor that sees only the lengths of both sides: that the longer, or the shorter, one wins."""

    threshold: float = 0.65

    def examine(self, audited: Audited) -> Finding:
        """See the base class."""
        chosen, rejected = (
            audited.pairs[side].str.len_chars().to_numpy().astype(float) for side in ("chosen", "rejected")
        )
        apart = chosen != rejected
        if apart.sum() < LEAST:
            return Finding(None, f"fewer than {LEAST} pairs whose sides differ in length")
        longer = float((chosen > rejected)[apart].mean())
        spread = float(np.sqrt((chosen.var(ddof=1) + rejected.var(ddof=1)) / 2))
        difference = (chosen.mean() - rejected.mean()) / spread if spread else 0.0
        accuracy = max(longer, 1 - longer)
        rows = (
            ("mean characters of chosen", float(chosen.mean())),
            ("mean characters of rejected", float(rejected.mean())),
            ("standardised difference", float(difference)),
            ("share in which the longer side is chosen", longer),
            ("accuracy of the length alone", accuracy),
        )
        table = Table(title="lengths", columns=("what", "figure"), rows=rows)
        which = "longer" if longer >= 0.5 else "shorter"
        return Finding(accuracy, f"of the pairs are told by the length: the {which} side is chosen", (table,))

    def advice(self) -> str:
        """See the base class."""
        return "the model learns a length before anything else; see build-pairs --strategy length_matched"
