"""Bootstrap intervals of means over prompts.

The answers to one prompt are not independent of each other, so prompts are drawn, not answers: the cluster bootstrap.
Intervals are percentile intervals. Efron & Tibshirani 1993, "An Introduction to the Bootstrap", chapter 13; clusters:
Davison & Hinkley 1997, "Bootstrap Methods and their Application", section 3.8.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Numbers = npt.NDArray[np.float64]

DRAWS = 10_000
"""Bootstrap samples. From seed to seed the end of an interval then varies by 0.7 % of its length: the deviation of a
2.5 % quantile of a normal distribution, sqrt(0.025 * 0.975 / 10,000) / 0.0584, over 3.92."""
LEVEL = 0.95
SEED = 0
CELLS = 4_000_000
"""Numbers of a block of draws that are in memory at a time."""
DIGITS = 9
"""Rewards are rounded to as many; the order of a sum shows only behind them."""


@dataclass(frozen=True, slots=True)
class Estimate:
    """A mean with its 95 % interval."""

    mean: float | None
    """None where no prompt has a value."""
    low: float | None
    """None where fewer than two prompts have one: nothing can be said of the spread."""
    high: float | None
    prompts: int
    """Prompts with a value."""


def estimates(values: Numbers) -> list[Estimate]:
    """The mean of each column over prompts, with its interval; all columns are drawn alike.

    Args:
        values: (prompts, columns) one number a prompt; NaN where a prompt has none, which is left out of the mean.
    """
    values = np.asarray(values, dtype=np.float64)
    present = (~np.isnan(values)).astype(np.float64)
    filled = np.nan_to_num(values)
    many = present.sum(axis=0)
    means = _ratio(filled.sum(axis=0), many)
    drawn = [_ratio(counts @ filled, counts @ present) for counts in _draws(len(values))]
    ends = _ends(np.concatenate(drawn)) if drawn else np.full((2, len(many)), np.nan)
    return [
        Estimate(
            mean=_plain(means[column]),
            low=_plain(ends[0, column]) if many[column] > 1 else None,
            high=_plain(ends[1, column]) if many[column] > 1 else None,
            prompts=int(many[column]),
        )
        for column in range(values.shape[1])
    ]


def _draws(prompts: int) -> Iterator[Numbers]:
    """How often each prompt is in each bootstrap sample: (draws, prompts), in blocks."""
    if not prompts:
        return
    generator, block = np.random.default_rng(SEED), max(1, CELLS // prompts)
    for start in range(0, DRAWS, block):
        rows = min(block, DRAWS - start)
        places = generator.integers(prompts, size=(rows, prompts)) + np.arange(rows)[:, None] * prompts
        counts = np.bincount(places.ravel(), minlength=rows * prompts)
        yield counts.reshape(rows, prompts).astype(np.float64)


def _ratio(sums: Numbers, many: Numbers) -> Numbers:
    """Means; NaN of nothing."""
    return np.divide(sums, many, out=np.full_like(sums, np.nan), where=many > 0)


def _ends(means: Numbers) -> Numbers:
    """The ends of the intervals (2, columns); samples that hold no prompt with a value do not count."""
    outside = (1 - LEVEL) / 2
    ends = np.full((2, means.shape[1]), np.nan)
    for column in range(means.shape[1]):
        found = means[:, column][~np.isnan(means[:, column])]
        if len(found):
            ends[:, column] = np.quantile(found, [outside, 1 - outside])
    return ends


def _plain(value: float) -> float | None:
    """A number for JSON: rounded, without the sign of a zero; None for NaN."""
    return None if np.isnan(value) else round(float(value), DIGITS) + 0.0
