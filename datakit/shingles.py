"""Runs of n words of many texts, hashed, and the sets that they make: near duplicates and overlaps are found by them.

A word is what stands between white space; in scripts that write without spaces (Chinese, Japanese, Thai ...) it is a
character, also in the middle of a text that has both. A text of fewer than n words is one run: all of its words.

Hashes depend on the text alone, not on the process. They may change with the version of Polars, so keep none.
"""

import os
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TypeAlias, TypeVar

import numpy as np
import numpy.typing as npt
import polars as pl

Hashes: TypeAlias = npt.NDArray[np.uint64]
Numbers: TypeAlias = npt.NDArray[np.int64]
Shares: TypeAlias = npt.NDArray[np.float64]
Mask: TypeAlias = npt.NDArray[np.bool_]

UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
"""Scripts without spaces between words, for a class of a regular expression."""

WORD = rf"[{UNSPACED}]|[^\s{UNSPACED}]+"
"""A word, or a character of such a script."""
_BITS = 50
"""Of a shingle's hash in a set: two sets of a thousand shingles share one by chance once in 10^9 times."""
_CHUNK = 1 << (64 - _BITS)
"""Rows or pairs handled together: their number and a shingle's hash fit one integer, so that one sort does it."""
_CHUNK_SHINGLES = 1 << 22
_ODD = np.uint64(0x9E3779B97F4A7C15)  # 2^64 / golden ratio, as in splitmix64
_LOW = np.uint64((1 << _BITS) - 1)
_SHIFT = np.uint64(_BITS)

A = TypeVar("A")
B = TypeVar("B")


@dataclass(frozen=True, slots=True)
class Shingles:
    """The set of shingles of each row, one sorted row after the other; the lowest bit says of which text they are."""

    hashes: Hashes
    offsets: Numbers
    """Where each row begins, and the end of the last one."""
    second: Numbers
    """How many of each row's are of its second text."""
    fingerprints: Hashes
    """One number for each row, the same for the same set."""

    def sizes(self) -> Numbers:
        """Shingles of each row."""
        return np.diff(self.offsets)

    def of_rows(self, rows: Numbers) -> "Shingles":
        """Those of some rows, in that order."""
        sizes = self.sizes()[rows]
        hashes = self.hashes[runs(self.offsets[rows], sizes)]
        return Shingles(hashes, _ends(sizes), self.second[rows], self.fingerprints[rows])

    def jaccard(self, left: Numbers, right: Numbers, least: float) -> Shares:
        """Jaccard similarity of pairs of rows: the least of their texts'; 0 for a pair that is surely below `least`.

        Two empty texts are alike, an empty one and another are not.
        """
        sizes = np.stack([self.sizes() - self.second, self.second], axis=1)
        found = np.zeros(len(left))
        small, large = np.minimum(sizes[left], sizes[right]), np.maximum(sizes[left], sizes[right])
        possible = np.flatnonzero((small >= least * large - 1e-9).all(axis=1))
        loads = (small + large)[possible].sum(axis=1)
        chunks = list(_chunks(possible, loads))
        shared = in_threads(lambda chunk: self._shared(left[chunk], right[chunk]), chunks)
        for chunk, both in zip(chunks, shared, strict=True):
            either = small[chunk] + large[chunk] - both
            found[chunk] = np.where(either == 0, 1.0, both / np.maximum(either, 1)).min(axis=1)
        return found

    def _shared(self, left: Numbers, right: Numbers) -> Numbers:
        """How many shingles both rows of each pair have, by text: what occurs twice once all are sorted by pair."""
        rows = np.concatenate([left, right])
        sizes = self.sizes()[rows]
        pair = np.tile(np.arange(len(left), dtype=np.uint64) << _SHIFT, 2)
        keys = self.hashes[runs(self.offsets[rows], sizes)] | np.repeat(pair, sizes)
        keys.sort()
        twice = keys[1:][keys[1:] == keys[:-1]]
        place = (twice >> _SHIFT).astype(np.int64) * 2 + (twice & np.uint64(1)).astype(np.int64)
        return np.bincount(place, minlength=2 * len(left)).reshape(-1, 2)


def shingles_of(texts: Sequence[pl.Series], n: int, salt: pl.Series | None = None) -> Shingles:
    """The sets of shingles of many rows.

    Args:
        texts: one or two texts a row, compared each with its like; case is no difference.
        n: words of a shingle.
        salt: a number for each row (u64); rows of different numbers share nothing.
    """
    starts = range(0, len(texts[0]), _CHUNK)

    def part(start: int) -> Shingles:
        own = None if salt is None else salt.slice(start, _CHUNK).to_numpy()
        return _sets([text.slice(start, _CHUNK) for text in texts], n, own)

    parts = [_NONE, *in_threads(part, starts)]
    sizes = np.concatenate([part.sizes() for part in parts])
    hashes, second, fingerprints = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("hashes", "second", "fingerprints")
    )
    return Shingles(hashes, _ends(sizes), second, fingerprints)


def ngrams(texts: pl.Series, n: int, *, short: bool = True) -> tuple[Numbers, Hashes]:
    """All runs of n words: the position of their text, and their hash of 64 bits.

    Args:
        texts: without nulls.
        n: words of a run.
        short: whether a text of fewer words is a run, or has none.
    """
    words, counts = _words(texts)
    many = np.where(counts >= n, counts - n + 1, np.minimum(counts, 1 if short else 0))
    row = np.repeat(np.arange(len(counts)), many)
    begins = np.cumsum(counts) - counts
    padded = np.concatenate([words, np.zeros(n, np.uint64)])
    rolled = np.zeros(len(words), np.uint64)
    for step in range(n):
        rolled = rolled * _ODD + padded[step : step + len(words)]
    found = rolled[runs(begins, many)]
    few = np.flatnonzero((many > 0) & (counts < n))
    found[(np.cumsum(many) - many)[few]] = _whole(padded, begins[few], counts[few])
    return row, _mixed(found)


def runs(begins: Numbers, sizes: Numbers) -> Numbers:
    """The numbers begin, begin + 1 ... of each run of that size, one run after the other."""
    shifts: Numbers = np.repeat(begins - (np.cumsum(sizes) - sizes), sizes)
    return np.arange(len(shifts)) + shifts


def in_threads(function: Callable[[A], B], items: Iterable[A]) -> list[B]:
    """Results in the order of the items; all that is slow in `function` leaves the interpreter (NumPy, Polars)."""
    with ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(pool.map(function, items))


def _sets(texts: Sequence[pl.Series], n: int, salt: Hashes | None) -> Shingles:
    """The sets of at most `_CHUNK` rows."""
    keys = []
    for number, text in enumerate(texts):
        row, hashes = ngrams(text.str.to_lowercase(), n)
        own = hashes if salt is None else _mixed(hashes ^ salt[row])
        keys.append((row.astype(np.uint64) << _SHIFT) | (own & _LOW & ~np.uint64(1)) | np.uint64(number))
    every = np.sort(np.concatenate(keys))
    every = every[np.concatenate([np.ones(min(len(every), 1), bool), every[1:] != every[:-1]])]
    offsets = _ends(np.bincount((every >> _SHIFT).astype(np.int64), minlength=len(texts[0])))
    hashes = every & _LOW
    second = np.cumsum(np.concatenate([np.zeros(1, np.int64), (hashes & np.uint64(1)).astype(np.int64)]))
    summed = np.cumsum(np.concatenate([np.zeros(1, np.uint64), _mixed(hashes)]))
    return Shingles(hashes, offsets, np.diff(second[offsets]), np.diff(summed[offsets]))


def _words(texts: pl.Series) -> tuple[Hashes, Numbers]:
    """The hash of each word of all texts, and the number of each text's words."""
    words = texts.str.extract_all(WORD)
    counts = words.list.len().to_numpy().astype(np.int64)
    return words.explode().drop_nulls().hash().to_numpy().astype(np.uint64), counts


def _whole(words: Hashes, begins: Numbers, counts: Numbers) -> Hashes:
    """The hash of short texts; their number of words is part of it."""
    found = counts.astype(np.uint64)
    for step in range(int(counts.max(initial=0))):
        found = np.where(step < counts, found * _ODD + words[np.minimum(begins + step, len(words) - 1)], found)
    return found


def _mixed(hashes: Hashes) -> Hashes:
    """All bits depend on all (the finaliser of splitmix64: Steele et al. 2014, Fast Splittable PRNGs)."""
    hashes = (hashes ^ (hashes >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    hashes = (hashes ^ (hashes >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return hashes ^ (hashes >> np.uint64(31))


def _ends(sizes: Numbers) -> Numbers:
    return np.concatenate([np.zeros(1, np.int64), np.cumsum(sizes)])


def _chunks(items: Numbers, loads: Numbers) -> Iterable[Numbers]:
    """Consecutive items, at most `_CHUNK` and about `_CHUNK_SHINGLES` of load together, at least one."""
    summed, start = np.cumsum(loads), 0
    while start < len(items):
        before = summed[start] - loads[start]
        fitting = int(np.searchsorted(summed, before + _CHUNK_SHINGLES, "right"))
        end = min(max(fitting, start + 1), start + _CHUNK)
        yield items[start:end]
        start = end


_NONE = Shingles(np.empty(0, np.uint64), np.zeros(1, np.int64), np.empty(0, np.int64), np.empty(0, np.uint64))
