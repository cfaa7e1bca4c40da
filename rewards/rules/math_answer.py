"""Reward completions whose mathematical answer equals the right one."""

import logging
import re
from fractions import Fraction
from functools import cache, lru_cache
from types import SimpleNamespace
from typing import Any

from rewards.final_answer import last_number, stated_answer, stated_number
from rewards.numerals import plain_text
from rewards.outcome import Verdict
from rewards.rule import rule
from schemas.errors import RuleError

END = 2000
"""Characters at the end of an unmarked answer, and of a marked one, that are read: math-verify's patterns take a time
that grows with the square of a text's length."""
_PLAIN = re.compile(r"[-+]?\d{1,15}(?:\.\d{1,6})?")
"""Numbers that are told apart without algebra."""
_PLAIN_FRACTION = re.compile(r"[-+]?\d{1,15}/[1-9]\d{0,14}")
_THOUSANDS = re.compile(r"[-+]?\d{1,3}(?:,\d{3})+(?:\.\d+)?")
_PROSE = re.compile(
    r"[a-z]{3,}|\b(?:or|to)\b|\b[a-z]{1,2}/[a-z]{1,2}\b|[\u3001\u3400-\u9fff\uff0c\uff1b]", re.IGNORECASE
)
"""Words around a number: `18 dollars`, 18个苹果. Units of two letters are math-verify's."""
_FORMULA = re.compile(r"\\|\b(?:sqrt|sin|cos|tan|log|ln|exp|inf|infinity|pi)\b|[π√∞]")
_WRITTEN = re.compile(
    r"[-+\u2212\u2013]?\d*\.?\d*(?:[eE][-+]?\d+| ?[\u00bc-\u00be\u2150-\u215e])|[$€£¥￥]\d[\d,.]*[kKmMbB]"
)
"""Numbers that math-verify does not know: 3.14e2, 3½, $1.5M."""
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
    if said is None or _only_announces(said, wanted):
        parsed, found = _unmarked(completion), "no answer found"
    else:
        parsed, found = _parsed(said), f"{said[:80]!r} cannot be read as mathematics"
    if not parsed:
        return Verdict(False, found)
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
    gold = _plain_number(plain_wanted)
    if gold is None or not (_PLAIN.fullmatch(plain) or _in_words(said)) or _only_announces(said, wanted):
        return None
    right = stated_number(said) == gold
    if not right and not _PLAIN.fullmatch(plain_wanted):
        return None  # of a fraction algebra admits rounded decimals
    return Verdict(right, "" if right else f"{said[:80]}, {wanted[:80]} wanted")


def _plain_number(bare: str) -> Fraction | None:
    plain = plain_text(bare)
    return Fraction(plain) if _PLAIN.fullmatch(plain) or _PLAIN_FRACTION.fullmatch(plain) else None


def _only_announces(said: str, wanted: str) -> bool:
    """Whether words stand where a number is wanted: "the answer is as follows"."""
    return _in_words(said) and last_number(said) is None and _plain_number(_bare(wanted)) is not None


def _in_words(said: str) -> bool:
    """Whether it is a number as people write it, and no formula."""
    return bool(_WRITTEN.fullmatch(said) or (_PROSE.search(said) and not _FORMULA.search(said)))


def _bare(text: str) -> str:
    """Without what is only for the eye."""
    bare = _ORNAMENT.sub(lambda found: found[1] or "", text).rstrip(".。")
    return bare.replace(",", "") if _THOUSANDS.fullmatch(bare) else bare


@lru_cache(maxsize=4096)
def _parsed_gold(gold: str) -> tuple[Any, ...]:
    """A group's candidates share it."""
    return tuple(_parsed(gold))


def _unmarked(completion: str) -> list[Any]:
    """The last formula or number; among Chinese characters, which math-verify takes for letters, the last number."""
    end = completion[-END:]
    found: list[Any] = _math().parse(end, parsing_timeout=None)
    number = None if found else last_number(end)
    return found if number is None else _parsed(str(number))


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
