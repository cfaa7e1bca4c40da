"""Do the two sides hardly differ?"""

from typing import ClassVar

import polars as pl
from pydantic import Field
from rapidfuzz.distance import Indel
from rapidfuzz.process import cpdist

from datakit.audited import Audited, spaced
from datakit.auditing import Audit, Finding, share_of

_MARKS = r"""[\s\p{Z}.,!?;:'"*_`#。，！？；：、“”‘’…]+"""
"""What may differ between two texts that say the same."""
_NUMBER = r"-?\d+(?:[.,/]\d+)*"
_NOT = r"(?i)\b(?:not?|never|cannot|true|false|yes|correct|wrong|right|left)\b|n['’]t\b|[不没無无是否对错]"
"""Words by which alone a right answer may differ from a wrong one."""


class SimilarSides(Audit):
    """Share of the pairs whose sides differ in marks and capitals only, or in so few characters of a long text.

    Two solutions that differ in a number or in a `not` are no such pair: there the difference is what is taught. Nor
    are answers of several turns or with tool calls, whose forms are alike anyway.
    """

    drops: ClassVar[bool] = True
    threshold: float = 0.01
    similarity: float = Field(0.97, gt=0, le=1)
    """Least normalised Indel similarity (rapidfuzz) of sides that hardly differ."""
    least: int = Field(60, ge=1)
    """Characters of a text from which that counts; in a shorter one a word is a large part."""
    longest: int = Field(4000, ge=1)
    """Characters of a text that are compared."""

    def examine(self, audited: Audited) -> Finding:
        """See the base class."""
        plain = pl.col("chosen_turns").is_null() & pl.col("rejected_turns").is_null()
        texts = {side: spaced(pl.col(f"{side}_said")) for side in ("chosen", "rejected")}
        pairs = audited.pairs.filter(plain).select("row", **texts).filter(pl.col("chosen") != pl.col("rejected"))
        pairs = pairs.filter(*(_alike(regex) for regex in (_NUMBER, _NOT)))
        bare = [pl.col(side).str.to_lowercase().str.replace_all(_MARKS, "") for side in ("chosen", "rejected")]
        marks = pairs.filter((bare[0] == bare[1]) & (bare[0] != ""))
        few = self._close(pairs)
        offenders = pl.concat([marks.select("row", why=pl.lit("the sides differ in marks and capitals only")), few])
        return share_of(audited, offenders, "of the pairs have sides that hardly differ")

    def _close(self, pairs: pl.DataFrame) -> pl.DataFrame:
        """Row and why of those that differ in few characters; lengths too far apart rule that out beforehand."""
        lengths = [pl.col(side).str.len_chars() for side in ("chosen", "rejected")]
        short, long = pl.min_horizontal(lengths), pl.max_horizontal(lengths)
        near = pairs.filter((short >= self.least) & (short >= self.similarity / (2 - self.similarity) * long))
        heads = [near[side].str.head(self.longest).to_list() for side in ("chosen", "rejected")]
        alike = pl.Series(cpdist(*heads, scorer=Indel.normalized_similarity, workers=-1), dtype=pl.Float64)
        found = near.select("row", alike=alike).filter(pl.col("alike") >= self.similarity)
        return found.select("row", why=pl.format("the sides are alike to {}", pl.col("alike").round(3)))

    def advice(self) -> str:
        """See the base class."""
        return "what is taught is a comma; --fix leaves such pairs out, build-pairs has --min-distance"


def _alike(regex: str) -> pl.Expr:
    """Whether both sides have the same such words."""
    found = [
        pl.col(side).str.extract_all(regex).list.eval(pl.element().str.to_lowercase())
        for side in ("chosen", "rejected")
    ]
    return found[0] == found[1]
