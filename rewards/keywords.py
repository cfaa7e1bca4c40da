"""Finding keywords in an answer."""

import unicodedata
from collections.abc import Sequence


def keyword_list(keywords: str | Sequence[str]) -> list[str]:
    """The keywords as a list without blank ones; a single string is one keyword."""
    listed = [keywords] if isinstance(keywords, str) else list(keywords)
    return [keyword for keyword in listed if keyword.strip()]


def found_keywords(text: str, keywords: Sequence[str], *, ignore_case: bool) -> list[str]:
    """Those that occur anywhere in the text, inside words too: Chinese has no word boundaries.

    Letters typed as one character or as letter and accent are the same.
    """
    folded = _fold(text, ignore_case)
    return [keyword for keyword in keywords if _fold(keyword, ignore_case) in folded]


def _fold(text: str, ignore_case: bool) -> str:
    composed = unicodedata.normalize("NFC", text)
    return unicodedata.normalize("NFC", composed.casefold()) if ignore_case else composed
