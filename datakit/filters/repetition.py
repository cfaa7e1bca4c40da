"""Drop answers that repeat themselves: a model caught in a loop, or a text pasted twice.

The measures are those of Gopher (Rae et al. 2021, Scaling Language Models, appendix A.1.1), with other bounds: a web
page of hundreds of words with a tenth of them in doubled 10-grams is spam, an answer may be a song with its chorus, a
quiz or a timetable. Of its top n-grams nothing is left: in a short answer they are the frame of a list ("What is the
difference between ..."), and a loop of two to four words is found by 5-grams too.
"""

import re
from collections.abc import Iterator, Sequence
from typing import ClassVar

import polars as pl
from pydantic import Field

from datakit.filter import RowFilter

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}"
_WORD = rf"[{_UNSPACED}]|[[\w'’]--[{_UNSPACED}_]]+"
_WORD_IN_PYTHON = re.compile(
    r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]|[^\W_\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff]+"
)
_SENTENCE = r"[^.!?;。！？；\n]+"
_FENCED = r"(?s)```.*?(?:```|$)|~~~.*?(?:~~~|$)"
_SYMBOL = r"[<>{}=|\\/_()\[\];]"
FEWEST = 20
"""Words of the shortest answer that is judged; a Chinese character is a word."""
CODE = 0.04
"""Share of brackets and the like from which a text is code, markup or a table, which repeat by their nature."""
GRAMS = range(5, 11)


class Repetition(RowFilter):
    """Refuses an answer most of which was said before in it. Code and tables stay."""

    reads: ClassVar[tuple[str, ...]] = ("output",)

    words: float = Field(0.85, gt=0.5, le=1)
    """Largest share of words in 5- to 10-grams that occurred before: seven rounds of a loop have 0.86."""
    sentences: float = Field(0.5, ge=0.5, le=1)
    """Sentences or lines that are the same as the one before have less than this share of the words."""

    def suspect(self) -> pl.Expr:
        """See the base class."""
        # one pass: Polars would find the words anew for each of the two counts
        words = _prose(pl.col("output")).str.to_lowercase().str.extract_all(_WORD)
        return words.map_batches(_half_are_old, return_dtype=pl.Boolean)

    def measured(self) -> pl.Expr:
        """See the base class."""
        return pl.col("output").map_batches(self._said, return_dtype=pl.String)

    def refused(self, value: pl.Expr) -> pl.Expr:
        """See the base class."""
        return value.is_not_null()

    def allowed(self) -> str:
        """See the base class."""
        return f"at most {self.words:.0%} of the words in repeated 5- to 10-grams, and no sentence over and over"

    def _said(self, texts: pl.Series) -> pl.Series:
        """What is repeated, in words; null where too little is."""
        prose = texts.to_frame("text").select(text=_prose(pl.col("text")).str.to_lowercase())
        words, sentences = pl.col("text").str.extract_all(_WORD), pl.col("text").str.extract_all(_SENTENCE)
        sentences = sentences.list.eval(pl.element().str.strip_chars())
        letters = pl.col("text").str.replace_all(r"[^\p{L}\p{N}]+", "")
        half = letters.str.len_chars() // 2
        symbols = pl.col("text").str.count_matches(_SYMBOL) / pl.col("text").str.len_chars()
        tests = (
            prose.with_row_index("at")
            .filter(symbols <= CODE)
            .select(
                "at",
                "text",
                looped=words.list.n_unique() <= (1 - self.words) * words.list.len() + 1,
                same=sentences.list.n_unique() < sentences.list.len(),
                twice=letters.str.slice(0, half) == letters.str.slice(half),
            )
        )
        worth = tests.filter(pl.any_horizontal("looped", "same", "twice"))
        found = {at: self._verdict(text, twice) for at, text, twice in worth.select("at", "text", "twice").iter_rows()}
        return pl.Series(texts.name, [found.get(at) for at in range(len(texts))], dtype=pl.String)

    def _verdict(self, text: str, twice: bool) -> str | None:
        words = _WORD_IN_PYTHON.findall(text)
        if twice:
            return "the same text twice"
        again = _adjacent(text) / max(1, len(words))
        if again >= self.sentences:
            return f"{again:.2f} in sentences said just before"
        share, n = max((_repeated(words, n) / max(1, len(words)), n) for n in GRAMS)
        return f"{share:.2f} in repeated {n}-grams" if share > self.words else None


def _half_are_old(words: pl.Series) -> pl.Series:
    """Whether half of the words were said before, so that a text may hold something twice."""
    count = words.list.len()
    return (count >= FEWEST) & (words.list.n_unique() * 2 <= count + 1)


def _prose(text: pl.Expr) -> pl.Expr:
    return text.str.replace_all(_FENCED, " ")


def _repeated(words: Sequence[str], n: int) -> int:
    """How many words are in an n-gram that occurred before."""
    seen: set[tuple[str, ...]] = set()
    covered = reach = 0
    for start in range(len(words) - n + 1):
        gram = tuple(words[start : start + n])
        if gram in seen:
            covered += start + n - max(reach, start)
            reach = start + n
        seen.add(gram)
    return covered


def _adjacent(text: str) -> int:
    """How many words are in sentences that are the same as the one before."""
    return sum(len(words) for words, before in _neighbours(text) if words == before)


def _neighbours(text: str) -> Iterator[tuple[list[str], list[str]]]:
    before: list[str] = []
    for sentence in re.split(r"[.!?;。！？；\n]+", text):
        words = _WORD_IN_PYTHON.findall(sentence)
        if words:
            yield words, before
            before = words
