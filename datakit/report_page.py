"""The page about an SFT set: what is written where. Its templates lie beside; they escape every text."""

import unicodedata
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import jinja2
from rapidfuzz.distance import Indel, Postfix, Prefix

from datakit.report_charts import histogram, waterfall
from datakit.report_figures import QUANTILES, Figures
from datakit.report_rows import LONGEST, Change, Facts
from schemas.report import counted

SHORT = 200
"""Characters of a measured value or a repeated answer that are shown."""
CONTEXT = 60
"""Characters around a change that are shown."""
COMPARED = 4 * LONGEST
"""Characters of the two sides of a change that are compared: more than are shown, so that their ends do not differ."""
WHITE = {" ": "·", "\n": "↵\n", "\t": "⇥"}
"""How white space is shown where it is what changed."""
JOINERS = {0x200C, 0x200D, *range(0xE0020, 0xE0080)}
"""Invisible, but part of emoji and of words of some scripts."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A part of a text, which a repair changed or left as it was."""

    text: str
    changed: bool


@dataclass(frozen=True, slots=True)
class Difference:
    """The two sides of a change, from a little before the first place that differs to a little after the last."""

    before: tuple[Piece, ...]
    after: tuple[Piece, ...]


def render(facts: Facts, figures: Figures) -> str:
    """The page as HTML."""
    counts = facts.counts()
    return template("report.html.jinja").render(
        facts=facts,
        figures=figures,
        counts=counts,
        series=facts.series,
        labels=_labels(facts),
        longest=LONGEST,
        short=SHORT,
        quantiles=("smallest", *QUANTILES, "mean", "largest"),
        waterfall=waterfall(figures.steps, counts["rows"]) if facts.cleaned else None,
        histograms=[histogram(found, _labels(facts)) if found.bins else None for found in figures.lengths],
    )


def _labels(facts: Facts) -> tuple[str, ...]:
    """How the series are called; a single one needs no name."""
    return facts.series if len(facts.series) > 1 else ("",)


def number(value: float) -> str:
    """With thousands separators; a whole number without a point."""
    return f"{value:,.0f}" if float(value).is_integer() or value >= 100 else f"{value:,.1f}"


def measured(value: str) -> str:
    """What a filter measured; a number as the others are written."""
    return f"{int(value):,}" if value.isdecimal() else visible(clip(value, SHORT))


def percent(part: float, whole: float) -> str:
    """A share in percent; a small one is not rounded to nothing, nor a large one to all."""
    share = 100 * part / whole if whole else 0.0
    if share in (0, 100):
        return f"{share:.0f} %"
    if share < 0.01:
        return "<0.01 %"
    if share > 99.99:
        return ">99.99 %"
    return f"{share:.2f} %" if share < 1 or share > 99 else f"{share:.1f} %"


def clip(text: str, longest: int = LONGEST) -> str:
    """The beginning of a text."""
    return text if len(text) <= longest else f"{text[:longest]} …"


def visible(text: str) -> str:
    """A text with what HTML cannot hold and what nobody sees written out: NUL as ‹U+0000›, say."""
    return "".join(char if char.isprintable() or _harmless(char) else _code(char) for char in text)


def exact(text: str) -> str:
    """A text in which white space and joiners are seen too."""
    return "".join(WHITE.get(char) or (char if char.isprintable() else _code(char)) for char in text)


def difference(change: Change) -> Difference:
    """What a repair changed, with what is around it."""
    before, after = change.before, change.after
    start = Prefix.similarity(before, after)
    rest = (before[start:], after[start:])
    end = Postfix.similarity(*rest)
    old, new = (text[: len(text) - end][:COMPARED] for text in rest)
    head, tail = before[:start], before[len(before) - end :]
    head = head if len(head) <= CONTEXT else f"… {head[-CONTEXT:]}"
    steps = Indel.opcodes(old, new)
    sides = (
        [Piece(old[step.src_start : step.src_end], step.tag != "equal") for step in steps],
        [Piece(new[step.dest_start : step.dest_end], step.tag != "equal") for step in steps],
    )
    shown = [_clip_pieces([Piece(head, False), *side, Piece(clip(tail, CONTEXT), False)]) for side in sides]
    return Difference(*shown)


def _clip_pieces(pieces: list[Piece]) -> tuple[Piece, ...]:
    room = LONGEST
    found: list[Piece] = []
    for piece in pieces:
        if room <= 0:
            return (*found, Piece(" …", False))
        found.append(Piece(piece.text[:room], piece.changed))
        room -= len(piece.text)
    return tuple(piece for piece in found if piece.text)


def _harmless(char: str) -> bool:
    return char in "\n\t" or ord(char) in JOINERS or unicodedata.category(char) == "Zs"


def _code(char: str) -> str:
    return f"‹U+{ord(char):04X}›"


@cache
def template(name: str) -> jinja2.Template:
    """A template beside this file, with the filters above."""
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    filters: dict[str, Any] = {
        "px": "{:.4g}".format,
        "number": number,
        "measured": measured,
        "percent": percent,
        "counted": counted,
        "clip": clip,
        "visible": visible,
        "exact": exact,
        "difference": difference,
    }
    environment.filters.update(filters)
    return environment.get_template(name)
