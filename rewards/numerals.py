"""Numbers in a text, exactly: 1,234.5 and 1 234,5, 3/4 and 3½, 12万 and 1.5 million, minus 18 and 负十八, 三分之一."""

import re
import unicodedata
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from math import prod

LARGEST = 300
"""Digits before the point, or after it, of a number that is read; to compare longer ones exactly would take for ever,
and they are no floats."""
_DIGITS = {digit: number for number, digit in enumerate("零一二三四五六七八九")} | {"〇": 0, "两": 2}
_SCALES = {"十": 10, "百": 100, "千": 1000, "万": 10_000, "亿": 100_000_000}
_WORDS = {"hundred": 10**2, "thousand": 10**3, "million": 10**6, "billion": 10**9, "trillion": 10**12}
_LETTERS = {"k": 10**3, "m": 10**6, "b": 10**9}
"""After a sum of money only: 5 m is five metres."""
# 千克, 千米 and the like are units, 百分 is per cent
_SCALE = "(?:[十万亿]|百(?!分)|千(?![克米瓦卡赫帕焦伏安牛吨]))"
_CURRENCY = "[$€£¥￥]"

# It begins with a digit, so that a search is quick; what may stand before is looked at only where one was found.
_NUMBER = re.compile(
    r"(?:(?P<whole>\d{1,3}(?:,\d{3})+(?!\d)|\d{1,3}(?:[ ]\d{3})+(?!\d)|\d+)"
    r"(?P<decimals>\.\d+|(?<!\d,\d)(?<!\d,\d{2})(?<!\d,\d{3}),\d{1,2}(?!\d|,\d))?(?P<exponent>[eE][-+]?\d+)?)"
    r"(?:[ ]?/[ ]?(?P<below>\d+)(?![\d/]|[.,]\d)|(?:[ ]and)?[ ](?P<part>\d{1,3})/(?P<parts>\d{1,3})(?![\d/]|[.,]\d))?"
    rf"(?P<scale>[ ]?(?i:{'|'.join(_WORDS)})\b(?!-)|(?i:[kmb])\b|[ ]?{_SCALE}+)?"
)
_BEFORE = re.compile(
    # attached to no word and no other number; with a blank after it only where a number must begin
    rf"(?P<sign>(?<![A-Za-z\d_)])(?<![\d)%][ ])[-\u2212\u2013]|(?:^|(?<=[:=(：≈])|(?<=[:=(：≈][ ]))[-\u2212][ ]"
    r"|负|零下[ ]?|\bnegative[ ]|(?<!\d[ ])\bminus[ ])?"
    rf"(?P<currency>{_CURRENCY}[ ]?)?(?P<point>(?<![\w.])\.)?$",
    re.IGNORECASE,
)
_UNIT_POWER = re.compile(r"[A-Za-z]\^$")
"""The 2 of cm^2 is no number."""
_LOOK_BACK = 16
"""Characters before a number in which its sign stands."""
_DIGIT = f"[{''.join(_DIGITS)}]"
_CHINESE_WHOLE = f"(?:{_DIGIT}|{_SCALE})+"
_CHINESE = re.compile(f"负?{_CHINESE_WHOLE}(?:点{_DIGIT}+)?")
_PARTS = re.compile(
    rf"(?:(?P<whole>\d+|{_CHINESE_WHOLE})又)?(?P<below>\d+|{_CHINESE_WHOLE})分之(?P<above>\d+|{_CHINESE_WHOLE})"
)
_COMMA = re.compile("，(?![\uff10-\uff19]{3})")
_FRACTION_SIGN = re.compile("(?P<digit>(?<=\\d))?[\u00bc-\u00be\u2150-\u215e]")
_RAISED = re.compile("(?P<digit>(?<=\\d))?[\u2070\u00b9\u00b2\u00b3\u2074-\u2079\u207b]+")
_LATEX: tuple[tuple[re.Pattern[str], str], ...] = (
    (re.compile(r"(?<=\d)\\[dt]?frac\{(\d+)\}\{(\d+)\}"), r" \1/\2"),
    (re.compile(r"\\[dt]?frac\{(\d+)\}\{(\d+)\}"), r"\1/\2"),
    (re.compile(r"\\[dt]?frac(\d)(\d)"), r"\1/\2"),
    (re.compile(r"(?<=\d)(?:\{,\}|\\[,;!:])(?=\d)"), ","),
    (re.compile(r"\\(?:times|cdot)\b"), "*"),
    (re.compile(r"\^\{(-?\d+)\}"), r"^\1"),
    (re.compile(r"\\([$%])"), r"\1"),
)


@dataclass(frozen=True, slots=True)
class Numeral:
    """A number and where it stands, its sign and currency included."""

    value: Fraction
    start: int
    end: int
    scale: int = 1
    """What it is a multiple of by its wording: 3万 of 10,000."""


def plain_text(text: str) -> str:
    """The text in which `numerals` looks: full-width, raised and fraction characters and LaTeX's written plainly."""
    text = _COMMA.sub(", ", _FRACTION_SIGN.sub(_written_out, text))
    text = unicodedata.normalize("NFKC", _RAISED.sub(_as_power, text))
    if "\\" in text or "{" in text:
        for pattern, plain in _LATEX:
            text = pattern.sub(plain, text)
    return _PARTS.sub(_as_fraction, text.replace("百分之", "")) if "分之" in text else text


def numerals(plain: str) -> list[Numeral]:
    """The numbers of a plain text that are written with digits, in order."""
    found: list[Numeral] = []
    for one in filter(None, map(_numeral, _NUMBER.finditer(plain))):
        before = found[-1] if found else None
        if before and before.end == one.start and 0 <= one.value < before.scale:  # 3万5千
            found[-1] = Numeral(before.value + one.value, before.start, one.end, one.scale)
        else:
            found.append(one)
    return found


def chinese_numerals(plain: str) -> list[Numeral]:
    """The longest Chinese numerals of a plain text, in order: 一共十八个 says 18, though 一 is a numeral too."""
    found = list(_CHINESE.finditer(plain))
    longest = max((len(one[0]) for one in found), default=0)
    return [Numeral(_chinese_value(one[0]), one.start(), one.end()) for one in found if len(one[0]) == longest]


def _numeral(found: re.Match[str]) -> Numeral | None:
    if _UNIT_POWER.search(found.string, max(0, found.start() - 2), found.start()):
        return None
    before = _BEFORE.search(found.string, max(0, found.start() - _LOOK_BACK), found.start())
    signed, money, point = before.group("sign", "currency", "point") if before else (None, None, None)
    number = _unsigned(found, bare_point=bool(point))
    if number is None:
        return None
    scale = _scale((found["scale"] or "").strip().casefold(), money=bool(money))
    number *= -scale if signed else scale
    if abs(number) >= 10**LARGEST:
        return None
    return Numeral(number, before.start() if before else found.start(), found.end(), scale)


def _unsigned(found: re.Match[str], *, bare_point: bool) -> Fraction | None:
    if len(found[0]) > LARGEST or abs(int((found["exponent"] or "e0")[1:])) > LARGEST:
        return None
    whole, decimals = re.sub("[, ]", "", found["whole"]), (found["decimals"] or "").replace(",", ".")
    if bare_point and not decimals:
        whole = f"0.{whole}"
    number = Fraction(Decimal(f"{whole}{decimals}{found['exponent'] or ''}"))
    below = int(found["below"] or found["parts"] or 1)
    if below == 0:
        return None
    return number + Fraction(int(found["part"]), below) if found["part"] else number / below


def _scale(wording: str, *, money: bool) -> int:
    if wording in _LETTERS:
        return _LETTERS[wording] if money else 1
    return _WORDS.get(wording) or prod(_SCALES[character] for character in wording)


def _written_out(found: re.Match[str]) -> str:
    """½ as 1/2, and 3½ as 3 1/2."""
    blank = "" if found["digit"] is None else " "
    return blank + unicodedata.normalize("NFKC", found[0]).replace("\u2044", "/")


def _as_power(found: re.Match[str]) -> str:
    """10² as 10^2; in cm² it is no number."""
    return "" if found["digit"] is None else f"^{unicodedata.normalize('NFKC', found[0])}"


def _as_fraction(found: re.Match[str]) -> str:
    """三分之一 as 1/3, 一又三分之一 as 1 1/3."""
    whole, below, above = (number and _in_digits(number) for number in found.group("whole", "below", "above"))
    return f"{whole} {above}/{below}" if whole else f"{above}/{below}"


def _in_digits(number: str) -> str:
    return number if number.isdecimal() else str(_chinese_value(number))


def _chinese_value(numeral: str) -> Fraction:
    """十八 is 18, 三千零五 3005, 三百五 350, 两万 20000, 一点五 1.5."""
    whole, _, decimals = numeral.removeprefix("负").partition("点")
    total, section, digit = 0, 0, 0
    for character in whole:
        if character in _DIGITS:
            digit = digit * 10 + _DIGITS[character] if digit else _DIGITS[character]
        elif _SCALES[character] < 10_000:
            section += (digit or 1) * _SCALES[character]
            digit = 0
        else:
            scale = _SCALES[character]
            # 万亿 multiplies, 一亿二千万 adds
            total = total + (section + digit) * scale if total >= scale else (total + section + digit) * scale
            section, digit = 0, 0
    if digit < 10 and (above := _SCALES.get(whole[-2:-1], 0)) > 10:
        digit *= above // 10
    value = Fraction(total + section + digit)
    for place, character in enumerate(decimals, 1):
        value += Fraction(_DIGITS[character], 10**place)
    return -value if numeral.startswith("负") else value
