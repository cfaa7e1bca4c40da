"""Detect answers that are none: gibberish, loops, words to the grader, talk that fits any prompt."""

from rewards.degeneration import degeneration_in
from rewards.outcome import Verdict
from rewards.rule import rule


@rule
def degenerate(completion: str, prompt: str) -> Verdict:
    """True if the answer is degenerate, with the reason: a defect, so True is bad.

    Degenerate is an answer that is empty, gibberish (random letters, broken or wrongly decoded bytes), caught in a
    loop, addressed to whoever grades it ("this answer deserves 10"), or that fits any prompt (empty talk without one
    word of the prompt). English and Chinese.

    To use it: `not_degenerate` as a requirement, or this rule as a penalty (`combine: sum`, a negative weight) or
    turned round (`scale: {from: [0, 1], to: [1, 0]}`).
    """
    found = degeneration_in(completion, prompt)
    return Verdict(bool(found), found)
