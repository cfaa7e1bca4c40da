"""Replace personal data by [EMAIL], [PHONE], [ID_CARD], [BANK_CARD] and [IP]."""

from functools import partial

import polars as pl
from pydantic import Field

from datakit.pii import KINDS, Kind, masked, suspected
from datakit.repair import Repair


class MaskPii(Repair):
    """Keeps the row and hides what the filter `pii` would drop it for."""

    kinds: tuple[Kind, ...] = Field(KINDS, min_length=1)
    """What to hide."""

    def repair(self, text: pl.Expr) -> pl.Expr:
        """See the base class."""
        return text.map_elements(partial(masked, kinds=self.kinds), return_dtype=pl.String)

    def suspect(self, text: pl.Expr) -> pl.Expr:
        """See the base class."""
        return suspected(text, self.kinds)
