"""Drop rows that are too short or too long, in characters, words or tokens."""

from functools import partial
from pathlib import Path
from typing import ClassVar, Literal

import polars as pl
from pydantic import Field, model_validator
from tokenizers import Tokenizer, decoders, normalizers

from datakit.filter import RowFilter
from rewards.tokens import load_tokenizer

_UNSPACED = r"\p{Han}\p{Hiragana}\p{Katakana}"
_WORD = rf"[{_UNSPACED}]|[[\w'’]--[{_UNSPACED}_]]+"
"""A character of a script that puts no spaces between words is a word of its own."""
NFC_GROWS = 3
"""How many times as many bytes NFC may make of a text (unicode.org/faq/normalization, maximum expansion)."""
BATCH = 4096
"""Texts that are tokenized at once: their tokens are all in memory until they are counted."""


class Length(RowFilter):
    """Refuses what lies outside of the bounds, which are inclusive."""

    reads: ClassVar[tuple[str, ...]] = ("prompt", "output", "context")

    of: Literal["prompt", "output", "total"] = "output"
    """The last user turn, the answer, or all turns and the answer."""
    unit: Literal["characters", "words", "tokens"] = "words"
    """What is counted; each Chinese or Japanese character is a word."""
    min: int | None = Field(None, ge=0)
    """Shortest that stays."""
    max: int | None = Field(None, ge=0)
    """Longest that stays."""
    tokenizer: Path | None = None
    """Directory of the model or its tokenizer, for `unit: tokens`. Special tokens and the template are not counted."""

    @model_validator(mode="after")
    def _complete(self) -> "Length":
        if self.min is None and self.max is None:
            raise ValueError("write min, max or both")
        if self.min is not None and self.max is not None and self.min > self.max:
            raise ValueError(f"min {self.min} is above max {self.max}")
        if (self.unit == "tokens") != (self.tokenizer is not None):
            raise ValueError("unit: tokens and tokenizer: DIRECTORY go together")
        return self

    def measured(self) -> pl.Expr:
        """See the base class."""
        if self.tokenizer is not None:
            whole = pl.concat_str("context", "output", separator="\n") if self.of == "total" else pl.col(self.of)
            most = self.max if self.min is None else None
            count = partial(_tokens, load_tokenizer(self.tokenizer).tokenizer, most)
            return whole.map_batches(count, return_dtype=pl.UInt32)
        columns = ("context", "output") if self.of == "total" else (self.of,)
        texts = [pl.col(column) for column in columns]
        if self.unit == "words":
            return pl.sum_horizontal(text.str.count_matches(_WORD) for text in texts)
        return pl.sum_horizontal(text.str.len_chars() for text in texts)

    def refused(self, value: pl.Expr) -> pl.Expr:
        """See the base class."""
        low = pl.lit(False) if self.min is None else value < self.min
        return low if self.max is None else low | (value > self.max)

    def allowed(self) -> str:
        """See the base class."""
        bounds = {"at least": self.min, "at most": self.max}
        said = " and ".join(f"{word} {bound:,}" for word, bound in bounds.items() if bound is not None)
        return f"{self.of}: {said} {self.unit}"


def _tokens(tokenizer: Tokenizer, most: int | None, texts: pl.Series) -> pl.Series:
    """How many each text has, counted on all cores; null where it cannot have more than `most`."""
    every = texts.to_frame("text").with_row_index("at")
    worth = every.filter(_may_exceed(tokenizer, most, pl.col("text")))
    counts: list[int] = []
    for start in range(0, worth.height, BATCH):
        batch = worth["text"][start : start + BATCH].to_list()
        counts += map(len, tokenizer.encode_batch_fast(batch, add_special_tokens=False))
    counted = worth.select("at", count=pl.Series(counts, dtype=pl.UInt32))
    found = every.select("at").join(counted, on="at", how="left", maintain_order="left")
    return found["count"].alias(texts.name)


def _may_exceed(tokenizer: Tokenizer, most: int | None, text: pl.Expr) -> pl.Expr:
    """Whether a text may have more tokens: a byte-level tokenizer makes at most one of each byte, and one in front."""
    byte_level = isinstance(tokenizer.decoder, decoders.ByteLevel)
    grows = 1 if tokenizer.normalizer is None else NFC_GROWS
    if most is None or not byte_level or not isinstance(tokenizer.normalizer, normalizers.NFC | None):
        return pl.lit(True)
    return text.str.len_bytes() * grows + 1 > most
