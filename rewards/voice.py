"""Which words of an answer are its own, and which somebody else's: quotations, dialogue, roles, drafts of letters.

A refusal in a story, in a letter that was asked for, or in the report of what somebody said refuses nothing.
"""

import re

QUOTED = 600
"""Characters of a quotation at most: an opening mark without a closing one quotes nothing."""

# a quotation is a clause; a word or two in quotation marks are names and irony
_QUOTED = re.compile(
    rf'"(?=[^"\n]*? [^"\n]*? |[^"\n]*[\u4e00-\u9fff]{{3}})[^"\n]{{1,{QUOTED}}}"|'
    rf"(?<!\w)'(?=\w)(?=[^'\n]*(?:'\w[^'\n]*)? )(?:[^'\n]|(?<=\w)'(?=\w)){{1,{QUOTED}}}'(?!\w)"
)
_SAYS = re.compile(
    r"(?i)(?<!\bi )(?<!\bi have )(?<!\bi'll )\b(?:say|says|said|reply|replies|replied|responds?|responded|answers|"
    r"answered|asks?|asked|shout(?:s|ed)|whisper(?:s|ed)|wrote|writes|declares?|declared|insists|insisted)"
    r"(?: [^\W\d_]+){0,4}: ?[^\n.!?]*[\n.!?]?|"
    "(?<=[^\n\\s我的])(?:说道?|回答|回复|答道|喊道|叫道|问道|写道|表示|怒道|笑道)[:,] ?[^\n。!?]*[\n。!?]?|"
    "(?:译[为作成]|翻译[为成是])[:,]? ?[^\n。!?]*"
)
_NAME = r"(?:[A-Z][\w'.]*|\d+)"
_LABELLED = re.compile(rf"(?m)^[ *_>-]*({_NAME}(?: {_NAME}){{0,2}}|[\u4e00-\u9fff]{{1,5}}[A-Z0-9]?) ?\**:\**")
_OWN_LABEL = re.compile(
    r"(?i)(?:ai|bot|model|chatbot|assistant|(?:final |short )?(?:answer|response|reply|output)|note|reason|sorry|"
    r"unfortunately|apologies|warning|important|disclaimer|safety|explanation|alternatives?|resources|helplines?|"
    r"(?:ai)?助手|模型|回答|答|答复|回复|注意?|提示|说明|声明|理由|原因|抱歉|警告|建议|结论)\Z"
)
# it acts: "*shakes his head*", "(turns away)"
_ACTS = re.compile(
    r"\s*(?:\*(?!\*)(?:\w+ly )?[a-z]{3,}s\b[^*\n]{0,80}\*|\((?:\w+ly )?[a-z]{3,}s\b[^)\n]{0,80}\)|\([^)\n]{2,30}\)我)"
)
_LETTER = re.compile(
    r"(?im)^[ *>#_]*(?:subject|re):|^[ *>#_]*dear [^\n]{1,40}[,:]|"
    r"^[ *>#_]*(?-i:(?:Hi|Hello|Hey) [A-Z\[])[^\n,:]{0,30}[,:!] *\n|"
    r"^[ *>#_]*(?:verse|chorus|act|scene|int\.|ext\.)\b|^(?:(?:尊敬|亲爱)的|主题:|主歌|副歌|合唱|第.幕|场景)|"
    r"^[^\n,。!?]{1,12}:\n+ *[您你]好"
)
_SIGNED = re.compile(
    r"(?im)^ *(?:(?:kind|best|warm) (?:regards|wishes)|regards|sincerely|yours (?:\w+)|best|cheers|love),? *\n+ *"
    r"[\w\[]|^ *(?:此致|敬礼|祝好)"
)
# "Here is a draft:" at the end of a line: what follows is presented, not said
_PRESENTS = re.compile(
    r"(?im)\b(?:here(?:'s| is| are)|below (?:is|are)|the following|you (?:can|could|might|may) (?:\w+ )?"
    r"(?:say|write|reply|answer|respond|send|use|try)|examples?|drafts?|versions?|translations?|templates?|scripts?|replies|phrases|"
    r"sentences|excuses|(?:sample|polite|short|possible) (?:answers?|reply|responses?))\b[^\n]{0,80}:[ *_]*$|"
    r"\bways? (?:to|of) (?:\w+ )?(?:declin|refus|say|reject|turn)\w*[^\n:]{0,60}:|"
    "(?:以下|下面|如下|可以(?:这样|这么)|例如|例子|例句|句子|说法|草稿|范文|译文|模板|示例|这样(?:说|写|回复|拒绝))"
    "[^\n]{0,30}:[ *_]*$"
)
_CODE_LINE = re.compile(
    r"""(?m)^[ \t]*(?:\w+\(.*["'].*\)|echo ["'].*|(?:raise|return|throw|console\.\w+|print)\b.*["'(].*)$"""
)


def own_words(text: str) -> str:
    """The text without what is said by others; empty if nearly all of it is.

    Args:
        text: with straight quotation marks and ASCII punctuation, in its own case.
    """
    if _ACTS.match(text) or _in_dialogue(text) or _SIGNED.search(text):
        return ""
    stripped = text.strip()
    if len(stripped) > 2 and stripped[0] == stripped[-1] == '"' and stripped.count('"') == 2:
        return stripped[1:-1]
    ends = [found.start() for pattern in (_LETTER, _PRESENTS) if (found := pattern.search(text))]
    own = text[: min(ends)] if ends else text
    if '"' in own or "'" in own:
        own = _CODE_LINE.sub(" ", _QUOTED.sub(" ", own))
    return _SAYS.sub(" ", own) if ":" in own or "," in own else own


def _in_dialogue(text: str) -> bool:
    """Whether two lines or more say who speaks, and it is not the assistant."""
    if text.count(":") < 2:
        return False
    names = _LABELLED.findall(text[:QUOTED])
    return len(set(names)) >= 2 and bool(_LABELLED.match(text.lstrip())) and not _OWN_LABEL.match(names[0])
