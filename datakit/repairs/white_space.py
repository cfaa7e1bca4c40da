"""White space around a text is removed."""

import polars as pl

from datakit.repair import Repair

_INDENT = r"(?:  |[\t\u3000])"


class WhiteSpace(Repair):
    """Only at the text's two ends: spaces at the ends of lines are line breaks in Markdown, and stay.

    The first line keeps its indentation if other lines have one too: it may be a program without fences, or paragraphs
    that all begin with two full-width spaces.
    """

    def suspect(self, text: pl.Expr) -> pl.Expr:
        """See the base class."""
        return text.str.strip_chars() != text

    def repair(self, text: pl.Expr) -> pl.Expr:
        """See the base class."""
        body = text.str.strip_chars_end().str.replace(r"\A\s*\n", "")
        indented = body.str.contains(rf"\A{_INDENT}") & body.str.contains(rf"\n{_INDENT}")
        return pl.when(indented).then(body).otherwise(body.str.strip_chars_start())
