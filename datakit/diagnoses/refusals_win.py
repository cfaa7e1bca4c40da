"""Does declining beat helping?"""

import polars as pl

from datakit.diagnosis import Diagnosis, Finding
from datakit.refusing import refusing
from datakit.scored import Scored
from schemas.report import Table


class RefusalsWin(Diagnosis):
    """Share won by a refusal of the groups in which one answer refuses and another does not."""

    threshold: float = 0.8

    def examine(self, scored: Scored) -> Finding:
        """See the base class."""
        rows = refusing(scored)
        mixed = (
            rows.group_by("group")
            .agg(won=pl.col("refuses").filter(pl.col("best")).any(), some="refuses", share=pl.col("refuses").mean())
            .filter(pl.col("share").is_between(0, 1, closed="none"))
        )
        answers = 0.0 if rows.is_empty() else float(rows["refuses"].mean())  # type: ignore[arg-type]
        figures = (("groups looked at", rows["group"].n_unique()), ("with a refusal and an answer", mixed.height))
        table = Table(
            title="refusals", columns=("figure", "value"), rows=(*figures, ("share of answers that refuse", answers))
        )
        if mixed.is_empty():
            return Finding(None, "no group has both a refusal and an answer", (table,))
        return Finding(float(mixed["won"].mean()), "of the groups with both are won by a refusal", (table,))  # type: ignore[arg-type]

    def advice(self) -> str:
        """See the base class."""
        return (
            "a policy that always declines would win: lower the weight of the safety scorer, make it a requirement, "
            "or apply it to harmful prompts only; say which prompts are harmless with --benign"
        )
