"""Words of a text: runs of letters and digits; where a script has no spaces, its characters."""

import re
import unicodedata

# Han and kana are written without spaces, so each character counts as a word; a run of other letters and digits is
# one word, with the apostrophes, hyphens and points inside it.
CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{CJK}]|[^\W{CJK}]+(?:['’.\-][^\W{CJK}]+)*")
_TOKEN = re.compile(rf"[{CJK}]|[^\W_{CJK}]+")


def count_words(text: str) -> int:
    """How many words a person would count: `well-known` and `3.14` are one, every Chinese character is one."""
    return sum(1 for _ in _WORD.finditer(text))


def tokens_of(text: str) -> list[str]:
    """Words for comparing texts: without case and punctuation, split at apostrophes and hyphens.

    For English text these are the tokens of Google's `rouge_score` without its stemmer; every Chinese or Japanese
    character is a token.
    """
    return _TOKEN.findall(unicodedata.normalize("NFC", text).casefold())
