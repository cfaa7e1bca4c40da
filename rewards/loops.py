"""Is a text caught in a loop: the same token, line or passage again and again?"""

import re
import zlib

TIMES = 4
"""Repetitions in a row that make a loop."""
LOOP = 80
"""Characters of a loop at least: a refrain or "ha ha ha ha" is none."""
READ = 400
"""Characters from which a whole text is judged by how well it compresses."""
DENSE = 0.12
"""zlib's size of a text by its own: prose 0.4 to 0.6, code 0.2 to 0.4, tables 0.15 and more, loops below 0.1."""

_DIGITS = re.compile(r"\d+")
_WORDS = re.compile(r"[^\W\d_]{2,}")


def loop_in(text: str) -> str:
    """What is repeated; empty if there is no loop."""
    stripped = text.strip()
    return _tail_loop(stripped) or _tail_loop(_DIGITS.sub("0", stripped), words=4) or _dense(stripped)


def _tail_loop(text: str, words: int = 0) -> str:
    """The passage that the text ends in repeating; with `words`, only one of that many words."""
    end = text[-20:]
    at = text.rfind(end, 0, len(text) - 1)
    if at < 0:
        return ""
    period = len(text) - len(end) - at
    length = max(TIMES * period, LOOP)
    whole = text[-length - period :]
    if len(whole) < length or whole[period:] != whole[:-period]:
        return ""
    passage = whole[:period]
    if len(whole) < len(text) / 2 and not any(map(str.isalnum, passage)):
        return ""  # a rule of dashes, an empty table
    return f"in a loop: {passage.strip()[:60]!r}" if len(_WORDS.findall(passage)) >= words else ""


def _dense(text: str) -> str:
    """Loops anywhere, also with small changes, compress far better than any text."""
    if len(text) < READ:
        return ""
    raw = text.encode("utf-8", "replace")
    share = len(zlib.compress(raw, 1)) / len(raw)
    return f"compresses to {share:.0%}" if share < DENSE else ""
