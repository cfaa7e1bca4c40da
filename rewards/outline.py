"""The structure of a Markdown text, read line by line outside of code (CommonMark 0.31, tables of GitHub)."""

import re
from dataclasses import dataclass

# "## Title", or a line of its own, no sentence, list item, quotation or row, that is underlined with = or -
_HEADING = re.compile(
    r"^ {0,3}(?P<marks>#{1,6})(?:[ \t]+(?P<title>.*))?$|"
    r"(?:\A|(?<=\n\n)) {0,3}(?![-*+][ \t]|[>#|=\s]|--|\d+[.)、])(?P<lined>\S[^\n]*?(?<![.。!！|\s]))[ \t]*\n"
    r" {0,3}(?P<line>={2,}|-{2,})[ \t]*$",
    re.MULTILINE,
)
_GLUED = re.compile(r"^ {0,3}#{2,6}[^#\s].*$", re.MULTILINE)
_NUMBERED = re.compile(r"^(?P<indent>[ \t]*)(?P<number>\d{1,3})[.)、]", re.MULTILINE)
_ROW = re.compile(r"[ \t]*\|(?!\|)")
_PIPE = re.compile(r"(?<!\\)\|")
_RULE = re.compile(r":?-+:?")
_BOLD = re.compile(r"\*\*([^*\n]+)\*\*")
_MARKS = re.compile(r"^\d{1,3}[.)、][ \t]*|[*_`]+|[:：]+$")


@dataclass(frozen=True, slots=True)
class Heading:
    """A heading: its level, 1 to 6, and its title as written."""

    level: int
    title: str

    def is_called(self, title: str) -> bool:
        """Whether it is the heading wanted; case, emphasis, a number before and a colon after it aside."""
        return _plain(self.title) == _plain(title)


def headings(text: str) -> list[Heading]:
    """The headings in order: `## Title`, or a title above a line of `=` or `-`."""
    return [
        Heading(1 if found["line"][0] == "=" else 2, found["lined"])
        if found["line"]
        else Heading(len(found["marks"]), _title(found["title"] or ""))
        for found in _HEADING.finditer(text)
    ]


def wrong_heading(text: str) -> str:
    """The first heading that has no title, no space after its marks, or skips a level; empty if there is none."""
    if glued := _GLUED.search(text):
        return f"no space in {glued[0].strip()[:40]!r}"
    before = 6
    for heading in headings(text):
        if not heading.title:
            return "a heading without a title"
        if heading.level > before + 1:
            return f"level {heading.level} below level {before} at {heading.title[:40]!r}"
        before = heading.level
    return ""


def wrong_table(text: str) -> str:
    """What is wrong with the first table that is not whole; empty if there is none.

    A table is a run of lines that begin with `|`: a head of two cells or more, a row of dashes, and rows of as many
    cells as the head. A single line is none, nor is one of a single cell: a norm `||v||`, or music.
    """
    run: list[list[str]] = []
    for line in [*text.split("\n"), ""]:
        if _ROW.match(line):
            run.append(_cells(line))
        elif run:
            if wrong := _wrong_rows(run):
                return wrong
            run = []
    return ""


def wrong_number(text: str) -> str:
    """The first number of a list that neither follows the one before nor begins with 1; empty if there is none."""
    before: dict[int, int] = {}
    for part in _HEADING.split(text)[:: _HEADING.groups + 1]:
        before.clear()
        for found in _NUMBERED.finditer(part):
            indent, number = len(found["indent"].expandtabs(4)), int(found["number"])
            before = {level: last for level, last in before.items() if level <= indent}
            if number != 1 and before.get(indent, number - 1) != number - 1:
                return f"{number}. after {before[indent]}."
            before[indent] = number
    return ""


def bold_share(text: str) -> float:
    """Share of the characters, blanks aside, that are bold (`**so**`)."""
    bold = sum(_length(inside) for inside in _BOLD.findall(text))
    return bold / max(1, _length(text.replace("**", "")))


def _title(rest: str) -> str:
    """Without the marks that may close a heading (`## Title ##`)."""
    title = rest.strip()
    closed = title.rstrip("#")
    return closed.rstrip() if not closed or closed[-1] in " \t" else title


def _wrong_rows(rows: list[list[str]]) -> str:
    if len(rows) < 2 or len(rows[0]) < 2:
        return ""
    if not all(_RULE.fullmatch(cell) for cell in rows[1]):
        return "a table without a row of dashes below its head"
    for number, row in enumerate(rows, start=1):
        if len(row) != len(rows[0]):
            return f"row {number} of a table has {len(row)} cells, its head {len(rows[0])}"
    return ""


def _cells(line: str) -> list[str]:
    inner = line.strip().removeprefix("|")
    cells = [cell.strip() for cell in _PIPE.split(inner)]
    return cells[:-1] if len(cells) > 1 and not cells[-1] else cells


def _plain(title: str) -> str:
    return _MARKS.sub("", _MARKS.sub("", title.strip())).strip().casefold()


def _length(text: str) -> int:
    return len("".join(text.split()))
