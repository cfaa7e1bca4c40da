"""Reward completions that share a long sequence of words with the reference."""

from collections.abc import Sequence

from rapidfuzz.distance import LCSseq

from rewards.columns import texts_of
from rewards.outcome import Verdict
from rewards.rule import rule
from rewards.words import tokens_of


@rule
def rouge_l(completion: str, reference: str | list[str]) -> Verdict:
    """ROUGE-L, the F1 measure, 0.0 to 1.0; the best of several references.

    P = LCS / words of the completion, R = LCS / words of the reference, F = 2 P R / (P + R), where LCS is the length of
    the longest common subsequence (Lin 2004, section 3, with beta = 1 as in Google's `rouge_score`). Words are without
    case and punctuation, not stemmed; every Chinese or Japanese character is one. Does not apply without a reference.

    Raises:
        TypeError: the reference is no text.
    """
    references = [tokens for one in texts_of(reference, "reference") if (tokens := tokens_of(one))]
    if not references:
        return Verdict(None, "no reference")
    words = tokens_of(completion)
    return Verdict(max(_f1(words, one) for one in references))


def _f1(words: Sequence[str], reference: Sequence[str]) -> float:
    # 2 P R / (P + R) with P = l / m and R = l / n is 2 l / (m + n)
    return 2 * LCSseq.similarity(words, reference) / (len(words) + len(reference))
