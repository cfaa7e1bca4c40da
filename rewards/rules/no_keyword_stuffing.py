"""Reward completions that use required words in their sentences: the opposite of `keyword_stuffing`."""

from rewards.keywords import keyword_list
from rewards.outcome import Verdict
from rewards.rule import rule
from rewards.stuffing import stuffing_in


@rule
def no_keyword_stuffing(completion: str, keywords: list[str], prompt: str = "") -> Verdict:
    """True unless the keywords were forced in: listed, announced, repeated. Does not apply without keywords."""
    wanted = keyword_list(keywords)
    if not wanted:
        return Verdict(None, "no keywords")
    how = stuffing_in(completion, wanted, prompt)
    return Verdict(not how, how)
