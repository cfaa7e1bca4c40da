"""Are held-out prompts among the prompts?"""

from typing import ClassVar

import numpy as np
import polars as pl
from pydantic import Field

from datakit.audited import Audited
from datakit.auditing import OFFENDERS, Audit, Finding, share_of
from datakit.shingles import ngrams
from datakit.similar import Likeness, similar


class Leaks(Audit):
    """Share of the pairs whose prompt is a held-out one (`--held-out`), nearly one, or holds one."""

    drops: ClassVar[bool] = True
    threshold: float = 0.0
    similarity: float = Field(0.7, gt=0, le=1)
    """Least Jaccard similarity of runs of three words."""
    run: int = Field(8, ge=1)
    """Words of a run by which a held-out prompt is found inside a longer one."""
    contained: float = Field(0.8, gt=0, le=1)
    """Least share of a held-out prompt's runs that a prompt has."""

    def examine(self, audited: Audited) -> Finding:
        """See the base class."""
        if audited.held_out.is_empty():
            return Finding(None, "no held-out prompts were named (--held-out)")
        prompts = audited.pairs.select("prompt_id", "prompt", "key").unique("prompt_id", maintain_order=True)
        held = audited.held_out
        near = self._near(held, prompts)
        inside = self._inside(_bare(held["prompt"]), _bare(prompts["prompt"]))
        places = {"the same as one": np.flatnonzero(prompts["key"].is_in(held["key"].implode()).to_numpy())}
        places |= {"like one": near, "holds one": inside}
        named = [
            prompts[place.tolist()].select("prompt_id", why=pl.lit(f"held-out prompt: {why}"))
            for why, place in places.items()
        ]
        leaked = pl.concat(named).unique("prompt_id", keep="first", maintain_order=True)
        offenders = audited.pairs.join(leaked, on="prompt_id").select(*OFFENDERS)
        return share_of(audited, offenders, "of the pairs have a held-out prompt")

    def _near(self, held: pl.DataFrame, prompts: pl.DataFrame) -> np.ndarray:
        """Positions of prompts that are like a held-out one: those come first, so they are what others are like."""
        texts = _bare(pl.concat([held["prompt"], prompts["prompt"]]))
        found = similar([texts], Likeness(threshold=self.similarity, permutations=128, words=3))
        ours = (found.row >= held.height) & (found.like < held.height)
        return found.row[ours] - held.height

    def _inside(self, held: pl.Series, prompts: pl.Series) -> np.ndarray:
        """Positions of prompts that have most runs of a held-out one; those of many held-out prompts do not count."""
        known, runs = (
            pl.DataFrame(dict(zip(("at", "run"), ngrams(texts, self.run, short=False), strict=True))).unique()
            for texts in (held, prompts)
        )
        telling = known.filter(pl.len().over("run") <= 5)
        sizes = telling.group_by("at").agg(size=pl.len())
        shared = telling.join(runs, on="run").group_by("at", "at_right").agg(pl.len()).join(sizes, on="at")
        return shared.filter(pl.col("len") >= self.contained * pl.col("size"))["at_right"].unique().sort().to_numpy()

    def advice(self) -> str:
        """See the base class."""
        return "an evaluation on them measures what was trained on; --fix leaves such pairs out"


def _bare(texts: pl.Series) -> pl.Series:
    return texts.str.to_lowercase().str.replace_all(r"[\p{P}\s]+", " ").str.strip_chars()
