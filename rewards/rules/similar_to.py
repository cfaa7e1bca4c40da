"""Reward completions that are written like the reference."""

from rapidfuzz.distance import Levenshtein

from rewards.columns import texts_of
from rewards.outcome import Verdict
from rewards.rule import rule


@rule
def similar_to(completion: str, reference: str | list[str], *, ignore_case: bool = False) -> Verdict:
    """1.0 - edits / characters of the longer text (Levenshtein), 0.0 to 1.0; the best of several references.

    Runs of white space count as one space. Does not apply without a reference.

    Raises:
        TypeError: the reference is no text.
    """
    references = texts_of(reference, "reference")
    if not references:
        return Verdict(None, "no reference")
    text = _plain(completion, ignore_case)
    return Verdict(max(Levenshtein.normalized_similarity(text, _plain(one, ignore_case)) for one in references))


def _plain(text: str, ignore_case: bool) -> str:
    spaced = " ".join(text.split())
    return spaced.casefold() if ignore_case else spaced
