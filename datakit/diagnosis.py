"""What a diagnosis of `datakit diagnose` must offer. Variants: datakit/diagnoses/, one file each.

A diagnosis looks at a scored data set (datakit/scored.py) and gives one figure, the higher the worse. Above its
threshold it is a warning.
"""

from abc import ABC, abstractmethod
from dataclasses import dataclass, field

from datakit.scored import Scored
from schemas.base import Frozen
from schemas.report import Table


@dataclass(frozen=True, slots=True)
class Finding:
    """What a diagnosis found."""

    figure: float | None
    """None where it cannot be told: too few rows, or nothing to compare."""
    says: str
    """What the figure is of, or why there is none."""
    tables: tuple[Table, ...] = field(default=())
    """The figures behind it."""


class Diagnosis(Frozen, ABC):
    """One way in which a reward may be hacked or useless."""

    threshold: float
    """The largest figure that is no warning; `--threshold NAME=NUMBER` sets it."""

    @abstractmethod
    def examine(self, scored: Scored) -> Finding:
        """Look at a scored data set; the order of its rows makes no difference."""

    @abstractmethod
    def advice(self) -> str:
        """Why a figure above the threshold matters, and what to do about it."""
