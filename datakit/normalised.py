"""When two texts count as equal: white space is never a difference, case only where it is wanted."""

import polars as pl


def normalised(text: pl.Expr, *, ignore_case: bool) -> pl.Expr:
    """The text with single spaces between words and none around it, in lower case if case does not count."""
    spaced = text.str.replace_all(r"\s+", " ").str.strip_chars(" ")
    return spaced.str.to_lowercase() if ignore_case else spaced


def surroundings() -> pl.Expr:
    """The turns around the last user turn, as they are compared: after another talk a question is another one."""
    context, prompt = pl.col("context"), pl.col("prompt")
    around = (
        pl.when((context != prompt) & (prompt != ""))
        .then(context.str.split(prompt).list.join("\n"))
        .otherwise(pl.when(prompt == "").then(context).otherwise(pl.lit("")))
    )
    return normalised(around, ignore_case=True)
