"""Finding keywords in an answer."""

import unicodedata
from collections.abc import Sequence

from rewards.columns import texts_of
from rewards.plain import on_one_line, plain_text

# scripts written without spaces, and Korean, whose particles are attached to the word
_UNBOUNDED = (
    ("\u0e00", "\u0eff"),  # Thai, Lao
    ("\u1000", "\u109f"),  # Myanmar
    ("\u1100", "\u11ff"),  # Hangul
    ("\u1780", "\u17ff"),  # Khmer
    ("\u2e80", "\u9fff"),  # Han, kana, Hangul's compatible letters
    ("\uac00", "\ud7af"),  # Hangul
    ("\uf900", "\ufaff"),  # Han
    ("\U00020000", "\U0003ffff"),  # Han
)


def keyword_list(keywords: str | Sequence[str]) -> list[str]:
    """The keywords as a list without blank ones; a single string is one keyword.

    Raises:
        TypeError: they are no texts.
    """
    return texts_of(keywords, "keywords")


def found_keywords(text: str, keywords: Sequence[str], *, ignore_case: bool, whole_words: bool = False) -> list[str]:
    """Those that occur in the text; without `whole_words` inside of words too.

    What looks the same is the same: straight and curly quotes, hyphens of all kinds, full-width letters, letters with
    invisible characters between them, accents typed apart, a blank and the end of a line.
    """
    counts = keyword_counts(text, keywords, ignore_case=ignore_case, whole_words=whole_words)
    return [keyword for keyword, count in zip(keywords, counts, strict=True) if count]


def keyword_counts(text: str, keywords: Sequence[str], *, ignore_case: bool, whole_words: bool = True) -> list[int]:
    """How often each occurs, not counting overlaps.

    With `whole_words` a keyword ends where a word does: `cat` is not in `concatenate`. Chinese and other scripts
    without spaces have no such bounds, so `Python` is found in `用Python写`, and `天气` anywhere.
    """
    folded = _fold(text, ignore_case)
    return [_count(folded, _fold(keyword, ignore_case), whole_words) for keyword in keywords]


def _count(text: str, keyword: str, whole_words: bool) -> int:
    if not keyword:  # it cannot be seen
        return 0
    if not whole_words:
        return text.count(keyword)
    count, at = 0, text.find(keyword)
    while at >= 0:
        end = at + len(keyword)
        if _is_bound(text, at) and _is_bound(text, end):
            count += 1
            at = text.find(keyword, end)
        else:
            at = text.find(keyword, at + 1)
    return count


def _is_bound(text: str, place: int) -> bool:
    """Whether no word of a script with spaces goes on from one side of a place to the other."""
    if place in (0, len(text)):
        return True
    before, after = text[place - 1], text[place]
    if unicodedata.category(after).startswith("M"):  # an accent or a vowel sign belongs to the letter before it
        return False
    return not (_in_word(before) and _in_word(after))


def _in_word(character: str) -> bool:
    if character.isascii():
        return character.isalnum() or character == "_"
    if any(first <= character <= last for first, last in _UNBOUNDED):
        return False
    return character.isalnum() or unicodedata.category(character).startswith("M")


def _fold(text: str, ignore_case: bool) -> str:
    plain = on_one_line(plain_text(text))
    return plain_text(plain.casefold()) if ignore_case else plain
