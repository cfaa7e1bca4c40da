"""Drop answers that break off: cut by a limit on their length, or abandoned.

Most answers that end without a full stop are complete: lists, titles, names, numbers, code, poems. So only what no
complete text ends with counts, and a missing full stop only where the same paragraph has sentences that end with one.
"""

from typing import ClassVar

import polars as pl

from datakit.filter import RowFilter

TAIL = 1000
"""Characters at the end that are looked at."""
_FENCE = r"(?m)^[ \t>]*(?:```|~~~)"
_CLOSED = r"[.!?。！？…\"”』」’)）\]】}>~～*_`|]\s*$"
"""What finished sentences, brackets, tables and marked-up texts end with."""
_MARKER = r"(?:\d+[.)、]|[-*•·+])"
_OPEN = {
    r"[(\[{（【「『《“‘]$": "ends with an opening bracket",
    rf"(?s)(?:^|\n)\s*{_MARKER} *\S.*\n\s*{_MARKER}$": "ends with an empty list item",
    r"\n\s*#{1,6}$": "ends with an empty heading",
}
"""Ends of any text: a regex over its tail, and what it says."""

_JSON = r"^[{\[]\s*[\"{\[]"
_STOP = r"\p{Ll}{3,}[\"”’)]?[.!][\"”’)]?\s+\S|[。！]"
_IN_SENTENCE = r"(?:[^.!?。！？]|[.!?][^\s])"
_LACKS = "ends with a word that needs another"
_SIGNED = (
    r"(?i)(?:sincerely|regards|gratitude|love|yours|truly|faithfully|respectfully|wishes|thanks|thank you|cheers|"
    r"cordially|warmly|best|此致|敬上|感激|感谢|祝福|问候|敬意|真诚地?|谨启)[,，]?$"
)
_IN_PROSE = {
    rf"(?:{_STOP}){_IN_SENTENCE}*[,，、]$": "ends with a comma",
    # in Chinese the last full stop is often left out, so there two are to have been written before
    rf"^.{{15,}}?\p{{Ll}}{{3,}}[.!][\"”’)]?\s+\S{_IN_SENTENCE}{{15,400}}\p{{Ll}}$": "ends inside a sentence",
    r"^.{8,}?[。！][^。！？]{6,}[。！][^。！？]{6,400}\p{Han}$": "ends inside a sentence",
    r"^(?:\S+\s+){5,}(?:and|or|but|the|an|of|because|which|their|its|your|my|our|than|if)$": _LACKS,
    r"^(?:\S+\s+){2,}(?:\d+|equal|due|order|according|able|need|needs|going|want|wants) to$": _LACKS,
    r"^(?:\d+, )+and$": _LACKS,
    r"\p{Han}.{4,}(?:[^饱温总共柔缓谐平随]和|[^参给赠授]与|或|以及|并且|而且|但是|因为|由于|如果|例如|包括)$": _LACKS,
    r"(?i)(?:\b(?:follow(?:ing|s)|such as|including|here (?:is|are))\b|如下|以下|包括)[^.!?。！？:：]*[:：]$": (
        "ends where a list should begin"
    ),
}
"""Ends of the last line."""
_NO_PROSE = (
    r"#\s?\w+(?: \w+)?$|https?://\S+$|www\.\S+$|@\S+$|[;={}<>|]|^\s*(?:#|//|--|\$|>>>)|"
    r"\s[-–—―~]\s*[^.!?。！？,，]{2,60}$"
)
"""Hashtags, addresses, code, comments, and a quotation with its source."""
_ITEM = r"^\s*(?:\d{1,3}[.)、]|[-*•·+]|[ivx]+\.|[a-zA-Z][.)])\s"
"""An item of a list may do without a full stop."""


class Unfinished(RowFilter):
    """Refuses open code blocks and brackets, empty list items, and prose that stops inside a sentence."""

    reads: ClassVar[tuple[str, ...]] = ("output",)

    def suspect(self) -> pl.Expr:
        """See the base class."""
        output = pl.col("output")
        return ~output.str.contains(_CLOSED) | output.str.contains(rf"```|~~~|\n\s*{_MARKER}\s*$")

    def measured(self) -> pl.Expr:
        """See the base class."""
        output = pl.col("output").str.strip_chars()
        tail = output.str.slice(-TAIL)
        line = tail.str.extract(r"([^\n]*)$")
        open_fence = pl.when(output.str.count_matches(_FENCE) % 2 == 1).then(pl.lit("an open code block"))
        prose = ~line.str.contains(_SIGNED) & ~line.str.contains(_NO_PROSE) & ~line.str.contains(_ITEM)
        of_any = [pl.when(tail.str.contains(regex)).then(pl.lit(said)) for regex, said in _OPEN.items()]
        of_prose = [pl.when(prose & line.str.contains(regex)).then(pl.lit(said)) for regex, said in _IN_PROSE.items()]
        opened, closed = output.str.count_matches(r"[{\[]"), output.str.count_matches(r"[}\]]")
        open_json = pl.when(output.str.contains(_JSON) & (opened > closed)).then(pl.lit("JSON with an open bracket"))
        return pl.coalesce(open_fence, open_json, *of_any, *of_prose)

    def refused(self, value: pl.Expr) -> pl.Expr:
        """See the base class."""
        return value.is_not_null()

    def allowed(self) -> str:
        """See the base class."""
        return "an answer that does not break off"
