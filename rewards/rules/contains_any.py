"""Reward completions that mention at least one of the keywords."""

from rewards.keywords import found_keywords, keyword_list
from rewards.outcome import Verdict
from rewards.rule import rule


@rule
def contains_any(
    completion: str, keywords: list[str], *, ignore_case: bool = True, whole_words: bool = False
) -> Verdict:
    """True if one of the keywords appears in the completion; does not apply without keywords.

    With `whole_words` inside of no other word: `cat` is not in `concatenate`. Chinese words have no such bounds.
    """
    wanted = keyword_list(keywords)
    if not wanted:
        return Verdict(None, "no keywords")
    found = found_keywords(completion, wanted, ignore_case=ignore_case, whole_words=whole_words)
    return Verdict(bool(found), f"found: {found}" if found else f"none of: {wanted}")
