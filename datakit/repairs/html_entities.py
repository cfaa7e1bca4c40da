"""HTML entities become the characters that they stand for."""

import html
import re

import polars as pl

from datakit.repair import Repair

_ENTITY = r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});"
_FOUND = re.compile(_ENTITY)
_ABOUT_MARKUP = (
    r"(?i)(?:<|&lt;)(?:/?[a-z][a-z0-9]*(?:[\s/][^<>]*)?(?:>|&gt;)|!--|!doctype)|"
    r"\b(?:html5?|xml|xhtml|svg|rss|css|markup|webpages?|web pages?|browsers?|javascript|php|jsx|ampersands?|"
    r"entity|entities|(?:un)?escap\w*|(?:en|de)cod\w*|sanitiz\w*|xss)\b|实体|转义|编码|解码|标签|网页|浏览器"
)
"""A tag, or words of people who speak about markup: there `&lt;` is meant as it is written."""


class HtmlEntities(Repair):
    """Until none is left, as `&amp;amp;` was escaped twice; only those that are known and end with a semicolon.

    A row that speaks of markup, in any of its turns, is left alone: `&amp;` may be its very subject.
    """

    def suspect(self, text: pl.Expr) -> pl.Expr:
        """See the base class."""
        return text.str.contains(_ENTITY)

    def spares(self, text: pl.Expr) -> pl.Expr:
        """See the base class."""
        return text.str.contains(_ABOUT_MARKUP)

    def repair(self, text: pl.Expr) -> pl.Expr:
        """See the base class."""
        return text.map_batches(_unescaped_all, return_dtype=pl.String)


def _unescaped_all(texts: pl.Series) -> pl.Series:
    return pl.Series(texts.name, [_unescaped(text) for text in texts], dtype=pl.String)


def _unescaped(text: str) -> str:
    """Each entity, and again what one of `&amp;` makes of the next characters; every round shortens the text."""
    while (shorter := _FOUND.sub(_character, text)) != text:
        text = shorter
    return text


def _character(entity: re.Match[str]) -> str:
    """What an entity stands for; itself where that is nothing, a control character, or a mark of code."""
    found = html.unescape(entity[0])
    return found if (found.isprintable() and found not in ("", "`", "~", "\ufffd")) or found == "\xa0" else entity[0]
