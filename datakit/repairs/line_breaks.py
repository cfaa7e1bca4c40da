"""Every line break is a line feed."""

import polars as pl

from datakit.repair import Repair

_OTHERS = r"\r\n?|[\x0b\x0c\x{2028}\x{2029}]"


class LineBreaks(Repair):
    """Windows' and old Mac's line ends, vertical tabs, form feeds, and Unicode's line and paragraph separators.

    The separators are line breaks to some readers of JSON lines, which then see two broken rows.
    """

    def suspect(self, text: pl.Expr) -> pl.Expr:
        """See the base class."""
        return text.str.contains(r"[\r\x0b\x0c\x{2028}\x{2029}]")

    def repair(self, text: pl.Expr) -> pl.Expr:
        """See the base class."""
        return text.str.replace_all(_OTHERS, "\n")
