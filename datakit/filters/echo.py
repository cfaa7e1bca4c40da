"""Drop answers that only say the instruction again."""

from typing import ClassVar

import polars as pl
from pydantic import Field

from datakit.filter import RowFilter

_NOT_LETTERS = r"[^\p{L}\p{N}]+"
_FIRST_LINE = r"^\s*([^\n]*)"
LINE = 12
"""Letters of the shortest first line that is taken for an instruction."""


class Echo(RowFilter):
    """Refuses an answer that is the prompt, or a part of it that covers most, in the same words.

    Case, white space and punctuation do not count. A prompt that is followed by its answer stays. The first line of a
    prompt counts as one of its own where it is long enough: that is the instruction, and the rest is its input.
    """

    reads: ClassVar[tuple[str, ...]] = ("prompt", "output")

    share: float = Field(0.95, gt=0, le=1)
    """An answer that is a part of the prompt is dropped where it has at least this share of the prompt's letters."""
    added: float = Field(0.05, ge=0)
    """The prompt with something before or after it is dropped where that is at most this share of its length."""

    def suspect(self) -> pl.Expr:
        """See the base class."""
        prompt, output = pl.col("prompt").str.len_bytes(), pl.col("output").str.len_bytes()
        line = pl.col("prompt").str.extract(_FIRST_LINE).str.len_bytes()
        # what is not a letter may make up nine tenths of a text
        return (output * 10 >= pl.min_horizontal(prompt, line) * self.share) & (
            output <= prompt * (1 + self.added) * 10
        )

    def measured(self) -> pl.Expr:
        """See the base class."""
        prompt, output = _letters(pl.col("prompt")), _letters(pl.col("output"))
        inside = prompt.str.contains(output, literal=True) | output.str.contains(prompt, literal=True)
        covered = (output.str.len_chars() / prompt.str.len_chars()).round(3)
        line = _letters(pl.col("prompt").str.extract(_FIRST_LINE))
        same = (output == line) & (line.str.len_chars() >= LINE)
        return pl.when(same).then(1.0).when(inside & (prompt != "") & (output != "")).then(covered)

    def refused(self, value: pl.Expr) -> pl.Expr:
        """See the base class."""
        return value.is_between(self.share, 1 + self.added)

    def allowed(self) -> str:
        """See the base class."""
        return f"an answer that is not {self.share:.0%} to {1 + self.added:.0%} of the prompt, word for word"


def _letters(text: pl.Expr) -> pl.Expr:
    return text.str.to_lowercase().str.replace_all(_NOT_LETTERS, "")
