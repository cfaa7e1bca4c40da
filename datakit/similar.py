"""Of similar rows the best one stays: which rows are near duplicates of one that stays.

Not connected components: in a chain a ~ b ~ c they would drop c for a, though the two may have little in common. Here
rows are taken best first, and one stays unless it is similar to one that stays already. So every dropped row is truly
similar to the row that is named, no two rows that stay are similar, and a second run finds nothing.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from datakit.minhash import Buckets, buckets_of
from datakit.shingles import Mask, Numbers, Shares, Shingles, runs, shingles_of
from schemas.base import Frozen

_BUDGET = 1 << 22
"""Pairs looked at together: bounds the memory, changes no result."""


class Likeness(Frozen):
    """When two rows are near duplicates."""

    threshold: float
    """Least Jaccard similarity of their shingles."""
    permutations: int
    """Length of a MinHash signature."""
    words: int
    """Words of a shingle; characters in scripts without spaces."""


@dataclass(frozen=True, slots=True)
class Similar:
    """Rows that are near duplicates of a better one, by position."""

    row: Numbers
    like: Numbers
    """The best of the rows that stay and are similar to it."""
    jaccard: Shares

    def frame(self, rows: pl.Series) -> pl.DataFrame:
        """In the schema of what a filter drops.

        Args:
            rows: the row's number at each position.
        """
        value = pl.Series(self.jaccard, dtype=pl.Float64).round(3).cast(pl.String)
        return pl.DataFrame({"row": rows.gather(self.row), "value": value, "like": rows.gather(self.like)})


def similar(texts: Sequence[pl.Series], likeness: Likeness, salt: pl.Series | None = None) -> Similar:
    """Find rows that are near duplicates of better ones.

    Args:
        texts: one or two texts a row, best row first; each must be alike.
        likeness: how alike.
        salt: rows of different numbers are never alike.
    """
    shingles = shingles_of(texts, likeness.words, salt)
    first = _first_of_its_set(shingles)
    filled = shingles.sizes() > 0
    distinct = np.flatnonzero(filled & (first == np.arange(len(first))))
    buckets = buckets_of(shingles, distinct, likeness.threshold, likeness.permutations)
    like, jaccard = _Choice(shingles, likeness.threshold).settle(buckets)
    stays = np.where(like < 0, np.arange(len(first)), like)[first]
    row = np.flatnonzero(filled & (stays != np.arange(len(stays))))
    return Similar(row, stays[row], jaccard[first[row]])


def _first_of_its_set(shingles: Shingles) -> Numbers:
    """For each row, the first row that has the same shingles."""
    _, first, group = np.unique(shingles.fingerprints, return_index=True, return_inverse=True)
    found: Numbers = first[group]
    return found


class _Choice:
    """Who stays, of rows that come best first."""

    def __init__(self, shingles: Shingles, threshold: float) -> None:
        self.shingles = shingles
        self.threshold = threshold
        many = len(shingles.offsets) - 1
        self.like = np.full(many, -1, np.int64)
        self.jaccard = np.ones(many)

    def settle(self, buckets: Buckets) -> tuple[Numbers, Shares]:
        """For each row, the one for which it is dropped (or -1), and their similarity.

        Block after block of the best rows is settled among itself, and what stays of it is then compared with all
        later rows: so a large family of like texts costs one comparison a row, not one a pair.
        """
        while len(buckets.row):
            end = self._end_of_block(buckets)
            inside = buckets.row < end
            self._among(buckets.filter(inside))
            self._against_later(buckets, inside)
            buckets = buckets.filter(~inside & (self.like[buckets.row] < 0))
        return self.like, self.jaccard

    def _end_of_block(self, buckets: Buckets) -> int:
        """The first row that is not in the next block, which has about `_BUDGET` pairs."""
        earlier = np.arange(len(buckets.row)) - buckets.begins()
        pairs = np.cumsum(np.bincount(buckets.row, weights=earlier))
        return int(np.searchsorted(pairs, _BUDGET, "right"))

    def _among(self, block: Buckets) -> None:
        begins = block.begins()
        earlier = np.arange(len(begins)) - begins
        left = block.row[runs(begins, earlier)]
        for better, row, jaccard in self._verified(left, np.repeat(block.row, earlier)):
            if self.like[better] < 0 and self.like[row] < 0:
                self.like[row], self.jaccard[row] = better, jaccard

    def _against_later(self, buckets: Buckets, inside: Mask) -> None:
        """Compare what stays of the block with later rows; best first, so that the best one is named."""
        staying = np.flatnonzero(inside & (self.like[buckets.row] < 0))
        staying = staying[np.argsort(buckets.row[staying], kind="stable")]
        last = np.searchsorted(buckets.bucket, buckets.bucket[staying], "right")
        summed = np.concatenate([np.zeros(1, np.int64), np.cumsum(inside)])
        begins = buckets.begins()[staying]
        later = begins + summed[last] - summed[begins]
        loads = np.cumsum(last - later)
        for some in np.split(np.arange(len(staying)), np.flatnonzero(np.diff(loads // _BUDGET)) + 1):
            right = buckets.row[runs(later[some], (last - later)[some])]
            left = np.repeat(buckets.row[staying[some]], (last - later)[some])
            open_ = self.like[right] < 0
            for better, row, jaccard in self._verified(left[open_], right[open_]):
                if self.like[row] < 0:
                    self.like[row], self.jaccard[row] = better, jaccard

    def _verified(self, left: Numbers, right: Numbers) -> list[tuple[int, int, float]]:
        """The pairs that are truly similar, each once: by the worse row, then by the better one."""
        pairs = np.unique((right.astype(np.uint64) << np.uint64(32)) | left.astype(np.uint64))
        right, left = (pairs >> np.uint64(32)).astype(np.int64), (pairs & np.uint64(0xFFFFFFFF)).astype(np.int64)
        jaccard = self.shingles.jaccard(left, right, self.threshold)
        alike = jaccard >= self.threshold
        return list(zip(left[alike].tolist(), right[alike].tolist(), jaccard[alike].tolist(), strict=True))
