"""Where an answer says its result: `\\boxed{}`, `#### 18`, `A: 18`, "the answer is 18", 答案是18."""

import re
import unicodedata
from decimal import Decimal
from fractions import Fraction

_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{|\\boxed\s+(?=[^\s{])")
_MARKS = (
    re.compile(r"^[ \t]*####[ \t]*(?P<said>\S.*)$", re.MULTILINE),
    # a line of its own: `A: 18`, `**Answer:** 18`, `答：18`
    re.compile(
        r"^[ \t>*_#]*(?:final answer|answer|ans|a|答案|答|最终答案)[ \t*_]*[:：=][ \t*_]*(?P<said>\S.*)$",
        re.MULTILINE | re.IGNORECASE,
    ),
    re.compile(
        # each case by hand: a search that ignores it takes ten times as long
        r"(?:(?:[Aa]nswer|ANSWER|[Rr]esult|[Tt]otal|[Ss]olution)(?: to [^.:\n]{1,60}?)?"
        r"(?: is| IS| equals| would be| comes to)\b:?|(?:答案|结果)(?:就|应该|应)?(?:是|为|等于)[:：]?)"
        r"[ \t*_]*(?P<said>\S[^\n]*)"
    ),
)
"""By how clearly they mark a result; of one kind the last one counts."""
_SENTENCE_END = re.compile(r"[.。!！;；](?=\s|$)|[。！；]")

# It begins with a digit, so that a search is quick; what may stand before is looked at only where one was found.
_NUMBER = re.compile(
    r"(?P<whole>\d{1,3}(?:,\d{3})+(?!\d)|\d+)(?P<decimals>\.\d+)?(?P<exponent>[eE][-+]?\d+)?"
    r"(?:[ ]?/[ ]?(?P<below>\d+)(?![\d/]|[.,]\d))?"
)
_BEFORE = re.compile(r"(?:^|[^\w)])[-\u2212][ ]?(?:[$€£¥￥][ ]?)?(?P<point>\.?)$|(?:^|[^\d])(?P<bare_point>\.)$")
"""A minus that follows no word, and a decimal point without a digit before it."""
_DIGITS = {digit: number for number, digit in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_SCALES = {"十": 10, "百": 100, "千": 1000, "万": 10_000, "亿": 100_000_000}
_CHINESE = re.compile(f"负?[{''.join(_DIGITS)}{''.join(_SCALES)}]+(?:点[{''.join(_DIGITS)}]+)?")
TAIL = 2000
"""Characters at the end of a text that are looked through first for its last number."""
LARGEST_EXPONENT = 400
"""A number written with a larger one is none: to compare it exactly would take for ever."""


def stated_answer(text: str) -> str | None:
    """What a text marks as its result, or None where it marks nothing.

    `\\boxed{}` comes before `####`, that before a line `A: 18`, and that before "the answer is 18"; the last one of
    the kind counts.
    """
    boxed = _last_boxed(text)
    if boxed is not None:
        return boxed
    for mark in _MARKS:
        if found := list(mark.finditer(text)):
            return _without_ornament(found[-1]["said"])
    return None


def number_in(text: str, *, last: bool) -> Fraction | None:
    """The first or the last number of a text, exactly; None where there is none.

    Thousands separators, currency and percent signs do not count, `3/4` is a fraction. Where there are no digits the
    longest Chinese numeral is read: 一共十八个 is 18, though 一 is a numeral too.
    """
    if last and len(text) > TAIL and (number := number_in(text[-TAIL:].partition(" ")[2], last=True)) is not None:
        return number
    plain = unicodedata.normalize("NFKC", text)
    matches = _NUMBER.finditer(plain)
    ordered = reversed(list(matches)) if last else matches
    number = next(filter(lambda value: value is not None, map(_value, ordered)), None)
    if number is not None:
        return number
    numerals = _CHINESE.findall(plain)
    return _chinese_value(max(reversed(numerals), key=len)) if numerals else None


def _last_boxed(text: str) -> str | None:
    """The content of the last box; one that is not closed reaches to the end of its line."""
    found = list(_BOXED.finditer(text))
    if not found:
        return None
    start = found[-1]
    rest = text[start.end() :]
    if not start.group().endswith("{"):
        return rest.split()[0].rstrip("$.")
    depth = 1
    for place, character in enumerate(rest):
        depth += (character == "{") - (character == "}")
        if depth == 0:
            return rest[:place].strip()
    return rest.split("\n", 1)[0].strip()


def _without_ornament(said: str) -> str:
    """The marked words up to the end of their sentence, without Markdown's emphasis."""
    end = _SENTENCE_END.search(said)
    return (said[: end.start()] if end else said).strip(" \t*_`:：")


def _value(found: re.Match[str]) -> Fraction | None:
    if len(found["exponent"] or "") > len(str(LARGEST_EXPONENT)) + 2:
        return None
    before = _BEFORE.search(found.string[max(0, found.start() - 5) : found.start()])
    digits = found["whole"].replace(",", "")
    if before and (before["point"] or before["bare_point"]) and not found["decimals"]:
        digits = f"0.{digits}"
    number = Fraction(Decimal(f"{digits}{found['decimals'] or ''}{found['exponent'] or ''}"))
    if found["below"]:
        if int(found["below"]) == 0:
            return None
        number /= int(found["below"])
    return -number if before and before["point"] is not None else number


def _chinese_value(numeral: str) -> Fraction:
    """十八 is 18, 三千零五 3005, 两万 20000, 一点五 1.5."""
    whole, _, decimals = numeral.removeprefix("负").partition("点")
    total, section, digit = 0, 0, 0
    for character in whole:
        if character in _DIGITS:
            digit = digit * 10 + _DIGITS[character] if digit else _DIGITS[character]
        elif _SCALES[character] < 10_000:
            section += (digit or 1) * _SCALES[character]
            digit = 0
        else:
            total = (total + section + digit) * _SCALES[character]
            section, digit = 0, 0
    value = Fraction(total + section + digit)
    for place, character in enumerate(decimals, 1):
        value += Fraction(_DIGITS[character], 10**place)
    return -value if numeral.startswith("负") else value
