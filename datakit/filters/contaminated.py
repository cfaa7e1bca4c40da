"""Drop rows that share runs of words with benchmark files, so that an evaluation measures what was not trained on."""

from pathlib import Path
from typing import ClassVar, Literal, TypeAlias

import numpy as np
import polars as pl
from pydantic import Field

from datakit.benchmark_texts import texts_of
from datakit.filter import DROPPED, Filter
from datakit.shingles import UNSPACED, WORD, Hashes, Mask, Shares, in_threads, ngrams

_TEXTS = {"prompt": ("context",), "output": ("output",), "both": ("context", "output")}
_CHUNK = 1 << 14

Index: TypeAlias = list[tuple[str, tuple[Hashes, Hashes]]]
"""Name of each file, and its runs of words and of characters, sorted."""


class Contaminated(Filter):
    """Case, punctuation and white space do not count; a text of fewer than n words shares nothing.

    13 words after Brown et al. 2020, Language Models are Few-Shot Learners, appendix C.
    """

    reads: ClassVar[tuple[str, ...]] = ("context", "output")

    files: tuple[Path, ...] = Field(min_length=1)
    """Benchmark files: JSON, JSON lines, CSV, Parquet or plain text, also compressed."""
    fields: tuple[str, ...] = ()
    """The fields that count (`question`); none: every text in a row."""
    of: Literal["prompt", "output", "both"] = "prompt"
    """What is looked at: all turns before the answer, the answer, or each of them."""
    n: int = Field(13, ge=1)
    """Words of a run."""
    n_characters: int = Field(20, ge=1)
    """Characters of a run, for texts that are mostly in a script without spaces; 20 say about as much as 13 words."""
    threshold: float = Field(0.0, ge=0, lt=1)
    """Largest share of a text's runs that may be in one file; 0: none may be."""

    def drop(self, rows: pl.DataFrame) -> pl.DataFrame:
        """See the base class."""
        index = [(path.name, self._runs_of_file(path)) for path in self.files]
        starts = range(0, len(rows), _CHUNK)
        found = in_threads(lambda start: self._drop(rows.slice(start, _CHUNK), index), starts)
        return pl.concat([pl.DataFrame(schema=DROPPED), *found])

    def allowed(self) -> str:
        """See the base class."""
        share = f"at most {self.threshold:.0%}" if self.threshold else "none"
        return f"{self.of}: {share} of its runs of {self.n} words (or {self.n_characters} characters) in a benchmark"

    def _runs_of_file(self, path: Path) -> tuple[Hashes, Hashes]:
        texts = _plain(pl.Series(texts_of(path, self.fields), dtype=pl.String))
        words, characters = (np.unique(ngrams(texts, n, short=False)[1]) for n in (self.n, self.n_characters))
        return words, characters

    def _drop(self, rows: pl.DataFrame, index: Index) -> pl.DataFrame:
        """Those of some rows."""
        shares = np.max([self._shares(rows[text], index) for text in _TEXTS[self.of]], axis=0)
        file = shares.argmax(axis=0)
        share = pl.Series(shares.max(axis=0))
        names = pl.Series([name for name, _ in index]).gather(file)
        value = pl.format("{} {}", pl.col("share").round(3), "file")
        found = rows.select("row", share=share, file=names).filter(pl.col("share") > self.threshold)
        return found.select("row", value=value, like=pl.lit(None)).cast(pl.Schema(DROPPED))

    def _shares(self, texts: pl.Series, index: Index) -> Shares:
        """What share of each text's runs is in each file; one row a file."""
        plain = _plain(texts)
        unspaced = (plain.str.count_matches(f"[{UNSPACED}]") * 2 > plain.str.count_matches(WORD)).to_numpy()
        shares = np.zeros((len(index), len(plain)))
        for kind, (n, chosen) in enumerate(((self.n, ~unspaced), (self.n_characters, unspaced))):
            place = np.flatnonzero(chosen)
            row, runs = ngrams(plain.filter(pl.Series(chosen)), n, short=False)
            every = np.maximum(np.bincount(row, minlength=len(place)), 1)
            for number, (_, known) in enumerate(index):
                shared = np.bincount(row, weights=_contains(known[kind], runs), minlength=len(place))
                shares[number, place] = shared / every
        return shares


def _plain(texts: pl.Series) -> pl.Series:
    """Words only, in lower case."""
    return texts.str.to_lowercase().str.replace_all(r"[\p{P}\p{S}]+", " ")


def _contains(known: Hashes, runs: Hashes) -> Mask:
    """Which of the runs are among the known ones, which are sorted."""
    if not len(known):
        return np.zeros(len(runs), bool)
    place = np.minimum(np.searchsorted(known, runs), len(known) - 1)
    found: Mask = known[place] == runs
    return found
