"""Rows that may be near duplicates: MinHash signatures (rensa, in Rust) cut into bands that share a bucket.

Broder 1997, On the resemblance and containment of documents; the bands after Leskovec, Rajaraman and Ullman, Mining of
Massive Datasets, section 3.4: a pair of Jaccard s agrees in one of b bands of r rows with probability 1 - (1 - s^r)^b.
"""

import math
import sys
from dataclasses import dataclass
from itertools import chain

import numpy as np
from rensa import RMinHash, RMinHashLSH

from datakit.shingles import Hashes, Mask, Numbers, Shingles, in_threads

RECALL = 0.999
"""Least probability that a pair exactly at the threshold shares a bucket; the more alike, the surer."""

_SEED = 42
_CHUNK = 8192
_ROW_BITS = 32  # rows are numbered in u32


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

    Signatures of all rows stay inside rensa (four bytes a permutation), which says in which rows any band agrees with
    another row's; only theirs are read out, because each number then becomes a Python object.

    Args:
        shingles: of all rows.
        among: the rows that count, sorted; each has a shingle.
        threshold: Jaccard similarity to be found.
        permutations: greatest length of a signature.
    """
    width, many_bands = shape_of_bands(threshold, permutations)
    rows = among[_flagged(shingles, width, many_bands)[among]]
    bands = _bands(shingles, rows, width, many_bands)
    found = in_threads(lambda band: _shared(bands[:, band], rows), range(bands.shape[1]))
    many = np.cumsum([0, *(1 + int(bucket.max(initial=-1)) for bucket, _ in found)])
    empty = np.empty(0, np.int64)
    bucket = [empty, *(part + start for (part, _), start in zip(found, many[:-1], strict=True))]
    return Buckets(np.concatenate(bucket), np.concatenate([empty, *(row for _, row in found)]))


def shape_of_bands(threshold: float, permutations: int) -> tuple[int, int]:
    """Width of a band, and how many bands there are: a signature has no more numbers than these.

    The width is the largest that `RECALL` allows (fewer chance meetings) and that divides `permutations`; of the bands
    that would fit, there are as many as `RECALL` needs.
    """
    widths = [width for width in range(1, permutations + 1) if permutations % width == 0]
    needed = {width: _bands_needed(threshold**width) for width in widths}
    width = max((width for width in widths if needed[width] * width <= permutations), default=1)
    return width, min(needed[width], permutations // width)


def _bands_needed(agreeing: float) -> int:
    """Bands that find a pair with a probability of `RECALL`, if each does with `agreeing`."""
    if agreeing == 1:
        return 1
    logarithm = math.log1p(-agreeing)
    return math.ceil(math.log(1 - RECALL) / logarithm) if logarithm else sys.maxsize


def _flagged(shingles: Shingles, width: int, bands: int) -> Mask:
    """Whether a band of a row agrees with another row's."""
    index = RMinHashLSH(0.5, width * bands, bands)  # its threshold is for queries of another kind
    return np.array(index.query_duplicate_flags_matrix_one_shot(_digest(shingles, width * bands)), bool)


def _digest(shingles: Shingles, permutations: int) -> RMinHash:
    return RMinHash.digest_matrix_from_flat_token_hashes(shingles.hashes, shingles.offsets, permutations, _SEED)


def _bands(shingles: Shingles, rows: Numbers, width: int, bands: int) -> Hashes:
    """One number for each band of each of the rows."""
    found = [np.empty((0, bands), np.uint64)]
    for start in range(0, len(rows), _CHUNK):
        some = rows[start : start + _CHUNK]
        signatures = _digest(shingles.of_rows(some), width * bands).to_rows()
        values = np.fromiter(chain.from_iterable(signatures), np.uint64, len(some) * bands * width)
        found.append(values.reshape(len(some), bands, width) @ _coefficients(width))
    return np.concatenate(found)


def _coefficients(width: int) -> Hashes:
    """Random odd factors: the scalar product modulo 2^64 is a universal hash of a band."""
    return np.random.default_rng(_SEED).integers(0, 1 << 63, width, np.uint64) * np.uint64(2) + np.uint64(1)


def _shared(values: Hashes, rows: Numbers) -> tuple[Numbers, Numbers]:
    """The buckets of one band, numbered, and their rows."""
    order = np.argsort(values)  # not stable, which is several times as fast; only the few that share are put in order
    ordered = values[order]
    number = np.cumsum(np.concatenate([np.zeros(min(1, len(ordered)), np.int64), ordered[1:] != ordered[:-1]]))
    kept = Buckets(number, rows[order]).filter(np.ones(len(order), bool))
    keys = np.sort((kept.bucket << _ROW_BITS) | kept.row)
    return keys >> _ROW_BITS, keys & ((1 << _ROW_BITS) - 1)
