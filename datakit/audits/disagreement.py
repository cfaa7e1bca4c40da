"""Do the raters agree?"""

import polars as pl

from datakit.audited import Audited
from datakit.auditing import Audit, Finding
from schemas.report import Table


class Disagreement(Audit):
    """Share of two raters' verdicts on the same answers that differ, of all pairs of raters."""

    threshold: float = 0.35

    def examine(self, audited: Audited) -> Finding:
        """See the base class."""
        answers = ["prompt_id", "one", "other"]
        both = audited.verdicts.join(audited.verdicts, on=answers).filter(pl.col("rater") < pl.col("rater_right"))
        if both.is_empty():
            return Finding(None, "no two raters compared the same answers")
        split = float((both["verdict"] != both["verdict_right"]).mean() or 0.0)  # type: ignore[arg-type]
        shares = pl.concat([both["verdict"], both["verdict_right"]]).value_counts(normalize=True)["proportion"]
        chance = float((shares**2).sum())
        alpha = 1 - split / (1 - chance) if chance < 1 else None
        by_rater = (
            both.group_by("rater", "rater_right")
            .agg(pl.len(), agree=(pl.col("verdict") == pl.col("verdict_right")).mean())
            .sort("rater", "rater_right")
        )
        table = Table(title="raters", columns=("rater", "other", "compared", "agree"), rows=tuple(by_rater.rows()))
        said = "" if alpha is None else f" (agreement beyond chance {alpha:.2f}, Scott's pi)"
        return Finding(split, f"of the verdicts of two raters differ{said}", (table,))

    def advice(self) -> str:
        """See the base class."""
        return "the task is not clear to the raters, or one of them is careless; --details shows which"
