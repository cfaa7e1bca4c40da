"""Drop rows that say the same as an earlier one."""

from typing import ClassVar, Literal

import polars as pl

from datakit.filter import DROPPED, Filter
from datakit.normalised import normalised

_TEXTS = {"row": ("context", "output"), "prompt": ("context",), "output": ("output",)}


class Duplicate(Filter):
    """The first row of those that are equal stays; white space does not count."""

    reads: ClassVar[tuple[str, ...]] = ("context", "output")

    of: Literal["row", "prompt", "output"] = "row"
    """What must be equal: prompt and answer, only the prompt (all turns before the answer), or only the answer."""
    ignore_case: bool = False
    """Upper and lower case do not count either."""

    def drop(self, rows: pl.DataFrame) -> pl.DataFrame:
        """See the base class."""
        texts = [normalised(pl.col(text), ignore_case=self.ignore_case) for text in _TEXTS[self.of]]
        firsts = rows.lazy().select("row", like=pl.col("row").min().over(texts))
        repeated = firsts.filter(pl.col("row") != pl.col("like"))
        return repeated.select("row", pl.lit("equal").alias("value"), "like").cast(pl.Schema(DROPPED)).collect()

    def allowed(self) -> str:
        """See the base class."""
        return f"the first row of its {'prompt and answer' if self.of == 'row' else self.of}"
