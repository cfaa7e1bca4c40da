"""Drop answers that are web addresses and nothing else."""

from typing import ClassVar

import polars as pl

from datakit.filter import RowFilter

_ADDRESS = r"(?:https?://|www\.)[^\s<>()（）\[\]，。、；]+(?:\([^\s()]*\)[^\s<>()（）\[\]，。、；]*)*"
_LISTED = r"[\s<>()（）\[\]\"'*,;.:!！，。、；：`|-]*(?:\d{1,2}[.)、）])?[\s<(（\[\"'*`]*"
_ONLY = rf"(?i)^(?:{_LISTED}(?:\[[^\[\]]{{0,200}}\][（(])?{_ADDRESS})+[\s>)）\]\"'*,;.，。、；`]*$"
_ASKED = r"(?i)(?-u:\b)(?:ur[li]|(?:hyper ?)?link|web ?address|domain)(?:es|s)?(?-u:\b)|网址|链接|域名|網址|連結|鏈接"
SHOWN = 80
"""Characters of the answer that a value shows."""


class UrlOnly(RowFilter):
    """Refuses one or more addresses, as they stand, as a list or as Markdown links, unless the prompt asks for them."""

    reads: ClassVar[tuple[str, ...]] = ("prompt", "output")

    def suspect(self) -> pl.Expr:
        """See the base class."""
        has_address = pl.col("output").str.contains_any(["://", "www."], ascii_case_insensitive=True)
        return has_address & ~pl.col("prompt").str.contains(_ASKED)

    def measured(self) -> pl.Expr:
        """See the base class."""
        output = pl.col("output")
        return pl.when(output.str.contains(_ONLY)).then(output.str.strip_chars().str.slice(0, SHOWN))

    def refused(self, value: pl.Expr) -> pl.Expr:
        """See the base class."""
        return value.is_not_null()

    def allowed(self) -> str:
        """See the base class."""
        return "more than web addresses"
