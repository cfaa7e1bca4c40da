"""What a repair of `datakit clean` must offer. Variants: datakit/repairs/, one file each; its name is typed in YAML.

Repairs see texts, never code: each span of code (fenced, `inline` or indented) is one placeholder character while they
work, and is put back as it was, to the byte (datakit/text_repairs.py).
"""

from abc import ABC, abstractmethod
from typing import ClassVar, Literal

import polars as pl

from schemas.base import Frozen


class Repair(Frozen, ABC):
    """A change that leaves the meaning of a text as it is; its fields are its options."""

    of: ClassVar[Literal["every", "prompt", "answer"]] = "every"
    """The turns whose text it may change: all, only the last user turn, or only the answer."""

    @abstractmethod
    def repair(self, text: pl.Expr) -> pl.Expr:
        """The repaired text, of a column of texts without nulls. Repairing twice must change nothing more."""

    def suspect(self, text: pl.Expr) -> pl.Expr:
        """Whether a text may need it; the others are not even shown to `repair`, so this is to be cheap."""
        return text.is_not_null()

    def spares(self, text: pl.Expr) -> pl.Expr | None:
        """Whether a text of any turn says that all turns of its row are to be left alone; None: none ever does."""
        return None
