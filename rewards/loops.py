"""Is a text caught in a loop: the same token, line or passage again and again?"""

import re
import zlib
from itertools import takewhile

TIMES = 4
"""Repetitions in a row, after the first time, that make a loop."""
LOOP = 80
"""Characters of a loop at least, of which a Chinese one counts twice: a refrain or "ha ha ha ha" is none."""
SIGNS = 0.8
"""Share of a text that a loop without a letter makes up."""
READ = 400
"""Characters from which a whole text is judged by how well it compresses."""
DENSE = 0.12
"""zlib's size of a text by its own: prose 0.4 to 0.6, code 0.2 to 0.4, tables 0.15 and more, loops below 0.1."""

_DIGITS = re.compile(r"\d+")
_NUMBER = re.compile(r"^[ \t]*\d+[.)、][ \t]*", re.MULTILINE)
_DATA = re.compile(r"[{}\[\]<>|=;\"]")
_HAN = re.compile("[\u4e00-\u9fff]")
_WORDS = re.compile(r"[^\W\d_]{2,}")


def loop_in(text: str) -> str:
    """What is repeated; empty if there is no loop."""
    stripped = text.strip()
    return (
        _tail_loop(stripped)
        or _tail_loop(_NUMBER.sub("", stripped))
        or _tail_loop(_DIGITS.sub("0", stripped), words=4)
        or _dense(stripped)
    )


def _tail_loop(text: str, words: int = 0) -> str:
    """The passage that the text ends in repeating; with `words`, only prose of that many words."""
    end = text[-20:]
    at = text.rfind(end, 0, max(0, len(text) - 1))
    if at < 0:
        return ""
    period = len(text) - len(end) - at
    same = takewhile(lambda two: two[0] == two[1], zip(reversed(text), reversed(text[:-period]), strict=False))
    whole = text[-(period + sum(1 for _ in same)) :]
    passage = whole[-period:]
    needed = TIMES * period if whole == text else (TIMES + 1) * period
    if len(whole) < needed or len(whole) + len(_HAN.findall(whole)) < LOOP:
        return ""
    if not any(map(str.isalnum, passage)) and (len(whole) < SIGNS * len(text) or "\n" in passage):
        return ""  # a rule of dashes, the empty rows of a form
    if words and (_DATA.search(passage) or len(_WORDS.findall(passage)) < words):
        return ""
    return f"in a loop: {passage.strip()[:60]!r}"


def _dense(text: str) -> str:
    """Loops anywhere, also with small changes, compress far better than any text."""
    if len(text) < READ:
        return ""
    raw = text.encode("utf-8", "replace")
    share = len(zlib.compress(raw, 1)) / len(raw)
    return f"compresses to {share:.0%}" if share < DENSE else ""
