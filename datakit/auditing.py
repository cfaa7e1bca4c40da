"""What a check of `datakit audit` must offer. Variants: datakit/audits/, one file each.

A check looks at the pairs of a data set (datakit/audited.py) and gives one figure, the higher the worse. Above its
threshold it is a warning. A check of single pairs also names them; `--fix` leaves them out.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import ClassVar

import polars as pl

from datakit.audited import Audited
from schemas.base import Frozen
from schemas.report import Table

OFFENDERS = {"row": pl.UInt32, "why": pl.String}
"""Schema of the pairs that a check names: the pair's row, each once, and what was found."""


@dataclass(frozen=True, slots=True)
class Finding:
    """What a check found."""

    figure: float | None
    """None where it cannot be told."""
    says: str
    """What the figure is of, or why there is none."""
    tables: tuple[Table, ...] = field(default=())
    """The figures behind it."""
    offenders: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=OFFENDERS))
    """The pairs that it is about, in the order of the set."""


class Audit(Frozen, ABC):
    """One way in which pairs teach nothing, or what nobody meant."""

    drops: ClassVar[bool] = False
    """Whether `--fix` leaves out the pairs that it names: what may be meant (a refusal that was chosen) stays."""
    threshold: float
    """The largest figure that is no warning; `--threshold NAME=NUMBER` sets it."""

    @abstractmethod
    def examine(self, audited: Audited) -> Finding:
        """Look at the pairs; there is at least one."""

    @abstractmethod
    def advice(self) -> str:
        """Why a figure above the threshold matters, and what to do about it."""


def share_of(audited: Audited, offenders: pl.DataFrame, says: str) -> Finding:
    """The finding of a check that names pairs: their share.

    Args:
        audited: all pairs.
        offenders: rows of `OFFENDERS`, in any order; a pair may be there twice.
        says: what is wrong with them.
    """
    named = offenders.cast(pl.Schema(OFFENDERS)).unique("row", keep="first", maintain_order=True).sort("row")
    return Finding(named.height / audited.pairs.height, says, offenders=named)
