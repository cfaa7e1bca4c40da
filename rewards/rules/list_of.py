"""Reward completions that hold a list of the wanted number of items."""

import re

from rewards.columns import whole_number
from rewards.markdown import without_code
from rewards.outcome import Verdict
from rewards.rule import rule

_DIGITS = "0-9０-９"
_HAN = "一二三四五六七八九十百"
_STYLES = {
    # 1.  1)  (1)  1、  １．  but not 3.14, nor a year
    "numbered": rf"[(（]?[{_DIGITS}]{{1,3}}(?:[)）、．]|[.:：](?![{_DIGITS}]))",
    # ①  and the other enclosed numbers, and the keycaps of emoji
    "circled": "[\u2460-\u2473\u2776-\u277f\u24f5-\u24fe]|[0-9]{1,2}\ufe0f?\u20e3|\U0001f51f",
    # a)  (b)
    "lettered": "[(（]?[a-zA-Z][)）]",
    # 一、  （一）  第一，  第一步：
    "chinese": rf"(?:[{_HAN}]{{1,3}}[、．.]|[(（][{_HAN}]{{1,3}}[)）]"
    rf"|第[{_HAN}{_DIGITS}]{{1,3}}[步点條条項项個个]?[，,、：:．.])",
    # a bullet; a rule of dashes or stars is none
    "bulleted": r"(?:[-*+–—](?![-*–—]|[ \t]*[-*][ \t]*[-*])[ \t]+|[•‣◦●▪·])(?=[ \t]*\S)",
}
_ITEM = re.compile(
    r"^(?:>[ \t]?)*(?P<indent>[ \t\u3000]*)(?:#{1,6}[ \t]+)?(?:\*\*|__)?(?:"
    + "|".join(f"(?P<{style}>{pattern})" for style, pattern in _STYLES.items())
    + ")",
    re.MULTILINE,
)


@rule
def list_of(completion: str, n_items: int) -> Verdict:
    """True if the answer holds a list of exactly `n_items` items, one a line.

    Numbered (`1.`, `1)`, `1、`), circled (①), lettered (`a)`), Chinese (`一、`, `第一，`) or bulleted. What counts is
    the style of the first item: bullets below numbered items, items that are indented more, and code do not.

    Raises:
        ValueError: `n_items` is no whole number.
    """
    wanted = whole_number(n_items, "n_items")
    items = [(found.lastgroup, _width(found["indent"])) for found in _ITEM.finditer(without_code(completion))]
    style, indent = items[0] if items else (None, 0)
    count = sum(1 for item in items if item[0] == style and item[1] <= indent + 1)
    return Verdict(count == wanted, f"{count} items" if count == wanted else f"{count} items, {wanted} wanted")


def _width(indent: str) -> int:
    return len(indent.expandtabs(4))
