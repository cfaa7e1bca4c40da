"""Were required words forced into an answer, instead of used in it?

A word is used where it stands in a sentence or a list item with words of the answer's own; it is forced where it only
stands in a list of the required words. Words that a language has anyway are found in order and in company.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from rewards.plain import plain_text

OWN = 3
"""Words of its own that a sentence has at least, and as many as it has required words; for a single one, one is enough
that is no filler ("Add yeast.", but not "The yeast.")."""
LINE = 6
"""Words of a line that stands for itself; shorter ones are items of a list."""
ROW = 4
"""Required words side by side, from which a row of them is a list and not an enumeration in a sentence."""
FORCED = 0.5
"""Share of the found words that are used nowhere, from which the answer is stuffed."""
TIMES = 5
"""Occurrences of one word from which their density counts."""
DENSITY = 0.2
"""Share of one required word among all words, above that of any article about its subject."""
SHORT = 15
"""Words of a text whose density counts."""
HAN_OF_WORD = 1.6
"""Chinese characters of a word, on average."""

_END = re.compile(r"[.!?;](?=\s|$)|。|\n{2,}|\n")
_LABEL = re.compile(
    r"(?:key ?words?|key ?terms|tags?|hash ?tags|required (?:words|terms)|(?:words|terms|phrases) (?:used|included|"
    r"required|requested)|(?:used|includ\w+|with|us\w+) the (?:\w+ )?(?:words|terms|keywords|phrases)|"
    r"关键词|关键字|关键词语|标签|必[含备]词|(?:包含|使用|用到)的?(?:词语|词汇|词))[^\w\n]{0,6}(?:are|is|include|是|为|有|:)?[^\w\n]*$"
)
_BETWEEN = re.compile(r"(?:[\s,;|/、·•&+#*\"'`()\[\]_-]|\band\b|\bor\b|和|与|及|或|以及)*")
_WORD = re.compile(r"[^\W\d_\u4e00-\u9fff]+(?:['-][^\W\d_]+)*|\d+")
_HAN = re.compile("[\u4e00-\u9fff]")
_FILLER = re.compile(r"\b(?:the|an?|and|or|also|with|of|plus|then|my|this|that|is|are)\b|\d+|[的了和与]")
_ENDING = re.compile(r"(?:s|es|ed|d|ing|ly)?(?![^\W_])")
_LISTS = re.compile(
    r"\b(?:list|lists|enumerate|brainstorm|hash ?tags|synonyms|antonyms|what are)\b|"
    r"\bwhich (?:\d+|of|two|three|four|five)\b|"
    r"\b(?:name|suggest|give (?:me )?|find) (?:\d+|some|a few|two|three|four|five|six|ten|all|names|words|examples)\b|"
    "列出|列举|哪些|哪几|说出|例举|标签|名单|同义词|反义词"
)


@dataclass(frozen=True, slots=True)
class _Found:
    """An occurrence of a keyword: which one, and where."""

    keyword: str
    start: int
    end: int


def stuffing_in(completion: str, keywords: Sequence[str], prompt: str = "") -> str:
    """How the keywords were forced in; empty if they were not, or are not there.

    Args:
        completion: the answer.
        keywords: the required words.
        prompt: where it asks for a list and does not dictate the words, a bare list of them is an answer.
    """
    text = _fold(completion)
    found = _occurrences(text, {folded for keyword in keywords if (folded := _fold(keyword).strip())})
    if not found:
        return ""
    rows = _rows(text, found)
    return _labelled(text, rows) or _glued(rows) or _repeated(text, found) or _unused(text, found, rows, _fold(prompt))


def _fold(text: str) -> str:
    return plain_text(text).casefold()


def _occurrences(text: str, keywords: set[str]) -> list[_Found]:
    """All of them in order; words of letters stand alone, or with a plural or another short ending."""
    every = [one for keyword in keywords for one in _places(text, keyword)]
    ordered: list[_Found] = []
    for one in sorted(every, key=lambda one: (one.start, -one.end)):
        if not ordered or one.start >= ordered[-1].end:
            ordered.append(one)
    return ordered


def _places(text: str, keyword: str) -> Iterator[_Found]:
    start = text.find(keyword)
    while start >= 0:
        end = start + len(keyword)
        if _HAN.search(keyword):
            yield _Found(keyword, start, end)
        elif (start == 0 or not text[start - 1].isalnum()) and (ending := _ENDING.match(text, end)):
            yield _Found(keyword, start, ending.end())
        start = text.find(keyword, end)


def _rows(text: str, found: list[_Found]) -> list[list[_Found]]:
    """Occurrences with nothing but commas, blanks, "and" and list marks between them."""
    rows = [[found[0]]]
    for one in found[1:]:
        between = text[rows[-1][-1].end : one.start]
        if len(between) < 20 and _BETWEEN.fullmatch(between):
            rows[-1].append(one)
        else:
            rows.append([one])
    return rows


def _labelled(text: str, rows: list[list[_Found]]) -> str:
    """A row of two or more that is announced: "Keywords: a, b"."""
    for row in rows:
        label = _LABEL.search(text[max(0, row[0].start - 60) : row[0].start])
        if label and len({one.keyword for one in row}) >= 2:
            return f"announced: {text[row[0].start : row[-1].end][:60]!r}"
    return ""


def _glued(rows: list[list[_Found]]) -> str:
    """Many words of a script without spaces, with nothing between them."""
    for row in rows:
        if len({one.keyword for one in row}) >= ROW and all(one.end == next_.start for one, next_ in pairwise(row)):
            return f"side by side: {', '.join(one.keyword for one in row)[:80]}"
    return ""


def _repeated(text: str, found: list[_Found]) -> str:
    """One word again and again: too dense in the whole, or three times in a row."""
    total = _size(text)
    counts: dict[str, int] = {}
    for at, one in enumerate(found):
        counts[one.keyword] = counts.get(one.keyword, 0) + 1
        three = found[at : at + 3]
        close = len(three) == 3 and three[2].start - three[0].end <= 12 + len(one.keyword)
        if close and {other.keyword for other in three} == {one.keyword}:
            return f"three times in a row: {one.keyword!r}"
    word, count = max(counts.items(), key=lambda item: (item[1], item[0]))
    if count >= TIMES and total >= SHORT and count * max(1.0, _size(word)) >= DENSITY * total:
        return f"{count} times {word!r} in {total:.0f} words"
    return ""


def _unused(text: str, found: list[_Found], rows: list[list[_Found]], prompt: str) -> str:
    """Too many of the words stand in no sentence, but in rows or alone."""
    used: set[str] = set()
    everywhere = {one.keyword for one in found}
    dictated = sum(keyword in prompt for keyword in everywhere) >= FORCED * len(everywhere)
    if len(everywhere) < 2 or (_LISTS.search(prompt) and not dictated):
        return ""
    distinct = [(row, len({one.keyword for one in row})) for row in rows]
    long = {one.start for row, count in distinct if count >= ROW for one in row}
    alone = {one.start for row, count in distinct if count >= 2 and _fills_its_lines(text, row) for one in row}
    waiting = iter([*found, None])
    one = next(waiting)
    for start, end in _sentences(text):
        here: list[_Found] = []
        while one is not None and one.start < end:
            here.append(one)
            one = next(waiting)
        names = {other.keyword for other in here}
        own = _own(text[start:end], [text[other.start : other.end] for other in here])
        if own >= (max(OWN, len(names)) if len(here) > 1 else 1):
            free = {other for other in here if other.start not in alone}
            used |= {other.keyword for other in free if other.start not in long or own >= 2 * len(names)}
    unused = sorted(everywhere - used)
    return f"in no sentence: {', '.join(unused)[:80]}" if len(unused) >= max(2, FORCED * len(everywhere)) else ""


def _own(sentence: str, keywords: Sequence[str]) -> float:
    """Words of a sentence beside the required ones; beside a single one, those that say something."""
    fillers = sum(map(_size, _FILLER.findall(sentence))) if len(keywords) == 1 else 0
    return _size(sentence) - fillers - sum(map(_size, keywords))


def _fills_its_lines(text: str, row: list[_Found]) -> bool:
    """Whether nothing stands before it and after it in its first and last line."""
    before = text[max(0, row[0].start - 20) : row[0].start].rpartition("\n")[2]
    after = text[row[-1].end : row[-1].end + 20].partition("\n")[0]
    return not _WORD.search(before + after) and not _HAN.search(before + after)


def _sentences(text: str) -> Iterator[tuple[int, int]]:
    """Where sentences begin and end; short lines that follow each other are one, as the items of a list are."""
    start, last, size = 0, 0, 0.0
    for cut in _END.finditer(text):
        size += _size(text[last : cut.end()])
        last = cut.end()
        if cut.group() != "\n" or size >= LINE:
            yield start, last
            start, size = last, 0.0
    yield start, len(text)


def _size(text: str) -> float:
    """Words, where Chinese characters count as parts of one."""
    words = len(_WORD.findall(text))
    return words if text.isascii() else words + len(_HAN.findall(text)) / HAN_OF_WORD
