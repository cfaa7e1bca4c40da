"""Reward completions that avoid every forbidden word."""

from rewards.columns import texts_of
from rewards.keywords import found_keywords
from rewards.outcome import Verdict
from rewards.rule import rule


@rule
def excludes(completion: str, forbidden: list[str], *, ignore_case: bool = True, whole_words: bool = False) -> Verdict:
    """True if none of the forbidden words appears in the completion; does not apply without any.

    With `whole_words` inside of no other word: `cat` is not in `concatenate`. Chinese words have no such bounds.
    """
    listed = texts_of(forbidden, "forbidden")
    if not listed:
        return Verdict(None, "no forbidden words")
    found = found_keywords(completion, listed, ignore_case=ignore_case, whole_words=whole_words)
    return Verdict(not found, f"found: {found}" if found else "")
