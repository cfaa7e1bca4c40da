"""Texts as their reader sees them: what looks the same is written the same."""

import re
import unicodedata

from rewards.words import CJK

_QUOTES = dict.fromkeys(map(ord, "’‘ʼ`´′‛＇"), "'") | dict.fromkeys(map(ord, "“”「」『』"), '"')
_HYPHENS = dict.fromkeys(map(ord, "‐‑‒–−﹣－"), "-")
# soft hyphen, Mongolian vowel separator, zero-width space, joiners and marks of direction, embeddings, invisible
# operators, variation selectors, byte order mark
_UNSEEN = dict.fromkeys(map(ord, "\u00ad\u180e\ufeff")) | {
    code: None
    for first, last in ((0x200B, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F), (0xFE00, 0xFE0F))
    for code in range(first, last + 1)
}
_SIMPLER = _QUOTES | _HYPHENS | _UNSEEN
_WRAPPED = re.compile(rf"(?<=[{CJK}])[ \t\r]*\n[ \t]*(?=[{CJK}])")
_GAP = re.compile(r"\s+")


def plain_text(text: str) -> str:
    """The text with straight quotes, plain hyphens, characters of ordinary width, and none that cannot be seen."""
    return text if text.isascii() else unicodedata.normalize("NFKC", text.translate(_SIMPLER))


def on_one_line(text: str) -> str:
    """The text with single blanks for its gaps; where a line of Chinese or Japanese is broken, there is none."""
    return _GAP.sub(" ", text if text.isascii() else _WRAPPED.sub("", text))
