"""Reward completions that use each keyword as often as wanted."""

from rewards.columns import whole_number
from rewards.keywords import keyword_counts, keyword_list
from rewards.outcome import Verdict
from rewards.rule import rule


@rule
def keyword_count(
    completion: str,
    keywords: list[str],
    min_count: int = 1,
    max_count: int | None = None,
    *,
    ignore_case: bool = True,
    whole_words: bool = True,
) -> Verdict:
    """Share of the keywords that occur at least `min_count` and at most `max_count` times, 0.0 to 1.0.

    Whole words are counted, where a script has spaces between them; Chinese keywords anywhere. The counts are columns
    of the prompt; a spec may set them for all as constants. Does not apply without keywords.

    Raises:
        TypeError: the keywords are no texts.
        ValueError: a count is no whole number.
    """
    wanted = keyword_list(keywords)
    if not wanted:
        return Verdict(None, "no keywords")
    least = whole_number(min_count, "min_count")
    most = None if max_count is None else whole_number(max_count, "max_count")
    counts = keyword_counts(completion, wanted, ignore_case=ignore_case, whole_words=whole_words)
    found = list(zip(wanted, counts, strict=True))
    wrong = {keyword: count for keyword, count in found if count < least or (most is not None and count > most)}
    right = sum(keyword not in wrong for keyword in wanted)
    return Verdict(right / len(wanted), f"times: {wrong}" if wrong else "")
