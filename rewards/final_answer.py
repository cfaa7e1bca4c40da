"""Where an answer says its result: `\\boxed{}`, `#### 18`, `A: 18`, "the answer is 18", 答案是18; and its number."""

import re
from collections.abc import Sequence
from fractions import Fraction
from itertools import pairwise

from rewards.numerals import LARGEST, Numeral, chinese_numerals, numerals, plain_text

_BOXED = re.compile(r"\\(?:boxed|fbox)\s*\{|\\boxed\s+(?=[^\s{])")
_MARKS = (
    # no heading of a step
    re.compile(r"^[ \t]*####[ \t]*(?=\S)(?!(?:\d+[.)、]\s|[A-Za-z\u3400-\u9fff]{2})[^\n]*\n\s*\S)", re.MULTILINE),
    # a line of its own: `A: 18`, `**Answer:** 18`, `答：18`, or a heading
    re.compile(
        r"^[ \t>*_#]*(?:(?:the )?(?:final )?answer|ans|a|答案|答|最终答案)[ \t*_]*[:：=]"
        r"|^[ \t]*[*_#][ \t*_#]*(?:the )?(?:final )?(?:answer|(?:最终)?答案)[ \t*_]*$",
        re.MULTILINE | re.IGNORECASE,
    ),
    re.compile(
        # each case by hand: a search that ignores it takes ten times as long
        r"(?:[Aa]nswer|ANSWER)(?: to [^.:\n]{1,60}?)?(?: is| IS| equals| would be| comes to)\b"
        r"|(?:最终)?答案(?:(?:就|应该|应)?(?:是|为|等于)|(?=不是))"
    ),
)
"""By how clearly they mark a result; of one kind the last one counts."""
_WEAK = re.compile(
    r"(?:[Rr]esult|[Tt]otal|[Ss]olution)(?: to [^.:\n]{1,60}?)?(?: is| equals| would be| comes to)\b"
    r"|结果(?:就|应该|应)?(?:是|为|等于)"
)
"""Of a step as often as of the whole: it marks a result only where no number follows."""
_ORNAMENT = re.compile(r"(?:[\s*_`:：=…]|\.{2,}|^[-•+#>][ \t]+)*", re.MULTILINE)
_FORMULA = re.compile(r"\$\$.{1,2000}?\$\$|\\\[.{1,2000}?\\\]", re.DOTALL)
_SENTENCE_END = re.compile(r"[.。!！;；](?=\s|$)|[。！；]")
SHORT = 24
"""Characters of a line that says no more than a result and its unit."""
TAIL = 2000
"""Characters at the end of a text that are looked through first for its last number, and at most of a statement."""

_DENIED = re.compile(r"(?:\bnot|不是|而非) ?$")
_DENIAL = re.compile(r"(?:\w+ )?not\b|不是")
_EQUALS = re.compile("[=≈]")
_OPERATORS = {"×": "*", "·": "*", "x": "*", "times": "*", "÷": "/", "divided by": "/"}
_OPERATORS |= {"−": "-", "–": "-", "minus": "-", "plus": "+", "**": "^"} | {sign: sign for sign in "+-*/^"}
_GOES_ON = re.compile(r"\s*[)\]]?\s*[-+*/^×÷·−][ ]?[\d(]|[(:]\d|\s*(?:[πxyz√]|pi|e|sqrt)\b")
"""What makes a number a part of something larger that is not read here."""
_OR = r"(?:or|and|to|through|maybe|perhaps|possibly|或者?|和|与|到|至|可能|也许)"
_BETWEEN = re.compile(
    rf"\s*%?\s*(?:[,、;；?？/|~–-]\s*)?(?:[(]?{_OR}[\s,]*)*"
    rf"|\s*(?:[A-Za-z%°]+|[\u4e00-\u9fff]{{1,3}}?)[\s,、;?？(]*(?:{_OR}[\s,]*)+"
)
"""Between two numbers that are told side by side: `18, 19`, `18 or 19`, `18 dollars or 19`."""
_UNIT = re.compile(r"\s*(?P<unit>[A-Za-z°]+|[\u4e00-\u9fff])\s*[,、;?？]\s*")


def stated_answer(text: str) -> str | None:
    """What a text marks as its result, or None where it marks nothing.

    `\\boxed{}` comes before `####`, that before a line `A: 18`, that before "the answer is 18", and that before "the
    result is 18" or "the total is 18" after which there is no number; the last one of the kind counts. A mark that ends
    its line speaks of the formula or the number below.
    """
    boxed = _last_boxed(text)
    if boxed is not None:
        return boxed
    last_digit = next((place for place in range(len(text) - 1, -1, -1) if text[place].isdigit()), -1)
    for mark in _MARKS:
        for found in reversed(list(mark.finditer(text))):
            if said := _said(text, found.end(), last_digit):
                return said
    weak = list(_WEAK.finditer(text))
    said = _said(text, weak[-1].end(), last_digit) if weak else ""
    return said if said and text.find(said, weak[-1].end()) + len(said) > last_digit else None


def stated_number(said: str) -> Fraction | None:
    """The number that a statement comes to; None where it says none, or several to choose from.

    `18 dollars a day` says 18, `20 - 2 apples` 18, `3 * 6 = 18` 18; `18 or 19`, `18, 19, 20` and `18x` say none.
    """
    plain = _EQUALS.split(plain_text(said[:TAIL]))[-1].strip()
    found = [one for one in numerals(plain) if not _DENIED.search(plain, max(0, one.start - 8), one.start)]
    if not found:
        found = chinese_numerals(plain)[-2:]
        several = len(found) > 1 and _beside(plain, *found)
        return found[-1].value if found and not several else None
    value, last = _computed(plain, found)
    if _GOES_ON.match(plain, found[last].end):
        return None
    rest = [Numeral(value, found[0].start, found[last].end), *found[last + 1 :]] if value is not None else []
    for one, other in pairwise(rest):
        if not _beside(plain, one, other):
            break
        if other.value != value:
            return None
    return value


def last_number(text: str) -> Fraction | None:
    """The last number of a text, or where there are no digits its longest Chinese numeral; None where there is none."""
    if len(text) > TAIL and (number := last_number(text[-TAIL:].partition(" ")[2])) is not None:
        return number
    plain = plain_text(text)
    found = numerals(plain) or chinese_numerals(plain)
    return found[-1].value if found else None


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


def _said(text: str, end_of_mark: int, last_digit: int) -> str:
    """What a mark speaks of, up to the end of its sentence and without Markdown's emphasis; empty if that is nothing.

    On the lines below, what comes next may be a solution that goes on: a formula, a short line, or one after which
    there is no number is none.
    """
    ornament = _ORNAMENT.match(text, end_of_mark)
    start = ornament.end() if ornament else end_of_mark
    if formula := _FORMULA.match(text, start):
        return formula[0]
    end_of_line = text.find("\n", start)
    line = text[start : end_of_line if end_of_line >= 0 else None]
    end = None if _DENIAL.match(line) else _SENTENCE_END.search(line)  # not 18. It is 20.
    said = (line[: end.start()] if end else line).strip(" \t\r*_`:：")
    goes_on = "\n" in text[end_of_mark:start] and len(said) > SHORT and start + len(said) <= last_digit
    return "" if goes_on else said


def _computed(plain: str, found: Sequence[Numeral]) -> tuple[Fraction | None, int]:
    """What the first number and those that operators join to it come to, and the place of the last of them."""
    values, signs = [found[0].value], []
    for before, one in pairwise(found):
        sign = _OPERATORS.get(plain[before.end : one.start].strip())
        if sign is None:
            break
        signs.append(sign)
        values.append(one.value)
    last = len(signs)
    for level in ("^", "*/", "+-"):
        place = 0
        while place < len(signs):
            if signs[place] not in level:
                place += 1
                continue
            result = _result(values[place], signs.pop(place), values.pop(place + 1))
            if result is None:
                return None, last
            values[place] = result
    return values[0], last


def _result(left: Fraction, sign: str, right: Fraction) -> Fraction | None:
    if sign == "^":
        digits = max(len(str(left.numerator)), len(str(left.denominator)))
        if right.denominator != 1 or abs(right) * digits > LARGEST or (left == 0 and right < 0):
            return None
        return left ** int(right)
    if sign == "/":
        return left / right if right else None
    return left * right if sign == "*" else left + right if sign == "+" else left - right


def _beside(plain: str, one: Numeral, other: Numeral) -> bool:
    """Whether two numbers are told side by side, as choices or as parts, and not the second to explain the first."""
    between = plain[one.end : other.start]
    if _BETWEEN.fullmatch(between):
        return True
    unit = _UNIT.fullmatch(between)
    return unit is not None and plain[other.end :].lstrip().startswith(unit["unit"])
