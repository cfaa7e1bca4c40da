"""Is a text no language at all: broken bytes, text decoded in the wrong way, random letters or signs?"""

import re

READ = 4000
"""Characters that are read; gibberish begins sooner."""
SPELT = 1000
"""Characters whose spelling is looked at."""
WORDS = 8
"""Words of four letters or more that are needed to judge by spelling."""
UNSPEAKABLE = 0.3
"""Unspeakable clusters for each word; European languages have under 0.05, random letters 0.5 and more."""
SIGNS = 0.6
"""Share of signs among the characters that are not blank; code and tables have up to 0.5."""
CODE = 0.04
"""Share of brackets and the like from which a text is code, whose names are spelt as one likes."""

NAMES = 0.6
"""Share of words with a capital from which a text is a list of names, spelt as their language does (Welsh)."""
SALAD = 20
"""Words that are needed to see that they say nothing: "it is what it is" is shorter."""

_BROKEN = re.compile("[\ufffd\ue000-\uf8ff\ud800-\udfff\x00-\x08\x0b\x0e-\x1f\x7f-\x84\x86-\x9f]")
_FOREIGN = re.compile("[^\x00-\x7f]+")
_LETTER = re.compile(r"[^\W\d_]")
_NO_SIGNS = bytes(code for code in range(256) if code > 126 or chr(code).isalnum() or chr(code) in " _" or code < 33)
_WORD = re.compile(r"[a-zA-Z]{4,}")
_BRACKET = re.compile(r"[<>{}=|\\/_()\[\];$^]")
_RUN = re.compile(r"[A-Z]?[a-z]{2,}|[A-Z]{3,}|[^\W\d_a-zA-Z]{2,}")
_HAN = re.compile("[\u4e00-\u9fff]")
# the commonest characters of modern and of classical Chinese, and of Japanese and traditional text
_COMMON_HAN = frozenset(
    "的一是不了在人有我他这中大来上个国和说们为子时道年得就要下以生会自着去之过家学对可里后小么心多天而能好都然没日于起还成事"
    "只作当想看文无开手用主行方又如前所本见经头面公同已老从动两长知样现分将外但身些与高意进法此实其者也何山水风花春月金木火土石"
    "這個來國說們為時過學對裡後沒於還當無開經頭動兩長樣現將與進實分第种类数量度名地种食品菜型色物气电机车"
)
_CODED = re.compile(r"(?s)```.*?(?:```|\Z)|`[^`\n]*`|https?://\S+|\b[A-Z][A-Z0-9]+\b")
_SMALL_OR_NOT = re.compile(r"[^\W\d_]+")
_SMALL = frozenset(
    [
        *("a", "about", "after", "all", "also", "am", "an", "and", "any", "are", "as", "at", "be", "been", "before"),
        *("but", "by", "can", "could", "did", "do", "does", "for", "from", "had", "has", "have", "he", "her", "him"),
        *("his", "how", "i", "if", "in", "into", "is", "it", "its", "just", "me", "my", "no", "nor", "not", "of", "on"),
        *("one", "only", "or", "other", "our", "out", "over", "she", "should", "so", "some", "such", "than", "that"),
        *("the", "their", "them", "then", "there", "these", "they", "this", "those", "to", "too", "under", "up", "us"),
        *("very", "was", "we", "were", "what", "when", "where", "which", "who", "why", "will", "with", "would", "you"),
    ]
)
# a word without a vowel, five consonants in a row, five vowels, a q without u, letters that nobody writes side by side
_UNSPEAKABLE = re.compile(
    r"\b[bcdfghjklmnpqrstvwxz]{4,}\b|[bcdfghjklmnpqrstvwxz]{5}|[aeiou]{5}|q[a-hj-tv-z]|"
    r"[jvwxz][bcfgjkmqvx]|[bcdfgkmp][jqvxz]"
)


def gibberish_in(text: str) -> str:
    """Broken characters, or UTF-8 that was read as another encoding; empty if there is nothing of the kind."""
    part = text[:READ]
    return _broken(part) or _wrongly_decoded(part)


def nonsense_in(text: str) -> str:
    """Random letters or signs; empty if the text can be language, code or a table.

    A password, a cipher or a drawing looks the same: whoever asked for one should not be answered by this.
    """
    part = text[:READ]
    return _unspeakable(part) or _signs(part) or _rare_characters(part) or _wordless(part)


def _broken(text: str) -> str:
    count = len(_BROKEN.findall(text))
    return f"{count} broken characters" if count >= 3 and count >= 0.02 * len(text) else ""


def _wrongly_decoded(text: str) -> str:
    """Read back, such a text is valid UTF-8 again, which is next to impossible for any other.

    Where two Chinese characters in GB18030 make three bytes each of one in UTF-8, only the longer sequences tell.
    """
    foreign = "".join(_FOREIGN.findall(text))
    for encoding, shortest in (("cp1252", 2), ("latin-1", 2), ("gb18030", 3)):
        known = foreign.encode(encoding, "ignore")
        lengths = [len(character.encode()) for character in known.decode("utf-8", "ignore")]
        valid = sum(length for length in lengths if length >= shortest)
        if len(foreign) >= 6 and valid >= 0.8 * len(known) >= 0.64 * len(foreign):
            return f"UTF-8 read as {encoding}"
    return ""


def _unspeakable(text: str) -> str:
    """Too much that nobody can pronounce."""
    plain = text[:SPELT]
    if len(_UNSPEAKABLE.findall(plain.lower())) < UNSPEAKABLE * WORDS:
        return ""
    plain = _CODED.sub(" ", plain)
    words = _WORD.findall(plain)
    count = max(len(words), sum(map(len, words)) // 6)
    if count < WORDS or len(_BRACKET.findall(plain)) > CODE * len(plain):
        return ""
    if sum(map(len, words)) < 0.5 * len(_LETTER.findall(plain)):
        return ""
    if sum(map(str.istitle, words)) > NAMES * len(words):
        return ""
    odd = len(_UNSPEAKABLE.findall(" ".join(words).lower()))
    return f"{odd} unspeakable clusters in {count} words" if odd >= UNSPEAKABLE * count else ""


def _signs(text: str) -> str:
    """Mostly signs of many kinds, or more kinds of them than code has, with hardly a word between; a rule is none."""
    dense = len("".join(text.split()))
    signs = text.encode("ascii", "ignore").translate(None, _NO_SIGNS)
    kinds = len(set(signs))
    if dense < (60 if kinds < 20 else 40) or kinds < 8 or len(signs) < 0.2 * dense:
        return ""
    wordless = kinds >= 15 and sum(map(len, _RUN.findall(text))) < 0.5 * len(_LETTER.findall(text))
    return f"{len(signs)} of {dense} characters are signs" if wordless or len(signs) >= SIGNS * dense else ""


def _wordless(text: str) -> str:
    """Small words only ("the of and to in"), that say nothing without others."""
    words = _SMALL_OR_NOT.findall(text[:SPELT].lower())
    small = sum(word in _SMALL for word in words)
    return f"{small} of {len(words)} words are small ones" if len(words) >= SALAD and small > 0.9 * len(words) else ""


def _rare_characters(text: str) -> str:
    """Chinese characters drawn at random, or decoded wrongly.

    Two thirds of Unicode's are in no older character set, since nobody needs them; and every longer text, unlike a list
    of names, has its share of the commonest ones.
    """
    han = "".join(_HAN.findall(text))
    if len(han) < 20:
        return ""
    needed = {character for name in ("gb2312", "shift_jis") for character in han.encode(name, "ignore").decode(name)}
    known = sum(character in needed or "\xa4" <= _big5(character) < "\xc9" for character in han)
    if known < 0.75 * len(han):
        return f"{len(han) - known} of {len(han)} Chinese characters are hardly ever used"
    common = sum(character in _COMMON_HAN for character in han)
    return f"{common} of {len(han)} characters are common ones" if len(han) >= 200 and common < 0.03 * len(han) else ""


def _big5(character: str) -> str:
    """The first byte of a character in Big5, as a letter; below A4 if it has none. Its common ones end before C9."""
    return character.encode("big5", "ignore")[:1].decode("latin-1")
