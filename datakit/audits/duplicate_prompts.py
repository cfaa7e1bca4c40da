"""Is a prompt there several times, hardly changed?"""

import polars as pl
from pydantic import Field

from datakit.audited import Audited
from datakit.auditing import Audit, Finding, share_of
from datakit.similar import Likeness, similar


class DuplicatePrompts(Audit):
    """Share of the pairs whose prompt is an earlier one, white space, capitals and a few words apart.

    Several pairs of one and the same prompt are what strategies make, and are none.
    """

    threshold: float = 0.05
    similarity: float = Field(0.8, gt=0, le=1)
    """Least Jaccard similarity of runs of three words."""

    def examine(self, audited: Audited) -> Finding:
        """See the base class."""
        prompts = audited.pairs.select("prompt_id", "context", "row").unique(
            "prompt_id", keep="first", maintain_order=True
        )
        bare = prompts["context"].str.to_lowercase().str.replace_all(r"[\p{P}\s]+", " ").str.strip_chars()
        found = similar([bare], Likeness(threshold=self.similarity, permutations=128, words=3))
        like = prompts["row"].gather(found.like)
        named = pl.DataFrame({"prompt_id": prompts["prompt_id"].gather(found.row), "like": like})
        offenders = audited.pairs.join(named, on="prompt_id").select(
            "row", why=pl.format("its prompt is like that of pair {}", pl.col("like") + 1)
        )
        return share_of(audited, offenders, "of the pairs have a prompt that is hardly another than an earlier one")

    def advice(self) -> str:
        """See the base class."""
        return "the set is smaller than it looks, and a split may put both in train and test; clean has near_duplicate"
