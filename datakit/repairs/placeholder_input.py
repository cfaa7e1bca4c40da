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
    rf"(?:no|non|without|empty|blank)[\s_-]*inputs?(?:\s+{_NEED})*|inputs?\s+(?:is\s+)?(?:not|n't)\s+{_NEED}|"
    r"inputs?\s+(?:is\s+)?(?:none|n/a|empty|blank)|"
    r"(?:does\s*n[o'’]t|do\s+not|does\s+not)\s+(?:require|need)\s+(?:an?\s+|any\s+)?inputs?|"
    r"(?:this\s+\w+\s+)?(?:requires|needs)\s+no\s+inputs?|"
    r"(?:无|没有|沒有|无需|不需要|不需|未提供|空)(?:任何|额外的?|其他)?的?(?:输入|輸入)(?:内容|信息|数据)?|"
    r"(?:输入|輸入)(?:内容)?(?:为空|为无|不适用|无)"
)
"""Speaks of the input: nothing else can be meant, whatever comes before."""
_SHORT = (
    r"n\.?\s?[/\\]\s?a\.?|(?-i:NA)|none|null|nil|nothing|empty|not\s+applicable|not\s+(?:required|needed|provided|specified)|"
    r"none\s+(?:required|needed|provided)|无|無|暂无|没有|沒有|不适用|不適用|空|空白|无需"
)
"""May as well be a part of what is asked."""

_TAIL = r"\s*\z"
_OWN_LINE = rf"(?i)(?:\n\s*{_OPEN}{_LABEL}(?:{_CLEAR}){_CLOSE})+{_TAIL}"
_END_OF_LINE = rf"(?i)(?:[\s\\]*[<\[(【（]\s*{_LABEL}(?:{_CLEAR})\s*\\?[>\])】）]\.?)+{_TAIL}"
_AFTER_SENTENCE = rf"(?i)([.?!。？！…][\"'”’)）]*)\s*\n\s*{_OPEN}{_LABEL}(?:{_SHORT}){_CLOSE}{_TAIL}"
_AFTER_ONE_LINE = rf"(?i)\A(\s*\S[^\n]*[^\s:：,，、;；])[^\S\n]*\n\s*{_OPEN}{_LABEL}(?:{_SHORT}){_CLOSE}{_TAIL}"


class PlaceholderInput(Repair):
    """`<noinput>`, `No input required.`, `N/A`, `无` and their kin, as the last line of what is asked.

    An input follows its instruction on a line of its own, so the only line is never taken. Words that do not speak of
    an input (`None`, `N/A`, `无`) are one only after a whole sentence or after a single line that asks; after a list or
    a colon they may be a choice, or the text to work on. `<noinput>` in brackets is also taken at the end of a line.
    """

    of = "prompt"

    def suspect(self, text: pl.Expr) -> pl.Expr:
        """See the base class."""
        last = text.str.strip_chars_end().str.tail(80)
        return last.str.contains(rf"(?i)(?:{_CLEAR}|{_SHORT}){_CLOSE}\z")

    def repair(self, text: pl.Expr) -> pl.Expr:
        """See the base class."""
        bare = text.str.replace(_OWN_LINE, "").str.replace(_END_OF_LINE, "")
        bare = bare.str.replace(_AFTER_SENTENCE, "${1}").str.replace(_AFTER_ONE_LINE, "${1}")
        return pl.when(bare.str.strip_chars() == "").then(text).otherwise(bare)
