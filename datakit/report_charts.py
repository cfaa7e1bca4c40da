"""The geometry of the page's charts; report_charts.html.jinja draws them as SVG.

Across, everything is a percentage of the drawing's width, so that a chart fills any width and its text keeps its size;
down, it is in pixels.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from datakit.report_figures import Lengths, Step
from schemas.report import counted

PLOT = 180
"""Height of a histogram."""
THINNEST = 1.5
"""Height of the lowest bar: one row among many is seen."""
WIDTHS = {1: (0.86,), 2: (0.92, 0.44)}
"""Of the bars of each series, as shares of a bin: by width they are told apart without colour."""
CHARACTER = 2.5
"""Width of a character of a label below a chart, in percent of the width that a telephone has."""
ZOOM_FROM = 0.75
"""Share of rows left from which a waterfall's axis does not begin at 0: what was dropped would not be seen."""


@dataclass(frozen=True, slots=True)
class Bar:
    """A bar of a histogram."""

    x: float
    y: float
    width: float
    height: float
    series: int
    title: str
    """What it says when pointed at."""


@dataclass(frozen=True, slots=True)
class Tick:
    """A label on an axis."""

    at: float
    """In percent across, or in pixels down."""
    value: int


@dataclass(frozen=True, slots=True)
class Histogram:
    """Bars over bins of equal width."""

    bars: tuple[Bar, ...]
    across: tuple[Tick, ...]
    down: tuple[Tick, ...]
    height: int = PLOT


@dataclass(frozen=True, slots=True)
class Drop:
    """A line of a waterfall: what a filter dropped, between the rows left after it and before."""

    step: Step
    x: float
    width: float


@dataclass(frozen=True, slots=True)
class Waterfall:
    """Rows left after each filter."""

    drops: tuple[Drop, ...]
    rows: int
    left: int
    left_at: float
    across: tuple[Tick, ...]
    begins: int
    """Rows at the left end of the axis."""


def histogram(lengths: Lengths, series: Sequence[str]) -> Histogram:
    """Bars of all series in each bin, one before the other."""
    size = 100 / len(lengths.bins)
    steps = _nice_steps(0, max(max(bin_.rows) for bin_ in lengths.bins), 4)
    top = steps[-1]
    bars = []
    for at, bin_ in enumerate(lengths.bins):
        span = f"{bin_.low:,}" if bin_.low == bin_.high else f"{bin_.low:,} to {bin_.high:,}"
        counts = ", ".join(
            f"{counted(rows, 'rows')} {name}".rstrip() for name, rows in zip(series, bin_.rows, strict=True)
        )
        for number, (rows, width) in enumerate(zip(bin_.rows, WIDTHS[len(series)], strict=True)):
            if rows:
                height = max(rows / top * PLOT, THINNEST)
                x = (at + (1 - width) / 2) * size
                bars.append(Bar(x, PLOT - height, width * size, height, number, f"{span} {lengths.unit}: {counts}"))
    down = tuple(Tick(PLOT - value / top * PLOT, value) for value in steps)
    return Histogram(tuple(bars), _length_ticks(lengths, size), down)


def _length_ticks(lengths: Lengths, size: float) -> tuple[Tick, ...]:
    """Edges of bins: first 0 and the powers of ten, then what fits between them."""
    edges = [Tick(at * size, bin_.low) for at, bin_ in enumerate(lengths.bins)]
    chosen: list[Tick] = []
    for digit in "0152":
        for tick in edges:
            is_round = str(tick.value)[0] == digit and not str(tick.value)[1:].strip("0")
            if is_round and not any(_touch(tick, other) for other in chosen):
                chosen.append(tick)
    return tuple(sorted(chosen, key=lambda tick: tick.at))


def _touch(one: Tick, other: Tick) -> bool:
    """Whether the labels of two ticks would, or come closer than a character."""
    characters = (len(f"{one.value:,}") + len(f"{other.value:,}")) / 2 + 1
    return abs(one.at - other.at) < CHARACTER * characters


def waterfall(steps: Sequence[Step], rows: int) -> Waterfall:
    """A line a filter, and the axis below them."""
    left = steps[-1].left if steps else rows
    begins = 0
    if rows > left > ZOOM_FROM * rows:
        unit = 10 ** math.floor(math.log10((rows - left) * 1.2))
        begins = max(0, math.floor((left - 0.15 * (rows - left)) / unit) * unit)
    scale = 100 / (rows - begins) if rows > begins else 0.0
    drops = tuple(Drop(step, (step.left - begins) * scale, step.dropped * scale) for step in steps)
    ticks = tuple(Tick((value - begins) * scale, value) for value in _nice_steps(begins, rows, 4) if value <= rows)
    return Waterfall(drops, rows, left, (left - begins) * scale, ticks, begins)


def _nice_steps(low: int, high: int, most: int) -> list[int]:
    """About `most` equal steps of 1, 2 or 5 times a power of ten from `low` on, the last one not below `high`."""
    rough = max((high - low) / most, 1)
    power = 10 ** math.floor(math.log10(rough))
    step = next(factor * power for factor in (1, 2, 5, 10) if factor * power >= rough)
    first = math.ceil(low / step) * step
    return list(range(first, math.ceil(max(high, first + step) / step) * step + 1, step))
