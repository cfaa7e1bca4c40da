"""Reward completions that think first, between tags, and then answer."""

import re

from rewards.markdown import without_code
from rewards.outcome import Verdict
from rewards.reasoning import split_reasoning
from rewards.rule import rule

_TAG = re.compile(r"</?think(?:ing)?>", re.IGNORECASE)
_QUOTED = re.compile(r"`[^`\n]*`")


@rule
def think_tags(completion: str, reasoning: str | None = None) -> Verdict:
    """True if reasoning between `<think>` and `</think>` comes first, once, and an answer follows.

    In the store and in trainers the reasoning is split off `completion` before any rule sees it, so what remains is
    judged: there is some, the answer is not empty (as it is where the model was cut off while thinking), and no tag is
    left in either, code aside. A missing `<think>` is no fault: many chat templates put it at the end of the prompt.
    Called with a whole text, as in a test, the rule splits it in the same way.
    """
    answer = completion
    if reasoning is None:
        reasoning, answer = split_reasoning(completion)
    if not reasoning or not reasoning.strip():
        return Verdict(False, "no reasoning")
    if not answer.strip():
        return Verdict(False, "no answer after the reasoning")
    for where, text in (("reasoning", reasoning), ("answer", answer)):
        if left := _TAG.search(_QUOTED.sub("", without_code(text))):
            return Verdict(False, f"{left[0]} in the {where}")
    return Verdict(True)
