"""Which language a text is mostly in: by its scripts and, for the Latin one, by its function words.

Function words are a third to a half of any running text, and lists, names and code have none. So an English name or a
piece of code in a Chinese answer does not make it English, and what has too little evidence is `unknown`.
"""

import polars as pl

UNKNOWN = "unknown"
OTHER = "other"
"""Some language of the Latin script that has no list here."""

_FUNCTION_WORDS = {
    "en": "the of and to is are was were that this these with for from by be been have has had it its you your they "
    "their we our which not can will would should there what when who how if but or as at an on in",
    "fr": "le la les des du une est et dans pour que qui sur avec pas vous nous il elle sont ce cette au aux par plus "
    "ne je en un être",
    "es": "el la los las de del que en un una es por para con no se su al lo como más pero son está este esta sus",
    "de": "der die das und ist nicht ein eine einen einer zu den dem des mit von auf für sich auch im es sie wir ich "
    "wird werden sind oder als an in",
    "it": "il lo la gli di che un una per con non sono del della dei delle nel nella si da come più ma questo le in",
    "pt": "os as de do da dos das que um uma para com não no na em se por mais como são você ao seu sua",
    "nl": "de het een van en is dat niet op te zijn met voor die aan ook wordt of bij om in",
    "sv": "och att det är en ett som på för med inte av den de till har jag kan",
    "da": "og at det er en et som på for med ikke af av den de til har jeg kan",
    "pl": "na do nie się że jest to jak po dla są przez oraz ale od który",
    "tr": "ve bir bu için ile da de olarak olan çok daha en gibi değil",
    "vi": "và của là có không một cho được trong với các những người này để",
    "id": "yang dan di untuk dengan ini itu dari pada adalah tidak dalam ke akan",
    "ro": "și de la în cu este pe un că nu pentru din sau sunt mai",
    "cs": "je se na že to do pro jako není jsou nebo ale od který",
    "fi": "ja on ei se että oli ovat tai kun hän ole sekä mutta",
    "hu": "az és nem hogy egy is van ez meg de ha vagy",
}
_SCRIPTS = {
    "ko": (r"\p{Hangul}", 2),
    "ru": (r"\p{Cyrillic}", 5),
    "ar": (r"\p{Arabic}", 4),
    "hi": (r"\p{Devanagari}", 4),
    "th": (r"\p{Thai}", 4),
    "he": (r"\p{Hebrew}", 4),
    "el": (r"\p{Greek}{3,}", 1),  # in words, since formulas have single letters
}
"""Languages by script: its letters, and how many of them make a word."""
HAN_OF_WORD = 1.6
"""Characters of a Chinese word, on average."""
KANA = 0.1
"""Share of kana from which a text with Chinese characters is Japanese; a Chinese one may quote a few."""
PROSE = 4
"""Words of running text for each function word: with fewer function words, the others are names or terms."""
ACCENTED = 0.03
"""Share of letters with accents from which a Latin text without known function words is in another language."""
CODE = 0.04
"""Share of brackets and the like from which a text is code or markup."""

LANGUAGES = (*_FUNCTION_WORDS, *_SCRIPTS, "zh", "ja")
"""What can be told."""

_NOT_TEXT = r"(?s)```.*?(?:```|$)|`[^`\n]*`|(?:https?://|www\.)[^\s，。]+|<[a-zA-Z/!][^<>\n]{0,200}>|\S+@\S+\.\w+|[\w-]+\.(?:com|net|org)\b"
_LATIN_WORD = r"[\p{Latin}]{2,}"
_SYMBOL = r"[<>{}=|\\/_()\[\];]"


def languages_of(texts: pl.Series) -> pl.Series:
    """The language of each text: a two-letter code, `other` or `unknown`."""
    text = pl.col("text")
    frame = (
        texts.to_frame("text")
        .with_row_index("at")
        .with_columns(
            coded=text.str.count_matches(_SYMBOL) > CODE * text.str.len_chars(),
            text=text.str.replace_all(_NOT_TEXT, " "),
        )
    )
    latin = _latin(frame.select("at", "text")).with_columns(prose=pl.min_horizontal("words", pl.col("hits") * PROSE))
    scripts = _scripts(frame.select("at", "text"))
    joined = (
        frame.select("at", "coded")
        .join(latin, on="at", maintain_order="left")
        .join(scripts, on="at", maintain_order="left")
    )
    by_letters = pl.when(pl.col("coded") | (pl.col("words") < 3)).then(pl.lit(UNKNOWN)).otherwise("latin")
    is_script = (pl.col("weight") > 0) & (pl.col("weight") >= pl.col("prose"))
    found = joined.select(pl.when(is_script).then("script").otherwise(by_letters))
    return found.to_series().alias(texts.name)


def _scripts(frame: pl.DataFrame) -> pl.DataFrame:
    """The heaviest script other than Latin, as its language, and its weight in words."""
    text = pl.col("text").str.replace_all(r"[\x00-\x7f]+", "")
    rest = frame.select("at", text=text)
    counts = {language: pl.col("text").str.count_matches(regex) / size for language, (regex, size) in _SCRIPTS.items()}
    foreign = rest.filter(pl.col("text") != "").select(
        "at",
        han=pl.col("text").str.count_matches(r"\p{Han}"),
        kana=pl.col("text").str.count_matches(r"[\p{Hiragana}\p{Katakana}]"),
        **counts,
    )
    japanese = (pl.col("kana") > 1) & (pl.col("kana") >= KANA * (pl.col("han") + pl.col("kana")))
    east = (pl.col("han") + pl.when(japanese).then("kana").otherwise(0)) / HAN_OF_WORD
    weights = foreign.with_columns(
        zh=pl.when(~japanese).then(east).otherwise(0.0), ja=pl.when(japanese).then(east).otherwise(0.0)
    )
    names = [*_SCRIPTS, "zh", "ja"]
    weight = pl.max_horizontal(names)
    best = pl.coalesce(pl.when(pl.col(name) == weight).then(pl.lit(name)) for name in names)
    found = weights.select("at", script=best, weight=weight)
    return (
        frame.select("at")
        .join(found, on="at", how="left", maintain_order="left")
        .with_columns(pl.col("weight").fill_null(0.0))
    )


def _latin(frame: pl.DataFrame) -> pl.DataFrame:
    """Words in Latin letters, the language of their function words, and how many of these there are."""
    text = pl.col("text")
    counted = frame.with_columns(
        words=text.str.count_matches(_LATIN_WORD), en=text.str.count_matches(_regex("en", "(?-u:\\b)"))
    )
    # most texts are English beyond doubt, and need not be compared with the others
    sure = (
        (pl.col("en") * 5 >= pl.col("words"))
        & (pl.col("words") > 0)
        & ~text.str.contains(r"[\u{C0}-\u{24F}\u{1E00}-\u{1EFF}]")
    )
    english = counted.filter(sure).select("at", "words", latin=pl.lit("en"), hits="en")
    return pl.concat([english, _compared(counted.filter(~sure))]).sort("at")


def _compared(counted: pl.DataFrame) -> pl.DataFrame:
    """The language with most function words; English where it has as many."""
    text, others = pl.col("text"), [name for name in _FUNCTION_WORDS if name != "en"]
    hits = counted.with_columns(
        **{name: text.str.count_matches(_regex(name, "\\b")) for name in others},
        accents=text.str.count_matches(r"[\u{C0}-\u{24F}\u{1E00}-\u{1EFF}]"),
        letters=text.str.count_matches(r"\p{Latin}"),
    )
    most = pl.max_horizontal(others)
    other = pl.coalesce(pl.when(pl.col(name) == most).then(pl.lit(name)) for name in others)
    strange = (pl.col("accents") >= ACCENTED * pl.col("letters")) & (pl.col("words") >= 8)
    latin = (
        pl.when((pl.col("en") > 0) & (pl.col("en") >= most))
        .then(pl.lit("en"))
        .when((most >= 2) & (most * 10 >= pl.col("words")))
        .then(other)
        .when(strange)
        .then(pl.lit(OTHER))
        .otherwise(pl.lit(UNKNOWN))
    )
    return hits.select("at", "words", latin=latin, hits=pl.max_horizontal("en", most))


def _regex(language: str, bound: str) -> str:
    """Its function words in lower case or capitalised, but not in capitals: `SELECT name FROM t` is no English."""
    words = "|".join(f"[{word[0].upper()}{word[0]}]{word[1:]}" for word in _FUNCTION_WORDS[language].split())
    return f"{bound}(?:{words}){bound}"
