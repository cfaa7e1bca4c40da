"""Pairs of answers to the same prompt, compared by every scorer at once."""

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from datakit.scored import Mask, Numbers, Places

NEIGHBOURS = 64
"""With how many of its group each candidate is compared: groups are seldom larger, and pairs grow with the square."""


def comparisons(group: Places, values: Numbers) -> Iterator[tuple[npt.NDArray[np.float32], Mask]]:
    """Compare each candidate with those that follow it in its group, one distance after the other.

    Args:
        group: (n,) ascending.
        values: (n, k), NaN where there is none.

    Yields:
        (m, k) sign of the difference (0 where one is missing), and (m, k) whether both are there.
    """
    for distance in range(1, NEIGHBOURS + 1):
        same = np.flatnonzero(group[distance:] == group[:-distance])
        if not len(same):
            return
        difference = values[same + distance] - values[same]
        known = ~np.isnan(difference)
        yield np.sign(np.where(known, difference, 0)).astype(np.float32), known
