"""Reward completions that share characters in sequence with the reference."""

from functools import cache
from typing import Annotated, Any

from pydantic import Field

from rewards.columns import texts_of
from rewards.outcome import Verdict
from rewards.rule import rule
from schemas.errors import RuleError


@rule
def chrf(completion: str, reference: str | list[str], *, word_order: Annotated[int, Field(ge=0)] = 0) -> Verdict:
    """chrF of sacreBLEU divided by 100, 0.0 to 1.0; the best of several references.

    F2 over the n-grams of 1 to 6 characters without white space (Popović 2015), which suits languages without spaces
    too; `word_order: 2` is chrF++. Does not apply without a reference.

    Raises:
        TypeError: the reference is no text.
        RuleError: sacrebleu is not installed.
    """
    references = texts_of(reference, "reference")
    if not references:
        return Verdict(None, "no reference")
    return Verdict(min(1.0, _metric(word_order).sentence_score(completion, references).score / 100))


@cache
def _metric(word_order: int) -> Any:
    try:
        from sacrebleu.metrics.chrf import CHRF
    except ModuleNotFoundError as error:
        raise RuleError("chrf needs sacrebleu: pip install 'datakit[text]'") from error
    return CHRF(word_order=word_order)
