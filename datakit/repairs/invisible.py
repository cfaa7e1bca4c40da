"""Characters that nobody sees are removed, except where a script or an emoji needs them."""

import polars as pl

from datakit.repair import Repair

_CONTROLS = r"\x00-\x08\x0e-\x1f\x7f-\x{9f}"
_ZERO_WIDTH = r"\x{200b}-\x{200d}\x{2060}-\x{2064}\x{206a}-\x{206f}\x{feff}"
_BIDI = r"\x{61c}\x{200e}\x{200f}\x{202a}-\x{202e}\x{2066}-\x{2069}"
_TAGS = r"\x{e0000}-\x{e007f}"
_SOFT_HYPHEN = r"\x{ad}"

_NEEDED = "|".join(
    (
        # a family or a flag is several emoji with joiners between them; skin tones and variation selectors come before
        r"[\p{Extended_Pictographic}\p{Emoji_Modifier}\x{fe0f}\x{20e3}]\x{200d}",
        # letters that join in Arabic, Persian and the scripts of India; no European or East Asian script uses them
        r"[[\p{L}\p{M}]--[\p{Latin}\p{Greek}\p{Cyrillic}\p{Han}\p{Hiragana}\p{Katakana}\p{Hangul}]][\x{200c}\x{200d}]",
        # words end so in scripts without spaces, which tells where a line may break
        r"[\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}\p{Tibetan}\p{Javanese}]\x{200b}",
        # the flags of England, Scotland and Wales
        rf"\x{{1f3f4}}[{_TAGS}]+",
    )
)
_TERMINAL = r"\x1b\[[0-9;?]*[A-Za-z]"
_RIGHT_TO_LEFT = r"[\p{Arabic}\p{Hebrew}\p{Syriac}\p{Thaana}\p{Nko}\p{Adlam}]"


class Invisible(Repair):
    """Control characters, zero-width characters, soft hyphens, byte order marks, and tags that hide text.

    Line feeds, tabs and variation selectors stay. Marks of the writing direction stay in a text with letters that run
    from right to left, whose punctuation they put in its place; anywhere else they are debris, or hide something. A
    soft hyphen only says where a line may break, and splits the word for a tokenizer.
    """

    def suspect(self, text: pl.Expr) -> pl.Expr:
        """See the base class."""
        return text.str.contains(f"[{_CONTROLS}{_ZERO_WIDTH}{_BIDI}{_TAGS}{_SOFT_HYPHEN}]")

    def repair(self, text: pl.Expr) -> pl.Expr:
        """See the base class."""
        debris = f"{_CONTROLS}{_ZERO_WIDTH}{_TAGS}{_SOFT_HYPHEN}"
        bare = text.str.replace_all(_TERMINAL, "").str.replace_all(f"({_NEEDED})|[{debris}]", "${1}")
        both_ways = text.str.contains(_RIGHT_TO_LEFT)
        return pl.when(both_ways).then(bare).otherwise(bare.str.replace_all(f"[{_BIDI}]", ""))
