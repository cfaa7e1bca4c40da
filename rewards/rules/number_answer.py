"""Reward completions whose final number is the right one."""

from fractions import Fraction

from rewards.final_answer import last_number, stated_answer, stated_number
from rewards.outcome import Verdict
from rewards.rule import rule


@rule
def number_answer(completion: str, answer: str | float, *, tolerance: float = 0.0) -> Verdict:
    """True if the final number is that of `answer`.

    The final number is the one that is marked (`\\boxed{}`, `#### 18`, `A: 18`, "the answer is 18", 答案是18), or else
    the last one. Numbers are compared exactly, or up to `tolerance`; 1,000 and 1000.0 are equal, and a unit or a
    percent sign makes no difference. `answer` may be a worked solution that ends in such a mark.

    Raises:
        ValueError: `answer` has no number.
    """
    wanted = _final(str(answer))
    if wanted is None:
        raise ValueError(f"answer {str(answer)[:80]!r} has no number")
    found = _final(completion)
    if found is None:
        return Verdict(False, "no number, or several")
    right = abs(found - wanted) <= Fraction(tolerance)
    return Verdict(right, "" if right else f"{_shown(found)}, {_shown(wanted)} wanted")


def _final(text: str) -> Fraction | None:
    """The number; a statement that gives several to choose from has none, but one without any leaves it to the text."""
    stated = stated_answer(text)
    return last_number(text) if stated is None or last_number(stated) is None else stated_number(stated)


def _shown(number: Fraction) -> str:
    return str(number) if number.denominator == 1 else f"{float(number):.12g}"
