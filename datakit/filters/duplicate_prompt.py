"""Drop rows whose prompt is that of an earlier group; all rows of one prompt stay or go together."""

from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from datakit.filter import DROPPED, Filter
from datakit.normalised import normalised, surroundings
from datakit.similar import Likeness, similar


class DuplicatePrompt(Filter):
    """Of groups with like prompts the first one stays, whole; prompts are alike only after like conversations."""

    reads: ClassVar[tuple[str, ...]] = ("prompt", "context", "group")

    match: Literal["near", "exact"] = "near"
    """Whether the last user turns are alike (MinHash candidates, verified), or equal but for case and white space.
    The turns around it must be equal so, too: the same system prompt makes no two conversations alike, and
    `go on` after another conversation is another prompt."""
    threshold: float = Field(0.7, gt=0, le=1)
    """For near: least Jaccard similarity of two prompts' sets of shingles."""
    words: int = Field(5, ge=1)
    """For near: words of a shingle; characters in scripts without spaces."""
    permutations: int = Field(256, ge=16, le=4096)
    """For near: length of a MinHash signature."""

    def drop(self, rows: pl.DataFrame) -> pl.DataFrame:
        """See the base class."""
        firsts = rows.sort("row").unique("group", keep="first", maintain_order=True)
        groups = self._exact(firsts) if self.match == "exact" else self._near(firsts)
        of_group = firsts.select("row", "group").join(groups, on="row").drop("row")
        return rows.select("row", "group").join(of_group, on="group").select(*DROPPED).cast(pl.Schema(DROPPED))

    def allowed(self) -> str:
        """See the base class."""
        if self.match == "exact":
            return "the first group of its prompt"
        return f"prompt: Jaccard below {self.threshold:g} to every group that stays"

    def _exact(self, firsts: pl.DataFrame) -> pl.DataFrame:
        first = pl.col("row").min().over(normalised(pl.col("context"), ignore_case=True))
        repeated = firsts.select("row", value=pl.lit("equal"), like=first)
        return repeated.filter(pl.col("row") != pl.col("like"))

    def _near(self, firsts: pl.DataFrame) -> pl.DataFrame:
        salt = firsts.select(surroundings().hash()).to_series()
        likeness = Likeness(threshold=self.threshold, permutations=self.permutations, words=self.words)
        return similar([firsts["prompt"]], likeness, salt).frame(firsts["row"])
