"""What a repair of `datakit clean` must offer. Variants: datakit/repairs/, one file each; its name is typed in YAML.

Repairs see texts, never code: what is inside ``` fences or `backticks` is cut out before and put back after, and every
line of it stays as it was.
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
