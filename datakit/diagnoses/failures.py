"""Do the scorers run?"""

import numpy as np

from datakit.diagnosis import Diagnosis, Finding
from datakit.scored import STATUSES, Scored
from schemas.report import Table


class Failures(Diagnosis):
    """Largest share of one scorer's outcomes that are an error or a time-out."""

    threshold: float = 0.01

    def examine(self, scored: Scored) -> Finding:
        """See the base class."""
        counts = np.stack([(scored.statuses == code).sum(axis=0) for code in range(-1, len(STATUSES))], axis=1)
        table = Table(
            title="outcomes",
            columns=("scorer", "not run", *STATUSES),
            rows=tuple((name, *map(int, row)) for name, row in zip(scored.names, counts, strict=True)),
        )
        run = counts[:, 1:].sum(axis=1)
        if not run.any():
            return Finding(None, "nothing is scored; run `datakit score` first", (table,))
        failed = counts[:, 1 + STATUSES.index("error")] + counts[:, 1 + STATUSES.index("timeout")]
        shares = failed / np.maximum(run, 1)
        worst = int(shares.argmax())
        return Finding(
            float(shares[worst]), f"of the outcomes of {scored.names[worst]} are errors or time-outs", (table,)
        )

    def advice(self) -> str:
        """See the base class."""
        return (
            "these answers have no reward and are left out, which is a choice nobody made: "
            "see the reasons in `datakit score`, mend the rule, and run it with --retry"
        )
