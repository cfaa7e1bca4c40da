"""An input that says that there is none is removed from the prompt."""

import polars as pl

from datakit.repair import Repair

_OPEN, _CLOSE = (
    r"[\\\[\](){}<>\"'“”‘’«»【】（）《》「」*_\-–—\s]*",
    r"[\\\[\](){}<>\"'“”‘’«»【】（）《》「」*_\-–—./。．!！\s]*",
)
_LABEL = r"(?:(?:context|input|输入|输入内容)\s*[:：]\s*)?"
_NEED = (
    r"(?:is\s+|was\s+)?(?:required|needed|necessary|provided|given|available|specified|supplied|applicable|"
    r"present|included|for this (?:instruction|task|question)|here)"
)
_CLEAR = (
    rf"(?:no|non|without|empty|blank)[\s_-]*(?:(?:additional|further|specific|extra|external|user|other)\s+)?(?:inputs?|context)"
    rf"(?:\s+(?:text|data|value))?(?:\s+{_NEED})*|inputs?\s+(?:is\s+)?(?:not|n't)\s+{_NEED}|"
    r"inputs?\s+(?:is\s+)?(?:none|n/a|empty|blank)|"
    r"(?:does\s*n[o'’]t|do\s+not|does\s+not)\s+(?:require|need)\s+(?:an?\s+|any\s+)?inputs?|"
    r"(?:this\s+\w+\s+)?(?:requires|needs)\s+no\s+inputs?|"
    r"(?:无|無|没有|沒有|无需|不需要|不需|未提供|空)(?:任何|额外的?|其他)?的?(?:输入|輸入)(?:内容|信息|数据)?|"
    r"(?:输入|輸入)(?:内容)?(?:为空|为无|不适用|无)"
)
"""Speaks of the input: nothing else can be meant, whatever comes before."""
_MARK = (
    r"n\.?\s?[/\\]\s?a\.?|n\.a\.?|(?-i:NA)|not\s+(?:applicable|required|needed|provided|specified)|"
    r"none\s+(?:required|needed|provided|given)|不适用|不適用|无需|暂无"
)
"""A mark in a form, but it may as well be one of the choices that are asked about."""
_WORD = r"none|null|nil|nothing|empty|无|無|没有|沒有|空|空白"
"""A word like any other: where the prompt is about words, or about what follows, it may be the one to work on."""
_ABOUT_WORDS = (
    r"(?i)\b(?:word|synonym|antonym|opposite|translat\w*|spell\w*|defin\w*|meanings?|rhym\w*|pronounc\w*|plural|"
    r"part of speech|following|below|convert\w*|classif\w*|sentiment|data type)\b|"
    r"下面|以下|下列|转换|分类|情感|同义|同義|反义|反義|近义|翻译|翻譯|译成|词|詞|字|拼音|意思|造句|定义|发音"
)


def _line(words: str) -> str:
    """A line of nothing but these words."""
    return rf"\s*\n\s*{_OPEN}{_LABEL}(?:{words}){_CLOSE}"


_AT_END_OF_LINE = rf"[\s\\]*[<\[(【（]\s*{_LABEL}(?:{_CLEAR})\s*\\?[>\])】）]\.?"
_SURE = rf"(?i)(?:{_line(_CLEAR)}|{_AT_END_OF_LINE})(?:{_line(f'{_CLEAR}|{_MARK}|{_WORD}')}|{_AT_END_OF_LINE})*\s*\z"
_AFTER_SENTENCE = r"([.?!。？！…][\"'”’)）]*)"
_AFTER_ONE_LINE = r"\A(\s*\S[^\n]*[^\s:：,，、;；])"


class PlaceholderInput(Repair):
    """`<noinput>`, `No input required.`, `N/A`, `无` and their kin, as the last line of what is asked.

    An input follows its instruction on a line of its own, so the only line is never taken. Words that do not speak of
    an input (`None`, `N/A`, `无`) are one only after a whole sentence or after a single line that asks; after a list or
    a colon they may be a choice, or the text to work on (`Find an antonym.` and `nothing`). `<noinput>` in brackets is
    also taken at the end of a line.
    """

    of = "prompt"

    def suspect(self, text: pl.Expr) -> pl.Expr:
        """See the base class."""
        return text.str.strip_chars_end().str.tail(80).str.contains(rf"(?i)(?:{_CLEAR}|{_MARK}|{_WORD}){_CLOSE}\z")

    def repair(self, text: pl.Expr) -> pl.Expr:
        """See the base class."""
        sure = text.str.replace(_SURE, "")
        about_words = text.str.contains(_ABOUT_WORDS)
        bare = pl.when(about_words).then(_without(sure, _MARK)).otherwise(_without(sure, f"{_MARK}|{_WORD}"))
        return pl.when(bare.str.strip_chars() == "").then(text).otherwise(bare)


def _without(text: pl.Expr, words: str) -> pl.Expr:
    """The text without last lines of these words, where they can be no part of what is asked."""
    lines = rf"(?:{_line(words)})+\s*\z"
    after_a_sentence = text.str.replace(f"(?i){_AFTER_SENTENCE}{lines}", "${1}")
    return after_a_sentence.str.replace(f"(?i){_AFTER_ONE_LINE}{lines}", "${1}")
