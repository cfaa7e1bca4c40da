"""The geometry of the charts of an evaluation: means with intervals on axes, histograms of lengths.

Across, everything is a percentage of the drawing's width, as in report_charts.py.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import polars as pl

from datakit.bootstrap import Estimate
from datakit.evaluate_figures import Comparison, Difference, Mean
from datakit.evaluate_rows import Answers
from datakit.report_charts import Histogram, histogram
from datakit.report_figures import Bin, Lengths, lengths_of

TICKS = 4
"""Steps of an axis, about."""


@dataclass(frozen=True, slots=True)
class Mark:
    """A place on an axis."""

    at: float
    """In percent."""
    value: str


@dataclass(frozen=True, slots=True)
class Axis:
    """A range that holds all intervals of a scorer."""

    low: float
    high: float
    marks: tuple[Mark, ...]

    def at(self, value: float) -> float:
        """A value's place in percent."""
        return 100 * (value - self.low) / (self.high - self.low)


@dataclass(frozen=True, slots=True)
class Whisker:
    """A mean with its interval."""

    at: float
    low: float
    high: float


@dataclass(frozen=True, slots=True)
class Row:
    """A model's line."""

    found: Mean | Difference
    whisker: Whisker | None
    """None where there is no mean."""


@dataclass(frozen=True, slots=True)
class Section:
    """The lines of one scorer on one axis."""

    scorer: str | None
    rows: tuple[Row, ...]
    axis: Axis | None
    zero: float | None
    """Where 0 is, for differences."""


def mean_sections(comparison: Comparison) -> list[Section]:
    """The means of a comparison, scorer by scorer."""
    return [
        _section(scorer, [one for one in comparison.means if one.scorer == scorer], from_zero=False)
        for scorer in dict.fromkeys(one.scorer for one in comparison.means)
    ]


def difference_sections(comparison: Comparison) -> list[Section]:
    """The differences of a comparison, scorer by scorer; their axes hold 0."""
    return [
        _section(scorer, [one for one in comparison.differences if one.scorer == scorer], from_zero=True)
        for scorer in dict.fromkeys(one.scorer for one in comparison.differences)
    ]


def _section(scorer: str | None, found: Sequence[Mean | Difference], *, from_zero: bool) -> Section:
    ends = [end for one in found for end in _ends(_estimate(one))]
    scale = axis([*ends, *([0.0] if from_zero else [])]) if ends else None
    rows = tuple(Row(one, _whisker(_estimate(one), scale)) for one in found)
    return Section(scorer, rows, scale, scale.at(0) if scale and from_zero else None)


def _estimate(one: Mean | Difference) -> Estimate:
    return one.estimate if isinstance(one, Mean) else one.difference


def _ends(estimate: Estimate) -> list[float]:
    return [end for end in (estimate.low, estimate.mean, estimate.high) if end is not None]


def _whisker(estimate: Estimate, scale: Axis | None) -> Whisker | None:
    if scale is None or estimate.mean is None:
        return None
    ends = _ends(estimate)
    return Whisker(scale.at(estimate.mean), scale.at(min(ends)), scale.at(max(ends)))


def axis(values: Sequence[float]) -> Axis:
    """An axis that holds these values, with ticks 1, 2 or 5 times a power of ten apart."""
    low, high = min(values), max(values)
    if high - low < 1e-9 * max(1.0, abs(low)):  # all the same: half of it on either side
        margin = abs(low) / 2 or 0.5
        low, high = low - margin, high + margin
    rough = (high - low) / TICKS
    power = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first, last = math.floor(low / step), math.ceil(high / step)
    ticks = [number * step for number in range(first, last + 1)]
    whole = ticks[-1] - ticks[0]
    marks = tuple(Mark(100 * (tick - ticks[0]) / whole, f"{tick:.6g}") for tick in ticks)
    return Axis(ticks[0], ticks[-1], marks)


def length_histograms(answers: Answers) -> list[Histogram | None]:
    """How long each model's answers are, on the same bins; None of a model without answers."""
    names = [f"model {place}" for place in range(answers.models)]
    series = {name: pl.Series((answers.model == place).astype("int64")) for place, name in enumerate(names)}
    lengths = lengths_of(pl.DataFrame({**series, "length": answers.frame["chars"].cast(pl.Int64)}), "characters")
    found = []
    for place in range(answers.models):
        own = Lengths("characters", tuple(Bin(one.low, one.high, (one.rows[place],)) for one in lengths.bins), ())
        found.append(histogram(own, ["answers"]) if any(one.rows[0] for one in own.bins) else None)
    return found
