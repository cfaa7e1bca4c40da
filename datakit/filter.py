"""What a filter of `datakit clean` must offer. Variants: datakit/filters/, one file each; its name is typed in YAML.

Every filter sees a frame of rows, one an SFT example, in the order of the data set:

    row         u32: number of the row, from 0; never changes while a set is cleaned
    prompt      str: text of the last user turn
    output      str: text of the answer, without reasoning
    context     str: texts of all turns before the answer, one after the other
    calls       bool: the answer calls tools, so it may have no text
    roles       str: roles of all turns with spaces between, the answer's included: `system user assistant`
    group       u32: the same for rows whose prompt is the same conversation
    columns     str: the row's columns, as JSON, null where it has none
    reward      f64: the reward, null where there is none

`row` and what the filter names in `reads`, nothing else. Texts are never null.
"""

from abc import ABC, abstractmethod
from typing import ClassVar, final

import polars as pl

from schemas.base import Frozen

COLUMNS = ("prompt", "output", "context", "calls", "roles", "group", "columns", "reward")
"""What a filter may read."""

DROPPED = {"row": pl.UInt32, "value": pl.String, "like": pl.UInt32}
"""Schema of what a filter drops: the row, the measured value as text, and the row that it is like (or null)."""


BLOCK = 65_536
"""Rows that a row filter looks at together: what it makes of them, such as a list of all words, is in memory."""


class Filter(Frozen, ABC):
    """One reason to drop rows; its fields are its options.

    A filter of filters/length.py is written `- length: {max: 500}` in the YAML, and `length` is the reason in the
    ledger. It must not look at the rows' numbers except to break ties: the smaller one stays.
    """

    reads: ClassVar[tuple[str, ...]]
    """The columns that it needs, of `COLUMNS`."""

    @abstractmethod
    def drop(self, rows: pl.DataFrame) -> pl.DataFrame:
        """The rows to be dropped, in the schema `DROPPED`, each once.

        What it leaves must pass it again: cleaning a clean set drops nothing.

        Raises:
            ConfigError: an option does not fit (a tokenizer or a file that is not there).
        """

    def by_reward(self) -> bool:
        """Whether it needs a reward, with these options; if no filter does, the column holds nulls."""
        return "reward" in self.reads

    def depends(self) -> str:
        """What the result depends on beside the options and the files that they name: a rule's fingerprint, say."""
        return ""

    @abstractmethod
    def allowed(self) -> str:
        """The threshold, in words: what a row must be to stay (`at most 500 words`)."""


class RowFilter(Filter, ABC):
    """A filter that looks at each row alone: an expression over its columns."""

    def suspect(self) -> pl.Expr:
        """Whether a row may be dropped; the others are not even measured, so this is to be cheap."""
        return pl.lit(True)

    @abstractmethod
    def measured(self) -> pl.Expr:
        """The value that decides: a number, a text or a bool; null where the filter does not apply."""

    @abstractmethod
    def refused(self, value: pl.Expr) -> pl.Expr:
        """Whether a row of that value is dropped; null counts as no."""

    @final
    def drop(self, rows: pl.DataFrame) -> pl.DataFrame:
        """See `Filter.drop`."""
        suspect, value, refused = self.suspect(), self.measured(), self.refused(pl.col("value"))
        found = [pl.DataFrame(schema=DROPPED)]
        for block in rows.iter_slices(BLOCK):
            measured = block.filter(suspect).lazy().select("row", value=value).filter(refused)
            text = pl.col("value").cast(DROPPED["value"])
            found.append(measured.select("row", text, like=pl.lit(None, DROPPED["like"])).collect())
        return pl.concat(found)
