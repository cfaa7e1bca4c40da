"""When two texts count as equal: white space is never a difference, case only where it is wanted."""

import polars as pl


def normalised(text: pl.Expr, *, ignore_case: bool) -> pl.Expr:
    """The text with single spaces between words and none around it, in lower case if case does not count."""
    spaced = text.str.replace_all(r"\s+", " ").str.strip_chars(" ")
    return spaced.str.to_lowercase() if ignore_case else spaced
