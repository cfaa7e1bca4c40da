"""Rows that may be near duplicates: MinHash signatures (rensa, in Rust) cut into bands that share a bucket.

Broder 1997, On the resemblance and containment of documents; the bands after Leskovec, Rajaraman and Ullman, Mining of
Massive Datasets, section 3.4: a pair of Jaccard s agrees in one of b bands of r rows with probability 1 - (1 - s^r)^b.
"""

from dataclasses import dataclass
from itertools import chain

import numpy as np
from rensa import RMinHash, RMinHashLSH

from datakit.shingles import Hashes, Mask, Numbers, Shingles, in_threads

RECALL = 0.995
"""Least probability that a pair exactly at the threshold shares a bucket; the more alike, the surer."""

_SEED = 42
_CHUNK = 8192


@dataclass(frozen=True, slots=True)
class Buckets:
    """Which rows share a bucket: sorted by bucket, then by row; no bucket has one row only."""

    bucket: Numbers
    row: Numbers

    def filter(self, chosen: Mask) -> "Buckets":
        """The chosen entries, less those that are left alone."""
        bucket, row = self.bucket[chosen], self.row[chosen]
        alike = bucket[1:] == bucket[:-1]
        shared = np.zeros(len(bucket), bool)
        shared[1:] |= alike
        shared[:-1] |= alike
        return Buckets(bucket[shared], row[shared])

    def begins(self) -> Numbers:
        """For each entry, the first entry of its bucket."""
        first = np.ones(len(self.bucket), bool)
        first[1:] = self.bucket[1:] != self.bucket[:-1]
        begins: Numbers = np.maximum.accumulate(np.where(first, np.arange(len(first)), 0))
        return begins


def buckets_of(shingles: Shingles, among: Numbers, threshold: float, permutations: int) -> Buckets:
    """Rows that may have a Jaccard similarity of `threshold` or more.

    Args:
        shingles: of all rows.
        among: the rows that count, sorted; each has a shingle.
        threshold: Jaccard similarity to be found.
        permutations: length of a signature.

    Signatures of all rows stay inside rensa (four bytes a permutation), which says in which rows any band agrees with
    another row's; only theirs are read out, because each number then becomes a Python object.
    """
    rows = among[_flagged(shingles, threshold, permutations)[among]]
    bands = _bands(shingles, rows, band_width(threshold, permutations), permutations)
    found = in_threads(lambda band: _shared(bands[:, band], rows), range(bands.shape[1]))
    many = np.cumsum([0, *(1 + int(bucket.max(initial=-1)) for bucket, _ in found)])
    empty = np.empty(0, np.int64)
    bucket = [empty, *(part + start for (part, _), start in zip(found, many[:-1], strict=True))]
    return Buckets(np.concatenate(bucket), np.concatenate([empty, *(row for _, row in found)]))


def band_width(threshold: float, permutations: int, *, divides: bool = False) -> int:
    """Rows of a band: as many as `RECALL` allows (fewer chance meetings), one at least.

    Args:
        threshold: Jaccard similarity to be found.
        permutations: length of a signature.
        divides: only a divisor of `permutations` (rensa's bands use all of it).
    """
    widths = [width for width in range(1, permutations + 1) if not divides or permutations % width == 0]
    enough = [r for r in widths if 1 - (1 - threshold**r) ** (permutations // r) >= RECALL]
    return max(enough, default=1)


def _flagged(shingles: Shingles, threshold: float, permutations: int) -> Mask:
    """Whether a band of some width of a row agrees with another row's."""
    bands = permutations // band_width(threshold, permutations, divides=True)
    index = RMinHashLSH(threshold, permutations, bands)
    return np.array(index.query_duplicate_flags_matrix_one_shot(_digest(shingles, permutations)), bool)


def _digest(shingles: Shingles, permutations: int) -> RMinHash:
    return RMinHash.digest_matrix_from_flat_token_hashes(shingles.hashes, shingles.offsets, permutations, _SEED)


def _bands(shingles: Shingles, rows: Numbers, width: int, permutations: int) -> Hashes:
    """One number for each band of each of the rows."""
    found = [np.empty((0, permutations // width), np.uint64)]
    for start in range(0, len(rows), _CHUNK):
        some = rows[start : start + _CHUNK]
        signatures = _digest(shingles.of_rows(some), permutations).to_rows()
        values = np.fromiter(chain.from_iterable(signatures), np.uint64, len(some) * permutations)
        banded = values.reshape(len(some), -1)[:, : permutations // width * width].reshape(len(some), -1, width)
        found.append(banded @ _coefficients(width))
    return np.concatenate(found)


def _coefficients(width: int) -> Hashes:
    """Random odd factors: the scalar product modulo 2^64 is a universal hash of a band."""
    return np.random.default_rng(_SEED).integers(0, 1 << 63, width, np.uint64) * np.uint64(2) + np.uint64(1)


def _shared(values: Hashes, rows: Numbers) -> tuple[Numbers, Numbers]:
    """The buckets of one band, numbered, and their rows."""
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    number = np.cumsum(np.concatenate([np.zeros(min(1, len(ordered)), np.int64), ordered[1:] != ordered[:-1]]))
    kept = Buckets(number, rows[order]).filter(np.ones(len(order), bool))
    return kept.bucket, kept.row
