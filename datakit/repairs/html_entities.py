"""HTML entities become the characters that they stand for."""

import html
import re
import unicodedata
from html.entities import html5

import polars as pl

from datakit.repair import Repair

_NAME = r"(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
_FOUND = re.compile(rf"&(?:(?:amp|AMP|#38|#[xX]26);)*({_NAME})")
"""An entity, however often its ampersand was escaped."""
_NO_TEXT = ("Cc", "Cn", "Co", "Cs")
"""Control characters, and what is no character."""
_DEEPEST = 16
"""Entities within entities (`&#3&#56;;`): a text with more levels is no text, and left alone."""
_ABOUT_MARKUP = (
    r"(?i)(?:<|&lt;)(?:/?[a-z][a-z0-9]*(?:[\s/][^<>]*)?(?:>|&gt;)|!--|!doctype)|"
    r"(?-u:\b)(?:html5?|xml|xhtml|svg|rss|css|markup|webpages?|web pages?|browsers?|javascript|php|jsx|ampersands?|"
    r"entity|entities|(?:un)?escap\w*|(?:en|de)cod\w*|sanitiz\w*|xss|jsp|react|vue|angular|urls?)(?-u:\b)|"
    r"实体|转义|编码|解码|标签|网页|浏览器|小于号|大于号|乱码|不换行空格|&nbsp;[^&]*(?:是什么|什么意思)"
)
"""A tag, or words of people who speak about markup: there `&lt;` is meant as it is written."""


_PLACEHOLDER = r"(?i)<\s*no\s?(?:in|out)put\s*/?>"
"""No tag: another repair takes it away."""


class HtmlEntities(Repair):
    """Until none is left, as `&amp;amp;` was escaped twice; only those that are known and end with a semicolon.

    A row that speaks of markup, in any of its turns, is left alone: `&amp;` may be its very subject.
    """

    def suspect(self, text: pl.Expr) -> pl.Expr:
        """See the base class."""
        return text.str.contains("&" + _NAME)

    def spares(self, text: pl.Expr) -> pl.Expr:
        """See the base class."""
        return text.str.replace_all(_PLACEHOLDER, "").str.contains(_ABOUT_MARKUP)

    def repair(self, text: pl.Expr) -> pl.Expr:
        """See the base class."""
        return text.map_batches(_unescaped_all, return_dtype=pl.String)


def _unescaped_all(texts: pl.Series) -> pl.Series:
    return pl.Series(texts.name, [_unescaped(text) for text in texts], dtype=pl.String)


def _unescaped(text: str) -> str:
    """Without entities, nor any that the characters of others make."""
    now = text
    for _ in range(_DEEPEST):
        before, now = now, _FOUND.sub(_character, now)
        if now == before:
            return now
    return text


def _character(entity: re.Match[str]) -> str:
    """What an entity stands for; itself where that is nothing, a control character, or a mark of code."""
    name = f"&{entity[1]}"
    if not name.startswith("&#") and entity[1] not in html5:  # html.unescape would read `&not` of `&notanentity;`
        return name
    found = html.unescape(name)
    is_text = found and all(c in "\n\t\r" or unicodedata.category(c) not in _NO_TEXT for c in found)
    return found if is_text and found not in ("`", "~", "\ufffd") else name
