"""How often could raters not decide?"""

from datakit.audited import Audited
from datakit.auditing import Audit, Finding


class Ties(Audit):
    """Share of the raters' verdicts that are ties; a tie makes no pair, so it is seen only here."""

    threshold: float = 0.3

    def examine(self, audited: Audited) -> Finding:
        """See the base class."""
        if audited.verdicts.is_empty():
            return Finding(None, "no rater compared these answers")
        return Finding(float((audited.verdicts["verdict"] == 0).mean() or 0.0), "of the raters' verdicts are ties")  # type: ignore[arg-type]

    def advice(self) -> str:
        """See the base class."""
        return "the answers are too much alike to be told apart; draw them hotter, or from several models"
