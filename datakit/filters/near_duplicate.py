"""Drop rows that say nearly the same as a better one (MinHash candidates, each verified exactly)."""

from typing import ClassVar, Literal

import polars as pl
from pydantic import Field

from datakit.filter import Filter
from datakit.normalised import surroundings
from datakit.preference import Keep, best_first
from datakit.similar import Likeness, similar

_TEXTS = {"both": ("prompt", "output"), "prompt": ("prompt",), "output": ("output",)}


class NearDuplicate(Filter):
    """Of rows that are alike the best one stays; a dropped row is alike to the very row that is named, and case is
    no difference.
    """

    reads: ClassVar[tuple[str, ...]] = ("prompt", "output", "context", "reward")

    of: Literal["both", "output", "prompt"] = "both"
    """What must be alike: prompt and answer, each by itself, or one of them. Many prompts may have one short answer
    (`positive`), so answers alone are rarely what is meant. Of both, the turns around them must be equal: "You're
    welcome!" after "Thank you" ends many conversations."""
    threshold: float = Field(0.7, gt=0, le=1)
    """Least Jaccard similarity of two texts' sets of shingles at which they are alike."""
    words: int = Field(5, ge=1)
    """Words of a shingle; characters in scripts without spaces. A shorter text is alike only to an equal one."""
    permutations: int = Field(256, ge=16, le=4096)
    """Length of a MinHash signature: more find more."""
    keep: Keep = "first"
    """Which row is the best: the first, the one with the longest answer, or with the highest reward."""

    def by_reward(self) -> bool:
        """See the base class."""
        return self.keep == "highest_reward"

    def drop(self, rows: pl.DataFrame) -> pl.DataFrame:
        """See the base class."""
        ordered = best_first(rows, self.keep)
        texts = [ordered[text] for text in _TEXTS[self.of]]
        likeness = Likeness(threshold=self.threshold, permutations=self.permutations, words=self.words)
        salt = ordered.select(surroundings().hash()).to_series() if self.of == "both" else None
        return similar(texts, likeness, salt).frame(ordered["row"])

    def allowed(self) -> str:
        """See the base class."""
        what = "prompt or answer" if self.of == "both" else self.of.replace("output", "answer")
        return f"{what}: Jaccard below {self.threshold:g} to every row that stays"
