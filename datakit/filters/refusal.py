"""Drop answers that decline the request, in English or Chinese."""

from typing import ClassVar

import polars as pl

from datakit.filter import RowFilter
from rewards.refusal import OPENING, refusal_in

_HINTS = (
    *("not", "n't", "n’t", "n‘t", "nʼt", "n`t", "cant", "dont", "wont", "couldnt", "unable", "prohibited"),
    *("restricted", "declin", "refus", "against", "wrong", "morally", "there is no", "there are no", "never"),
    *("neither", "inappropriate", "unethical", "unacceptable", "illegal", "crime", "violat"),
    *("immoral", "offense", "offence", "discriminat", "reason", "justification", "excuse", "stereotype", "assumption"),
    *("generalization", "generalisation", "premise", "no ways", "侵犯", "错误", "錯誤", "没有", "沒有"),
    *("无法", "不", "没办法", "没有办法", "没法", "拒绝", "恕", "难以", "无权", "无可奉告", "爱莫", "违"),
    *("無法", "沒辦法", "沒有辦法", "沒法", "拒絕", "難以", "無權", "無可奉告", "愛莫", "違"),
    *("非法", "有害", "犯罪"),
)
"""Every pattern of rewards/refusal.py and rewards/lecture.py needs one of these; a test holds the two together."""
_OPENS = (
    r"(?i)^\W*(?:(?:i'?m|i am|we'?re|we are) (?:\w+ )?sorry|sorry|i (?:\w+ )?apologi[sz]e|unfortunately|as an? ai\b|"
    r"(?:很|非常|十分|真的)?(?:抱歉|遗憾|遺憾)|对不起|對不起|不好意思|作为|作為)"
)
"""An answer that begins so speaks for itself, even where somebody else was to speak."""
_VOICED = (
    r"(?i)\b(?:re-?(?:write|word|phrase|arrange|structure)\w*|paraphras\w*|translat\w*|convert|transform|edit|correct|"
    r"change|replace|combine|e-?mail|letter|message|dialogues?|conversation|script|poem|haiku|verse|song|lyrics|"
    r"story|stories|tale|speech|monologue|quotes?|tweet|post|review|essay|ticket|complaint|sentences?|statement|"
    r"paragraph|characters?|role-?play|pretend|summar\w*|eulogy|petition|interview|a time (?:when|that|you))\b|"
    r"改写|改寫|重写|重寫|重新|翻译|翻譯|转换|轉換|更改|更正|纠正|修改|编辑|替换|添加|电子邮件|邮件|信件|写信|一封|消息|"
    r"对话|對話|剧本|诗|詩|歌|故事|演讲|独白|台词|引用|推文|帖子|评论|投诉|句子|语句|段落|角色|扮演|总结|生成.{0,12}句|"
    r"悼词|悼詞|面试|面試|请愿|請願|描述[你您]"
)
"""A prompt that asks for words of somebody else: a letter, a dialogue, a song, another's sentence."""
_JUDGES = (
    r"(?i)\b(?:un)?ethical|(?:in)?appropriate|\bwrong\b|illegal|immoral|respectful|acceptable|"
    r"道德|恰当|恰當|不当|不當|适当|適當|合适|合適|非法|违法|違法"
)
"""A prompt that asks whether or why something is wrong: an answer that calls it so is one."""
_SPEAKS = r"(?i)^\W*(?:(?:i|we)\b|我)"
_QUOTED = (
    r"(?i)^\W*(?:dear|hi|hello|subject|verse|chorus|title|尊敬的|亲爱的|主题|标题)\b|^\s*[\"“「'‘]|"
    r"^[^\n.!?。！？]{1,40}[:：]"
)
"""An answer that begins like such a text."""
READ = 8 * OPENING
"""Characters that `refusal_in` looks at."""


class Refusal(RowFilter):
    """Refuses what `rewards.refusal` takes for a refusal; the value is the words by which it declines.

    Unlike there the prompt is known here, so the words of a letter, a dialogue or a song that was asked for do not
    count, unless the answer begins by excusing itself.
    """

    reads: ClassVar[tuple[str, ...]] = ("prompt", "output")

    def suspect(self) -> pl.Expr:
        """See the base class."""
        output = pl.col("output")
        hinted = output.str.slice(0, READ).str.contains_any(list(_HINTS), ascii_case_insensitive=True)
        voiced = pl.col("prompt").str.contains(_VOICED) | output.str.contains(_QUOTED)
        judged = pl.col("prompt").str.contains(_JUDGES) & ~output.str.contains(_SPEAKS)
        return hinted & (output.str.contains(_OPENS) | ~(voiced | judged))

    def measured(self) -> pl.Expr:
        """See the base class."""
        return pl.col("output").map_elements(refusal_in, return_dtype=pl.String)

    def refused(self, value: pl.Expr) -> pl.Expr:
        """See the base class."""
        return value != ""

    def allowed(self) -> str:
        """See the base class."""
        return "an answer that does not decline"
