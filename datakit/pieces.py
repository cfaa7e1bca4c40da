"""Texts as n-grams of their pieces: words, marks, and where lines and sentences begin and end."""

import polars as pl

CHARACTERS = 4000
"""Of each answer, from its beginning."""
TAIL = 40
"""And from its end."""

START, END, SENTENCE, LINE = "\ue000", "\ue001", "\ue002", "\ue003"
_MARKS = {START: "[start]", END: "[end]", SENTENCE: "[sentence]", LINE: "[line]"}
"""Where something stands, as a character that no text has, and as it is shown."""
_PIECE = (
    r"[\p{Han}\p{Hiragana}\p{Katakana}]|[\p{L}\p{N}][\p{L}\p{N}'’-]*"
    r"|\*+|#+|`+|_+|-+|=+|~+|>+|!+|！+|\?+|？+|\.+|。+|[^\s\p{L}\p{N}]"
)
"""A word, a Chinese or Japanese character, a run of one mark of punctuation or Markdown, any other character."""


def shown(gram: str) -> str:
    """An n-gram as people read it."""
    return "".join(_MARKS.get(character, character) for character in gram)


def _marked(texts: pl.Series) -> pl.Series:
    """The texts in small letters, with marks where they, their sentences and their lines begin, and where they end."""
    text = pl.col("text").str.strip_chars()
    long = text.str.len_chars() > CHARACTERS + TAIL
    read = pl.when(long).then(text.str.head(CHARACTERS) + "\n" + text.str.tail(TAIL)).otherwise(text)
    lines = read.str.to_lowercase().str.replace_all(r"\n\s*", f"\n{LINE}")
    sentences = lines.str.replace_all(r"([.!?]\s|[。！？])", f"${{1}}{SENTENCE}")
    return texts.alias("text").to_frame().select(pl.concat_str(pl.lit(START), sentences, pl.lit(END))).to_series()


def grams_of(texts: pl.Series, n: int) -> pl.DataFrame:
    """The n-grams of each text, once: text (its place), gram."""
    words = (
        _marked(texts).str.extract_all(_PIECE).alias("word").to_frame()
        .with_row_index("text").explode("word").drop_nulls()
    )  # fmt: skip
    grams = [words.select("text", gram="word")]
    gram = pl.col("word")
    for step in range(1, n):
        gram = gram + " " + pl.col("word").shift(-step).over("text")
        grams.append(words.select("text", gram=gram).drop_nulls())
    return pl.concat(grams).unique()
