"""Drop rows with a word of a list."""

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import ClassVar, Literal

import polars as pl
from pydantic import model_validator

from datakit.filter import RowFilter
from schemas.errors import ConfigError

LONGEST = 200
"""Characters of the longest line of a word list; a longer one is no word, but a file of another kind."""
_SPACED = r"\w--[\p{Han}\p{Hiragana}\p{Katakana}\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}]"
"""Letters of scripts that put spaces between words, as a regex set."""


class HarmfulWords(RowFilter):
    """Refuses rows in which one occurs; case does not count, nor do full-width forms.

    A word stands between others where its script has spaces: `ass` is not in `class`. In Chinese, Japanese, Thai and
    their like it may stand anywhere.
    """

    reads: ClassVar[tuple[str, ...]] = ("prompt", "output", "context")

    files: tuple[Path, ...] = ()
    """Word lists: UTF-8, a word or phrase a line, `#` begins a comment line."""
    words: tuple[str, ...] = ()
    """Further words."""
    of: Literal["prompt", "output", "both"] = "both"
    """Where to look: in the last user turn, the answer, or (both) all turns."""

    @model_validator(mode="after")
    def _some(self) -> "HarmfulWords":
        if not self.files and not any(word.strip() for word in self.words):
            raise ValueError("name a word list (files) or words")
        return self

    def measured(self) -> pl.Expr:
        """See the base class."""
        words = self._words()
        texts = [pl.col("context"), pl.col("output")] if self.of == "both" else [pl.col(self.of)]
        whole = pl.concat_str(texts, separator="\n")
        return whole.map_batches(lambda series: _found(series, words), return_dtype=pl.String)

    def refused(self, value: pl.Expr) -> pl.Expr:
        """See the base class."""
        return value.is_not_null()

    def allowed(self) -> str:
        """See the base class."""
        listed = [path.name for path in self.files] + ([f"{len(self.words)} words"] if self.words else [])
        return f"none of {' and '.join(listed)} in {self.of}"

    def _words(self) -> list[str]:
        """All words, folded like the texts, without doubles."""
        given = [word for path in self.files for word in _read(path)] + list(self.words)
        folded = pl.select(_folded(pl.Series(given, dtype=pl.String))).to_series().str.strip_chars()
        words = [word for word in folded.unique(maintain_order=True) if word]
        if not words:
            raise ConfigError(f"{', '.join(map(str, self.files))}: no words")
        return words


def _folded(text: pl.Series | pl.Expr) -> pl.Expr:
    whole = pl.lit(text) if isinstance(text, pl.Series) else text
    return whole.str.normalize("NFKC").str.to_lowercase()


def _found(texts: pl.Series, words: list[str]) -> pl.Series:
    """The first word of each text; null where it has none."""
    rows = texts.to_frame("text").with_row_index("at").with_columns(_folded(pl.col("text")))
    hits = rows.filter(pl.col("text").str.contains_any(words)).with_columns(
        word=pl.col("text").str.extract_many(words, overlapping=True).list.unique(maintain_order=True)
    )
    pairs = hits.explode("word").partition_by("word", maintain_order=True)
    bounded = [pair.filter(pl.col("text").str.contains(_bounded(pair["word"][0]))) for pair in pairs]
    if not bounded:
        return pl.repeat(None, len(texts), dtype=pl.String, eager=True)
    first = pl.concat(bounded).group_by("at").agg(pl.col("word").sort_by(pl.col("word").str.len_chars()).last())
    return rows.select("at").join(first, on="at", how="left", maintain_order="left")["word"]


def _bounded(word: str) -> str:
    """A regex that finds the word with no letter beside those of its ends that are letters of a script with spaces."""
    begins, ends = pl.Series([word[0], word[-1]]).str.contains(f"[{_SPACED}]")
    before = f"(?:^|[^{_SPACED}])" if begins else ""
    after = f"(?:$|[^{_SPACED}])" if ends else ""
    return f"{before}{pl.Series([word]).str.escape_regex()[0]}{after}"


def _read(path: Path) -> Iterator[str]:
    """The words of a file.

    Raises:
        ConfigError: it cannot be read, or a line of it is broken.
    """
    try:
        content = path.read_bytes().removeprefix(b"\xef\xbb\xbf")
    except OSError as error:
        raise ConfigError(f"word list {path}: {error.strerror}") from error
    yield from _lines(path, content.split(b"\n"))


def _lines(path: Path, lines: Iterable[bytes]) -> Iterator[str]:
    for number, line in enumerate(lines, 1):
        try:
            word = line.decode().strip()
        except UnicodeDecodeError as error:
            raise ConfigError(f"{path}:{number}: not UTF-8; save the word list as UTF-8") from error
        if word.startswith("#"):
            continue
        if len(word) > LONGEST:
            raise ConfigError(f"{path}:{number}: {len(word)} characters; a word list has one word or phrase a line")
        if any(ord(character) < 32 and character != "\t" for character in word):
            raise ConfigError(f"{path}:{number}: a control character; a word list is plain text")
        if word:
            yield word
