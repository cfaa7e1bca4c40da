"""What makes an answer none, whatever is asked: gibberish, loops, words to the grader, talk
that fits any prompt.
"""

import re

from rewards.gibberish import gibberish_in, nonsense_in
from rewards.grader import addressed_to_grader
from rewards.loops import loop_in
from rewards.relevance import fits_any_prompt

_WANTS_SIGNS = re.compile(
    r"(?i)\b(?:ascii|reg-?ex\w*|regular expression|draw\w*|emojis?|emoticons?|cod(?:e|ing|ed)|cipher\w*|hash\w*|"
    r"(?:en|de)(?:cod|crypt)\w+|base ?\d\d|hex\w*|binary|random|gibberish|nonsense|passwords?|tokens?|keys?|sequences?|"
    r"dna|rna|protein|morse|malbolge|brainf\w+|symbols?|patterns?|art|fonts?|punctuation|leet|lorem|new language|"
    r"rot-?13|uuid|formula\w*|equations?|latex)\b|"
    "正则|密码|编码|解码|加密|解密|字符画|画|随机|表情|乱码|符号|哈希|令牌|序列|公式|生僻字"
)
_WANTS_REPETITION = re.compile(
    r"(?i)\brepeat\w*|\brepetiti\w+|\bloop\b|\b(?:\d{2,}|hundred|thousand) (?:times|lines|copies)\b|"
    r"重复|反复|\d{2,} ?[遍次行]|百[遍次]|千[遍次]|循环"
)


def degeneration_in(completion: str, prompt: str) -> str:
    """Which of them the answer is; empty if none.

    What the prompt asks for is not held against the answer: signs for a drawing, a password or a pattern, repetition
    where something is to be repeated, grades where something is to be graded.
    """
    if not completion.strip():
        return "empty"
    if found := gibberish_in(completion):
        return f"gibberish: {found}"
    if (found := loop_in(completion)) and not _WANTS_REPETITION.search(prompt):
        return f"repetition: {found}"
    if (found := nonsense_in(completion)) and not _WANTS_SIGNS.search(prompt):
        return f"gibberish: {found}"
    if found := addressed_to_grader(completion, prompt):
        return f"to the grader: {found}"
    found = fits_any_prompt(completion, prompt)
    return f"fits any prompt: {found}" if found else ""
