"""Where a text holds code, which no repair may touch.

Markdown's rules (CommonMark 0.31, sections 4.4, 4.5 and 6.1), and wider where answers of models are sloppy: a fence may
also open in the middle of a line, and one that is never closed reaches to the end of the text. Protecting too much
costs a repair; protecting too little costs a program.
"""

import re
from functools import lru_cache

import polars as pl

HELD = "\ufdd0"
"""Stands for a span of code while its text is repaired: a noncharacter, which Unicode leaves to such uses. One that a
text has of its own counts as code."""

_QUOTES_AND_LISTS = r"[ \t]*(?:>[ \t]*|(?:[-*+]|\d{1,9}[.)])[ \t]+)*"
_FENCE = rf"^{_QUOTES_AND_LISTS}(?P<mark>`{{3,}}(?=[^`\n]*$)|~{{3,}})[^\n]*"
_INDENT = r"(?: {4}|\t)"
_INDENTED = rf"{_INDENT}[ \t]*\S(?:[^\n]*\n(?:[ \t\r]*\n)*{_INDENT}[ \t]*(?=\S))*[^\n]*"
_OPENING = re.compile(
    rf"(?P<fence>{_FENCE})|(?:\A|^[ \t\r]*\n)(?P<indented>{_INDENTED})|(?P<ticks>`+)|{HELD}", re.MULTILINE
)
_BLANK_LINE = re.compile(r"\n[ \t\r]*\n")
_MAYBE = rf"`|~~~|{HELD}|(?:\A|\n)[ \t\r]*\n{_INDENT}[ \t]*\S|\A{_INDENT}"


def may_hold_code(text: pl.Expr) -> pl.Expr:
    """Whether a text is worth a call of `code_spans`; where it is not, there is no code."""
    return text.str.contains(_MAYBE)


def code_spans(text: str) -> list[tuple[int, int]]:
    """Where code begins and ends: in order, without overlaps, delimiters included. Linear in the text's length."""
    spans: list[tuple[int, int]] = []
    at = 0
    while opening := _OPENING.search(text, at):
        at = opening.end()
        span = _span(text, opening)
        if span:
            spans.append(span)
            at = span[1]
    return spans


def _span(text: str, opening: re.Match[str]) -> tuple[int, int] | None:
    """The code that begins here, if any does."""
    if opening["fence"] is not None:
        closing = _closing_fence(opening["mark"]).search(text, opening.end())
        return opening.start(), closing.end() if closing else len(text)
    if opening["indented"] is not None:
        start, end = opening.span("indented")
        # one line at the start of a text is a first line that is indented, which Markdown calls code but people do not
        return None if "\n" not in opening["indented"] and not text[:start].strip() else (start, end)
    if opening["ticks"] is not None:
        return _inline(text, opening)
    return opening.span()


def _inline(text: str, opening: re.Match[str]) -> tuple[int, int] | None:
    """Code up to the next run of as many backticks: of three and more anywhere, of fewer in the same paragraph."""
    count = len(opening["ticks"])
    closing = _closing_ticks(count).search(text, opening.end())
    if count >= 3:
        return opening.start(), closing.end() if closing else len(text)
    if closing is None or _BLANK_LINE.search(text, opening.end(), closing.start()):
        return None
    return opening.start(), closing.end()


@lru_cache(64)
def _closing_fence(mark: str) -> re.Pattern[str]:
    return re.compile(rf"^[ \t>]*{mark[0]}{{{len(mark)},}}(?=[ \t\r]*$)", re.MULTILINE)


@lru_cache(64)
def _closing_ticks(count: int) -> re.Pattern[str]:
    return re.compile(rf"(?<!`)`{{{count}}}(?!`)")
