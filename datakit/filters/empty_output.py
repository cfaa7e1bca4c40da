"""Drop answers without content: nothing, punctuation only, or a placeholder such as N/A."""

from typing import ClassVar

import polars as pl

from datakit.filter import RowFilter

_BLANK = r"\s\p{P}\p{C}\p{Sk}\u{115F}\u{1160}\u{2800}\u{3164}\u{FFA0}"
"""White space, punctuation, controls; and letters and symbols that look like white space (Hangul fillers, braille).
Other symbols (`+`, `<`, an emoji) may well be the answer."""
_PLACEHOLDERS = "n ?/ ?a|none|null|nan|tbd|tbc|to ?do|not applicable|no ?(?:in|out)put|no ?(?:response|answer|text)"
_IN_CHINESE = "无|無|暂无|暫無|不适用|不適用|[无無](?:输出|輸出|回答|内容|內容|答案)"
_TRIVIAL = rf"(?i)^[{_BLANK}]*(?:[{_BLANK}<>]*(?:{_PLACEHOLDERS}|{_IN_CHINESE})[{_BLANK}<>]*)?$"
_MORSE_OR_SMILEY = r"^[.\-/|\s]*(?:\.-|-\.|- ?/|/ ?-)[.\-/|\s]*$|^\s*[:;]['-]?[()\[\]/\\|*]+\s*$"
_CHOICE = r"(?i)(?-u:\b)(?:none|null|nan|n/a)(?-u:\b)"
"""Words that are an answer where the prompt offers them."""
LONGEST = 100
"""Characters of the longest text that is taken for a placeholder, blanks at its ends included."""


class EmptyOutput(RowFilter):
    """Refuses what no model should learn to say; a short answer such as `7`, `A` or `是` stays, and a tool call."""

    reads: ClassVar[tuple[str, ...]] = ("prompt", "output", "calls")

    def suspect(self) -> pl.Expr:
        """See the base class."""
        output = pl.col("output")
        return (output.str.len_chars() <= LONGEST) | ~output.str.contains(rf"[^{_BLANK}]")

    def measured(self) -> pl.Expr:
        """See the base class."""
        output = pl.col("output")
        offered = output.str.contains(_CHOICE) & pl.col("prompt").str.contains(_CHOICE)
        answers = pl.col("calls") | offered | output.str.contains(_MORSE_OR_SMILEY)
        return pl.when(output.str.contains(_TRIVIAL) & ~answers).then(output.str.strip_chars().str.slice(0, LONGEST))

    def refused(self, value: pl.Expr) -> pl.Expr:
        """See the base class."""
        return value.is_not_null()

    def allowed(self) -> str:
        """See the base class."""
        return "something other than punctuation or a placeholder"
