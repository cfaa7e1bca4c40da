"""Reward completions that mention every required keyword."""

from rewards.keywords import found_keywords, keyword_list
from rewards.outcome import Verdict
from rewards.rule import rule


@rule
def contains_all(
    completion: str, keywords: list[str], *, ignore_case: bool = True, whole_words: bool = False
) -> Verdict:
    """Share of the keywords that appear in the completion, 0.0 to 1.0; does not apply without keywords.

    With `whole_words` inside of no other word: `cat` is not in `concatenate`. Chinese words have no such bounds.
    """
    wanted = keyword_list(keywords)
    if not wanted:
        return Verdict(None, "no keywords")
    found = found_keywords(completion, wanted, ignore_case=ignore_case, whole_words=whole_words)
    missing = [keyword for keyword in wanted if keyword not in found]
    return Verdict(1 - len(missing) / len(wanted), f"missing: {missing}" if missing else "")
