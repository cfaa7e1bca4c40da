"""Several blank lines in a row become one."""

import polars as pl

from datakit.repair import Repair

_BLANK = r"\n(?:[ \t\r\x{a0}\x{3000}]*\n){2,}"
_PROGRAM = (
    r"(?m)[;{}]\s*$|^\s*(?:def |class |import |from \w+ import |#include\b|function |public |private |static |"
    r"const |let |var |return\b|package |using |</?\w+[^<>]*>)"
)
"""Lines that look like a program's, written without fences."""


class BlankLines(Repair):
    """Not in what looks like a program without fences: Python has two blank lines between functions."""

    def suspect(self, text: pl.Expr) -> pl.Expr:
        """See the base class."""
        return text.str.contains(_BLANK)

    def repair(self, text: pl.Expr) -> pl.Expr:
        """See the base class."""
        return pl.when(text.str.contains(_PROGRAM)).then(text).otherwise(text.str.replace_all(_BLANK, "\n\n"))
