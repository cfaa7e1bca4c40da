"""Reward completions whose mathematical answer equals the right one."""

import logging
import re
from fractions import Fraction
from functools import cache, lru_cache
from types import SimpleNamespace
from typing import Any

from rewards.final_answer import number_in, stated_answer
from rewards.outcome import Verdict
from rewards.rule import rule
from schemas.errors import RuleError

END = 2000
"""Characters at the end of an unmarked answer, and of a marked one, that are read: math-verify's patterns take a time
that grows with the square of a text's length."""
_PLAIN = re.compile(r"[-+]?\d{1,15}(?:\.\d{1,6})?")
"""Numbers that are told apart without algebra."""
_PROSE = re.compile(r"(?!sqrt|sin|cos|tan|log|exp|inf)[a-z]{3,}|[\u3400-\u9fff]", re.IGNORECASE)
"""Words around a number: `18 dollars`, 18个苹果. Units of two letters are math-verify's."""
_ORNAMENT = re.compile(
    r"\\(?:left|right|,|;|!|quad|displaystyle)|\\(?:text|mathrm|textbf)\{([^{}]*)\}|[\s$]|\\[()\[\]]"
)


@rule(timeout=15)
def math_answer(completion: str, answer: str | float) -> Verdict:
    """True if the answer is mathematically equal to `answer`: LaTeX, fractions, sets, intervals, matrices, units.

    What is compared is what the completion marks as its answer (`\\boxed{}`, `####`, `A: 18`, "the answer is", 答案是),
    or else the last formula or number. The library math-verify does it, with sympy; its own time-outs, which need
    signals, are off: the worker is the clock. `answer` may be a worked solution that ends in such a mark.

    Raises:
        ValueError: `answer` cannot be read as mathematics.
        RuleError: math-verify is not installed.
    """
    gold = str(answer)
    wanted = _stated(gold)
    said = stated_answer(completion)
    if said is not None and (verdict := _at_sight(said, wanted)) is not None:
        return verdict
    parsed_gold = _parsed_gold(wanted)
    if not parsed_gold:
        raise ValueError(f"answer {gold[:80]!r} cannot be read as mathematics")
    parsed = _parsed(said) if said is not None else _math().parse(completion[-END:], parsing_timeout=None)
    if not parsed:
        return Verdict(False, "no answer found" if said is None else f"{said[:80]!r} cannot be read as mathematics")
    if _math().verify(list(parsed_gold), parsed, timeout_seconds=None):
        return Verdict(True)
    return Verdict(False, f"{str(parsed[-1])[:80]}, {wanted[:80]} wanted")


def _stated(gold: str) -> str:
    return stated_answer(gold) or gold


def _at_sight(said: str, wanted: str) -> Verdict | None:
    """The verdict on texts that are equal, or plain numbers; None where it takes algebra."""
    plain, plain_wanted = _bare(said), _bare(wanted)
    if plain == plain_wanted:
        return Verdict(True)
    if not _PLAIN.fullmatch(plain_wanted):
        return None
    number = Fraction(plain) if _PLAIN.fullmatch(plain) else _in_prose(said)
    if number is None:
        return None
    right = number == Fraction(plain_wanted)
    return Verdict(right, "" if right else f"{said[:80]}, {wanted[:80]} wanted")


def _in_prose(said: str) -> Fraction | None:
    """The number of a phrase."""
    return number_in(said.rpartition("=")[2], last=False) if _PROSE.search(said) and "\\" not in said else None


def _bare(text: str) -> str:
    """Without what is only for the eye."""
    return _ORNAMENT.sub(lambda found: found[1] or "", text).rstrip(".。")


@lru_cache(maxsize=4096)
def _parsed_gold(gold: str) -> tuple[Any, ...]:
    """A group's candidates share it."""
    return tuple(_parsed(gold))


def _parsed(text: str) -> list[Any]:
    """A text that is an answer and nothing else: as LaTeX, or as it stands."""
    math, text = _math(), text[:END]
    has_delimiters = "$" in text or "\\(" in text or "\\[" in text
    found: list[Any] = [] if has_delimiters else math.parse(f"${text}$", parsing_timeout=None)
    return found or math.parse(text, parsing_timeout=None)


@cache
def _math() -> Any:
    """math-verify, loaded when it is first needed: sympy takes a second."""
    try:
        from math_verify import parse, verify
    except ImportError as error:
        raise RuleError("math_answer needs math-verify: pip install 'datakit[math]'") from error
    for name in ("math_verify.parser", "math_verify.grader"):
        logging.getLogger(name).setLevel(logging.ERROR)  # they warn, at every call, that their time-outs are off
    return SimpleNamespace(parse=parse, verify=verify)
