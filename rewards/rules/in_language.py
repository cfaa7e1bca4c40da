"""Reward completions in the wanted language."""

import polars as pl

from rewards.languages import LANGUAGES, OTHER, UNKNOWN, languages_of
from rewards.rule import rule


@rule
def in_language(completion: pl.Expr, language: pl.Expr) -> pl.Expr:
    """True if the answer is mostly in `language`, a code (`en`, `zh`, `zh-CN`) or a list of those that are right.

    Code, links and addresses do not count, nor do names and terms: `Python` in a Chinese answer is none of its
    language. Does not apply where there is too little text to tell, as in `42` or code alone.

    Raises:
        ValueError: a code stands for no language that can be told.
    """
    return pl.struct(text=completion, wanted=pl.concat_list(language)).map_batches(_judged, return_dtype=pl.Boolean)


def _judged(rows: pl.Series) -> pl.Series:
    frame = rows.struct.unnest()
    found = languages_of(frame["text"])
    wanted = (
        frame["wanted"]
        .cast(pl.List(pl.String))
        .list.eval(pl.element().str.strip_chars().str.to_lowercase().str.extract(r"^([^-_]*)"))
    )
    unknown = set(wanted.explode().drop_nulls()) - {*LANGUAGES, OTHER}
    if unknown:
        raise ValueError(f"language: {sorted(unknown)} is none of: {', '.join(LANGUAGES)}, {OTHER}")
    is_wanted = pl.col("wanted").list.contains(pl.col("found"))
    told = (pl.col("found") != UNKNOWN) & (pl.col("wanted").list.drop_nulls().list.len() > 0)
    return pl.DataFrame({"found": found, "wanted": wanted}).select(pl.when(told).then(is_wanted)).to_series()
