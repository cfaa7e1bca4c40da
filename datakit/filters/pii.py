"""Drop rows with personal data: e-mail, phone, ID-card and bank-card numbers, IP addresses."""

from functools import partial
from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from datakit.filter import RowFilter
from datakit.pii import KINDS, Kind, found_in, suspected


class Pii(RowFilter):
    """Refuses rows in which any is found; the value names the kinds only. The repair `mask_pii` keeps such rows."""

    reads: ClassVar[tuple[str, ...]] = ("prompt", "output", "context")

    kinds: tuple[Kind, ...] = Field(KINDS, min_length=1)
    """What to look for."""
    of: Literal["prompt", "output", "both"] = "both"
    """Where to look: in the last user turn, the answer, or (both) all turns."""

    def suspect(self) -> pl.Expr:
        """See the base class."""
        return suspected(self._text(), self.kinds)

    def measured(self) -> pl.Expr:
        """See the base class."""
        return self._text().map_elements(partial(_named, self.kinds), return_dtype=pl.String)

    def refused(self, value: pl.Expr) -> pl.Expr:
        """See the base class."""
        return value != ""

    def allowed(self) -> str:
        """See the base class."""
        return f"no {', '.join(self.kinds)} in {self.of}"

    def _text(self) -> pl.Expr:
        return pl.concat_str("context", "output", separator="\n") if self.of == "both" else pl.col(self.of)


def _named(kinds: tuple[Kind, ...], text: str) -> str:
    return ", ".join(dict.fromkeys(one.kind for one in found_in(text, kinds)))
