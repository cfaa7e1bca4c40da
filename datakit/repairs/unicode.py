"""Text that was decoded with the wrong encoding is read as it was meant: `cafÃ©` is `café` (ftfy)."""

import re
from functools import cache

import ftfy
import polars as pl
from ftfy.badness import BADNESS_RE

from datakit.repair import Repair

_CONFIG = ftfy.TextFixerConfig(
    unescape_html=False,
    remove_terminal_escapes=False,
    replace_lossy_sequences=False,
    fix_latin_ligatures=False,
    fix_character_width=False,
    uncurl_quotes=False,
    fix_line_breaks=False,
    fix_surrogates=False,
    remove_control_chars=False,
    normalization=None,
    explain=False,
)
"""Encodings only. All else that ftfy can do would alter healthy text (curly quotes, full-width punctuation, ligatures),
is another repair's, or loses something (a sequence of which a byte is missing becomes one replacement character)."""


class Unicode(Repair):
    """Line by line, and only lines that ftfy's own test finds bad."""

    def suspect(self, text: pl.Expr) -> pl.Expr:
        """See the base class."""
        # that a text has characters of several bytes is known from its length, and spares most texts the long pattern
        return (text.str.len_bytes() > text.str.len_chars()) & text.str.contains(_bad())

    def repair(self, text: pl.Expr) -> pl.Expr:
        """See the base class."""
        return text.map_batches(_fixed_all, return_dtype=pl.String)


def _fixed_all(texts: pl.Series) -> pl.Series:
    return pl.Series(texts.name, ["\n".join(map(_fixed, text.split("\n"))) for text in texts], dtype=pl.String)


def _fixed(line: str) -> str:
    return line if line.isascii() else ftfy.fix_text(line, _CONFIG)


@cache
def _bad() -> str:
    """ftfy's pattern of bad text, in Rust's dialect: without the comments and spaces of Python's verbose form."""
    bare = re.sub(r"(\[[^\]]*\])|#[^\n]*|\s+", lambda found: found[1] or "", BADNESS_RE.pattern)
    # what Python counts as a letter or digit includes ² and ½
    return "(?m)" + bare.replace(r"\w", r"[\w\p{No}]") + r"|[\x{80}-\x{9f}]"
