"""Reward completions that avoid every forbidden word."""

from rewards.keywords import found_keywords, keyword_list
from rewards.outcome import Verdict
from rewards.rule import rule


@rule
def excludes(completion: str, forbidden: list[str], *, ignore_case: bool = True) -> Verdict:
    """True if none of the forbidden words appears in the completion; does not apply without any."""
    listed = keyword_list(forbidden)
    if not listed:
        return Verdict(None, "no forbidden words")
    found = found_keywords(completion, listed, ignore_case=ignore_case)
    return Verdict(not found, f"found: {found}" if found else "")
