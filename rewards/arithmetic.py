"""Arithmetic on rewards: clipping, scaling, rounding, and the second step over a group (z-score, rank).

datakit/rewarding.py does the same in SQL over all groups.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

SCALE = 1e9
"""Rewards are rounded to 1 / SCALE, so that decimals that add up on paper tie."""
COARSE = 2.0**23
"""From here on neighbouring doubles are more than 1 / SCALE apart: there is nothing to round."""
LARGEST = 1e150
"""Rewards beyond it are none: sums, margins and squares of those within it are finite, whatever is done with them."""
EPSILON = 1e-4
"""Added to the standard deviation, as in TRL's GRPOTrainer."""

Rewards = Sequence[float | None]


Interval = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Adjustment:
    """What is done to a scorer's value before it is weighed: first clipped, then scaled."""

    clip: Interval | None = None
    """Smallest and largest value; what lies outside is moved to the nearer one."""
    source: Interval | None = None
    """Scaling maps this interval ..."""
    target: Interval = (0.0, 1.0)
    """... to this one, by a straight line that goes on outside."""

    def __bool__(self) -> bool:
        return self.clip is not None or self.source is not None

    def apply(self, value: float) -> float:
        """The value that is weighed: the ends of `source` become the ends of `target` exactly."""
        if self.clip is not None:
            low, high = self.clip
            value = low if value < low else high if value > high else value
        if self.source is None:
            return value
        (start, end), (first, last) = self.source, self.target
        share = (value - start) / (end - start)
        return first * (1.0 - share) + last * share

    def describe(self) -> dict[str, Any]:
        """As a spec writes it."""
        clip = {"clip": list(self.clip)} if self.clip is not None else {}
        scale = {"scale": {"from": list(self.source), "to": list(self.target)}} if self.source is not None else {}
        return clip | scale


UNCHANGED = Adjustment()


def adjustment_of(described: Mapping[str, Any]) -> Adjustment:
    """The opposite of `Adjustment.describe`; other keys are passed over."""
    clip, scale = described.get("clip"), described.get("scale")
    if scale is None:
        return Adjustment(_interval(clip) if clip is not None else None)
    return Adjustment(_interval(clip) if clip is not None else None, _interval(scale["from"]), _interval(scale["to"]))


def _interval(ends: Sequence[float]) -> Interval:
    low, high = ends
    return float(low), float(high)


def rounded(value: float) -> float:
    """Round to 1e-9, half up."""
    return math.floor(value * SCALE + 0.5) / SCALE if abs(value) < COARSE else value


def centred(rewards: Rewards) -> list[float | None]:
    """Reward minus the group's mean; None stays None: [1, None, 0, 0] gives [2/3, None, -1/3, -1/3]."""
    present = [r for r in rewards if r is not None]
    mean = math.fsum(present) / len(present) if present else 0.0
    return [None if r is None else r - mean for r in rewards]


def zscore(rewards: Rewards) -> list[float | None]:
    """(r - mean) / (std + 1e-4) with ddof=1 over the rewards that are not None; 0 where the spread is 0."""
    present = [r for r in rewards if r is not None]
    if not present or max(present) == min(present):
        return [None if r is None else 0.0 for r in rewards]
    around = centred(rewards)
    spread = math.sqrt(math.fsum(c * c for c in around if c is not None) / (len(present) - 1))
    return [None if c is None else c / (spread + EPSILON) for c in around]


def rank(rewards: Rewards) -> list[float | None]:
    """Average rank scaled to 0..1; ties share their mean rank, and one reward alone is at 0.5."""
    present = [r for r in rewards if r is not None]
    return [None if r is None else _rank_of(r, present) for r in rewards]


def _rank_of(reward: float, present: Sequence[float]) -> float:
    if len(present) == 1:
        return 0.5
    below = sum(other < reward for other in present)
    ties = sum(other == reward for other in present)
    return (below + (ties - 1) / 2) / (len(present) - 1)
