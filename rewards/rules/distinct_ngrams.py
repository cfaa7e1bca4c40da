"""Reward completions that do not repeat themselves."""

from typing import Annotated

from pydantic import Field

from rewards.outcome import Verdict
from rewards.rule import rule
from rewards.words import tokens_of


@rule
def distinct_ngrams(completion: str, *, n: Annotated[int, Field(ge=1, le=20)] = 3) -> Verdict:
    """Different n-grams / all n-grams: 1.0 without repetition, near 0.0 in a loop; 1.0 below n words.

    A text without words is read sign by sign ("!!!!!!" repeats itself); of an empty one nothing is said.

    Distinct-n (Li et al. 2016). It is 1 plus the n-gram repetition penalty of at most -1 that trainers use (Yeo et al.
    2025, arXiv 2502.03373, appendix C.2; TRL's `get_repetition_penalty_reward`, there over tokens). Words are without
    case and punctuation; every Chinese or Japanese character is one. Long answers repeat more phrases than short ones.
    """
    words = tokens_of(completion) or list("".join(completion.split()))
    if not words:
        return Verdict(None, "no text")
    total = len(words) - n + 1
    if total < 1:
        return Verdict(1.0, f"fewer than {n} words")
    different = len(set(zip(*(words[start:] for start in range(n)), strict=False)))
    return Verdict(different / total, "" if different == total else f"{total - different} of {total} repeated")
