"""Detect required words that were forced into an answer."""

from rewards.keywords import keyword_list
from rewards.outcome import Verdict
from rewards.rule import rule
from rewards.stuffing import stuffing_in


@rule
def keyword_stuffing(completion: str, keywords: list[str], prompt: str = "") -> Verdict:
    """True if the keywords were forced in instead of used, with the way: a defect, so True is bad.

    Forced are words that are announced ("Keywords: a, b"), that stand in bare lists or alone instead of in sentences,
    or that are repeated without need. Where the prompt asks for a list, a list is no fault. Does not apply without
    keywords; an answer that holds none of them is not stuffed. English and Chinese.

    To use it: `no_keyword_stuffing` as a requirement beside `contains_all`, or this rule as a penalty (`combine: sum`,
    a negative weight) or turned round (`scale: {from: [0, 1], to: [1, 0]}`).
    """
    wanted = keyword_list(keywords)
    if not wanted:
        return Verdict(None, "no keywords")
    how = stuffing_in(completion, wanted, prompt)
    return Verdict(bool(how), how)
