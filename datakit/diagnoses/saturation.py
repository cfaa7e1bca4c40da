"""Does a scorer say nearly always the same?"""

import numpy as np

from datakit.diagnosis import Diagnosis, Finding
from datakit.scored import Scored
from schemas.report import Table


class Saturation(Diagnosis):
    """Largest share of one scorer's values that are its own largest, or its own smallest, one."""

    threshold: float = 0.95

    def examine(self, scored: Scored) -> Finding:
        """See the base class."""
        rows = []
        for name, column in zip(scored.names, scored.values.T, strict=True):
            values = column[~np.isnan(column)]
            if len(values):
                low, high = float(values.min()), float(values.max())
                rows.append(
                    (name, len(values), low, float((values == low).mean()), high, float((values == high).mean()))
                )
        if not rows:
            return Finding(None, "no scorer gave a value")
        columns = ("scorer", "values", "smallest", "share", "largest", "share of it")
        table = Table(title="saturation", columns=columns, rows=tuple(rows))
        name, _, low, share_low, high, share_high = max(rows, key=lambda row: max(row[3], row[5]))
        value = high if share_high >= share_low else low
        return Finding(max(share_low, share_high), f"of the values of {name} are {value:g}", (table,))

    def advice(self) -> str:
        """See the base class."""
        return "such a scorer tells no answer from another: harder prompts, a finer scale, or leave it out"
