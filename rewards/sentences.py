"""Sentences of an answer, English and Chinese."""

import re

from rewards.markdown import without_code

_HEADING = re.compile(r"^[ ]{0,3}#{1,6}[ \t].*$", re.MULTILINE)
_MARKER = r"[-*+•>|#]|\d{1,3}[.)、]|[一二三四五六七八九十]{1,3}、"
_END = re.compile(
    r"(?P<latin>(?<![.!?…])[.!?…]++[\"'”’»)\]*_]*+(?=\s|\Z))"  # possessive: linear in dots
    r"|[。！？；…]+[”’」』）]*|[:：](?=[ \t]*\n)"
    rf"|\n[ \t]*(?=\n|(?:{_MARKER}))"
)
_ABBREVIATION = re.compile(
    r"(?:^|[\s(\"'“‘])(?:mr|mrs|ms|dr|prof|st|mt|vs|cf|e\.g|i\.e|jr|sr|fig|approx|gen|capt|(?!i)[a-z]|[a-z](?:\.[a-z])+)\Z",
    re.IGNORECASE,
)
_NUMBERED = re.compile(r"(?:^|\n)[ \t*_]*\d{1,3}\Z")
_LONGEST = 12
"""Characters before a full stop that are looked at."""
_LETTER = re.compile(r"[^\W_]")


def count_sentences(text: str) -> int:
    """How many sentences there are; a heading and a list item without a full stop are one each, code is none.

    A full stop ends no sentence after an abbreviation, an initial or a list's number, nor before a lower-case word.
    """
    plain = _HEADING.sub(r"\g<0>\n\n", without_code(text))
    count, start = 0, 0
    for end in _END.finditer(plain):
        if end["latin"] and _goes_on(plain, end.start(), end.end()):
            continue
        count += _LETTER.search(plain, start, end.start()) is not None
        start = end.end()
    return count + (_LETTER.search(plain, start) is not None)


def _goes_on(text: str, start: int, end: int) -> bool:
    """Whether what looks like the end of a sentence is none."""
    # the end of a line is left to the line break, whatever comes below it
    if text[end : end + 1] == " " and text[end + 1 : end + 2].islower():
        return True
    if text[start:end] != ".":
        return False
    before = text[max(0, start - _LONGEST) : start]
    return bool(_ABBREVIATION.search(before) or _NUMBERED.search(before))
