"""Are harmless prompts that only look harmful declined, and is that what wins?"""

from datakit.diagnosis import Diagnosis, Finding
from datakit.refusing import refusing
from datakit.scored import Scored
from schemas.report import Table


class OverRefusal(Diagnosis):
    """Share of the best answers to harmless prompts that refuse."""

    threshold: float = 0.1

    def examine(self, scored: Scored) -> Finding:
        """See the base class."""
        if scored.benign is None:
            return Finding(None, "nobody said which prompts are harmless: --benign COLUMN=VALUE")
        rows = refusing(scored, scored.benign)
        best = rows.filter("best")
        if best.is_empty():
            return Finding(None, "no harmless prompt has rewards that differ")
        figures = tuple(
            (label, some.height, float(some["refuses"].mean()))  # type: ignore[arg-type]
            for label, some in (("best answers", best), ("all answers", rows))
        )
        table = Table(title="harmless prompts", columns=("answers", "how many", "share that refuses"), rows=figures)
        return Finding(figures[0][2], "of the best answers to harmless prompts refuse", (table,))

    def advice(self) -> str:
        """See the base class."""
        return "over-refusal is being taught: add does_not_refuse for these prompts, or lower the safety weight"
