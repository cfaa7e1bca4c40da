"""Is the answer that was chosen in another language than its prompt, or than the other side?"""

from typing import ClassVar

import polars as pl

from datakit.audited import Audited
from datakit.auditing import Audit, Finding, share_of
from rewards.languages import UNKNOWN, languages_of
from schemas.report import Table

_NAMES = (
    r"(?i)translat|traduc|traduire|traduis|übersetz|翻译|翻譯|译成|译为|perevod|перевед|[中英法德日韩俄西葡意]文|"
    r"[中英法德日韩俄]语|汉语|西班牙语|葡萄牙语|意大利语|阿拉伯语|\b(?:in|into|to|from|auf|en) "
    r"(?:the )?(?:english|chinese|mandarin|french|german|spanish|italian|portuguese|japanese|korean|russian|arabic|"
    r"dutch|turkish|hindi|vietnamese|polish|swedish|danish|finnish|greek|hebrew|thai|indonesian|romanian|czech|"
    r"hungarian|englisch|deutsch|français|español|inglés)\b|\b(?:language|english|chinese|french|german|spanish)\b"
)
"""A prompt that names a language or asks for a translation may be answered in another."""

_NAME = r"\b\p{Lu}[\p{L}\p{M}]*"
"""A word with a capital. With them `MacBook Pro` looks Czech, without them `How do I get to` looks Polish."""


class AnswerLanguage(Audit):
    """Share of the pairs with a side in another language than the prompt, unless the prompt speaks of a language.

    Code, numbers and short texts have no language, and agree with any.
    """

    drops: ClassVar[bool] = True
    threshold: float = 0.02

    def examine(self, audited: Audited) -> Finding:
        """See the base class."""
        texts = {"asked": "prompt", "chosen": "chosen", "rejected": "rejected"}
        found = audited.pairs.select("row", "context", *(pl.col(text).alias(name) for name, text in texts.items()))
        bare = found.with_columns(pl.col(*texts).str.replace_all(_NAME, " "))
        told = found.with_columns(_surely(languages_of(found[name]), languages_of(bare[name])) for name in texts)
        free = ~pl.col("context").str.contains(_NAMES)
        sides = {side: _differ("asked", side) & free for side in ("chosen", "rejected")}
        apart = _differ("chosen", "rejected") & free
        kinds = {"chosen and prompt": sides["chosen"], "rejected and prompt": sides["rejected"], "the sides": apart}
        counts = told.select(**{name: kind.sum() for name, kind in kinds.items()}).row(0)
        table = Table(
            title="languages that differ", columns=("of", "pairs"), rows=tuple(zip(kinds, counts, strict=True))
        )
        why = pl.format("prompt {}, chosen {}, rejected {}", *texts)
        finding = share_of(
            audited,
            told.filter(pl.any_horizontal(kinds.values())).select("row", why=why),
            "of the pairs have a side in another language than the prompt or the other side",
        )
        return Finding(finding.figure, finding.says, (table,), finding.offenders)

    def advice(self) -> str:
        """See the base class."""
        return "the language is easier to learn than what you mean; --fix leaves such pairs out"


def _surely(told: pl.Series, without_names: pl.Series) -> pl.Series:
    """The language, where it is the same with and without the words that have a capital."""
    return told.set(told != without_names, UNKNOWN)


def _differ(one: str, other: str) -> pl.Expr:
    known = [pl.col(name) != UNKNOWN for name in (one, other)]
    return pl.all_horizontal(known) & (pl.col(one) != pl.col(other))
