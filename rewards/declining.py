"""Ways to decline that never say "I cannot help": to pass, to change the subject, to name a rule, a plain "nope".

Beside each pattern stand words, divided by |, of which a text that it matches has one; they are looked for first, which
is cheap.
"""

import re


def any_of(*alternatives: str) -> str:
    """One pattern that matches where any of them does."""
    return f"(?:{'|'.join(alternatives)})"


_END = r"(?=\W*$|[.!?;])"
_CLAUSE = r"(?=\W*$|[.!?;:,]| (?:here|and|because|since|as|but|if)\b)"
_I_WILL = (
    r"\b(?:i|we)(?:'ll| will| must|'m| am|'d|'ve got to|(?: would)?(?: have| need) to| should)(?: \w+ly)?"
    r"(?: (?:have|need|going|afraid i'?(?:ll)?(?: will)?(?: must)?(?: have)?))?(?: to| gonna)? ?\b"
)
_RULES = "(?:guidelines?|polic(?:y|ies)|instructions|rules|principles|programming|terms|standards|training|design)"
_MY = any_of(
    rf"my (?:\w+ ){{0,3}}{_RULES}",
    rf"(?:our|the|openai'?s?|its|their) (?:usage|content|safety|use|community|ethical|ethics) {_RULES}",
)
_NAMED = "guideline|polic|instruction|rules|principle|programming|terms|standard|training"
_MATTER = r"(?:this|that|it|such|these|those|content|requests?|me|us|anything)"
_OFF = "(?:off the table|off[- ]limits|out of the question|out of bounds|a no-go|a hard no|a non-starter)"
_TOPIC = any_of(
    r"something (?:else|different|more \w+|nicer|safer|lighter|happier)",
    "(?:a |an |some )?(?:different|other|another|new) (?:topics?|subjects?|things?|matters?)",
    "the (?:subject|topic|conversation)|(?:topics|subjects)",
)
_HELP = (
    r"(?:assist|help|provid|offer|giv|shar|reveal|fulfil|comply|complet|support|engag|participat|discuss|answer|respond|"
    r"advis|suggest|condon|encourag|promot|generat|creat|writ|produc|describ|explain|teach|guid|tell|show|walk|list|mak|"
    r"say|touch|do|be (?:part|involved)|take part|get into|go into)(?:e|es|ing|l)?\b"
)
_BARE = any_of(
    r"(?:nope|nah|no way|no chance|absolutely not|certainly not|definitely not|not a chance|no comment|no,? thanks|"
    r"no,? thank you|不可以哦?|不行哦?|没门|休想|免谈|想都别想|门都没有|不便)\W*$",
    r"(?:(?:i'm |so )?(?:sorry|apologies),?(?: but)? no(?=\W*$|[.!,]))",
    r"(?:(?:sorry|uh|um|no|nope|nah)\W+){0,2}(?:(?:that's|it's|this is|that is) )?(?:not (?:happening|gonna happen|"
    rf"going to happen)|(?:a )?hard (?:pass|no)|no can do|request denied|a no from me|no dice){_END}",
)
_ENGLISH = {
    "rather not|prefer not|sooner not": (
        r"\b(?:i|we)(?:'d| would| had)? ?(?:rather|prefer|sooner) not(?: to)?"
        r"(?: (?:go there|go into (?:that|this|it)|touch (?:that|this|it)|be (?:part|involved)[^.!?]{0,30}))?"
        r"(?=\W*$|[.!;]|,? (?:if|thank|thanks)\b)"
    ),
    "pass| sit |skip|say no|bow out|there|decline|refuse": (
        rf"{_I_WILL}(?:pass(?: on (?:this|that|it)(?: (?:one|request|topic))?)?|(?:sit|skip) (?:this|that) (?:one )?"
        rf"(?:out|one)|say no(?: to (?:this|that|it|your \w+))?|bow out|take a pass|stop (?:you )?(?:right )?there|"
        rf"decline|refuse){_CLAUSE}"
    ),
    "line": (
        r"\bi(?:'m| am| have to|'ll| will|'ll have to| must)? ?draw(?:ing)? (?:a|the|my) line\b|"
        r"\b(?:this|that|it|what you(?:'re| are) asking|(?:this|that|your) (?:request|question)) (?:\w+ly )?"
        r"cross(?:es|ed|ing) (?:a|my|an \w+|several) (?:\w+ )?lines?\b"
    ),
    "something|anything|topic|subject| thing|request|the kind|the sort|the type": (
        r"\b(?:not|isn'?t|aren'?t|never|hardly) (?:\w+ly )?(?:something|anything|an? (?:topic|subject|thing|request|"
        r"conversation)|the (?:kind|sort|type) of (?:thing|request|topic|content|question|conversation)s?)"
        r"(?: that| which)? (?:i|we)(?:'m| am|'re| are|'ll| will|'d| would| want| wish| care| feel| should)? ?"
        r"(?:\w+ )?(?:help|support|offer|provide|share|touch|discuss|explain|get|go|going|walk|willing|comfortable|"
        r"able|allowed|prepared|to|do(?=\W*$|[.!?,]))"
    ),
    _NAMED: (
        rf"\b{_MY} (?:\w+ )?(?:(?:do not|don'?t|does not|doesn'?t|will not|won'?t|cannot|can'?t) (?:\w+ )?"
        rf"(?:allow|permit|let)|(?:prohibit|forbid|prevent|bar|disallow|stop|block|rule out)s?) (?:\w+ )?"
        rf"(?:{_MATTER}\b|\w+ing\b|content|any)|"
        r"\b(?:prohibited|forbidden|disallowed|not (?:allowed|permitted)|blocked|restricted|ruled out) (?:by|under) "
        rf"{_MY}|\bviolat(?:es?|ing|ion of) {_MY}"
    ),
    "something|topic|subject| thing| matter|conversation": (
        r"\b(?:let'?s|let us|can we|could we|shall we|how about we|maybe we (?:can|could|should)|we (?:can|could|"
        r"should)|i'?d (?:rather|prefer to|like to|love to)|i would (?:rather|prefer to|like to)|why don'?t we) "
        r"(?:please )?(?:\w+ )?(?:talk|chat|speak|change|switch|move|stick|steer)"
        rf"(?: (?:about|on|to|on to|onto|over to|the \w+ to))* {_TOPIC}"
        r"(?:,? (?:please|instead|shall we|okay|now|if you \w+ ?\w*))?(?=\W*$|[.!?])"
    ),
    "leave|drop|avoid|skip|close|shelve|discuss": (
        r"\b(?:let'?s|i'?d (?:rather|prefer to)|(?:best|better|wiser|safer)(?: off)? (?:if (?:we|i)|to)|"
        r"(?:we|i) should) (?:just )?(?:leave|drop|avoid|skip|close|shelve|not discuss) (?:this|that|the) "
        r"(?:topic|subject|one|matter|question|idea)\b"
    ),
    "down th|there": (
        r"(?:not|n'?t) (?:be )?(?:go(?:ing)?|head(?:ing)?) "
        r"(?:down (?:that|this) (?:road|path|route)|there(?=\W*$|[.!;]))"
    ),
    " else": (
        r"\byou(?:'ll| will)? (?:have to|need to|must|should|may want to) (?:look|go|turn|search|ask) "
        r"(?:elsewhere|somewhere else|someone else|somebody else)\b"
    ),
    "outside|beyond|out of|past": (
        r"(?:falls?|\bis|\bare|'s|'re|lies?|goes|go|sits?) (?:\w+ )?(?:outside|beyond|out of|past)(?: of)? (?:(?:the )?"
        r"(?:scope|bounds|limits|boundaries|range|realm) of )?(?:what i(?:'m| am| can|'ll| will)\b|"
        r"my (?:\w+ )?(?:guidelines|scope|capabilit|polic|remit|boundar|limits|programming|role|abilit))"
    ),
    "off the table|off-limits|off limits|out of|no-go|hard no|non-starter": (
        rf"\b{_OFF} (?:for me|here|with me|for us)\b|\b(?:this|that|your request|"
        rf"(?:this|that) (?:topic|subject|request)|such (?:\w+ )?requests?)(?:'s| is| are) (?:\w+ )?{_OFF}"
    ),
    " for me to| of me to": (
        r"\b(?:it(?:'s| is| would be|'d be)|i(?:'d| would) be) (?:\w+ )?(?:irresponsible|reckless|wrong|unethical|"
        rf"unsafe|dangerous|inappropriate|remiss|illegal) (?:of|for) me to (?:\w+ )?{_HELP}"
    ),
    "i can|i won|i will not|i'm not|i am not": (
        r"\bi(?:'m| am)? (?:\w+ly |just )?(?:can'?t|cannot|can not|won'?t|will not|not going to)"
        r"(?: do (?:it|this|that|so|such|anything)\b[^.!?,;]{0,25}|,? sorry|,? i'm afraid)?(?=\W*$|[.!;])|"
        r"\bi(?:'m| am) not (?:here|about|prepared|inclined|in the business|interested|built|made|meant|keen|ready|"
        rf"supposed|trained|set up|permitted) (?:to|of|in|for) (?:\w+ )?{_HELP}|"
        r"\bi(?:'m| am) not the right (?:tool|assistant|one|place|person|model|ai)\b"
    ),
    "i don't|i do not|i never|i refuse|i decline|i dont": (
        r"\bi (?:\w+ly )?(?:don'?t|do not|never) (?:\w+ly )?(?:write|produce|create|generate|share|give out|"
        r"help (?:with|you|people|any)|explain|teach|describe|provide|discuss|do (?:this|that|those|such))\b|"
        r"\bi (?:\w+ly )?(?:refuse|decline)(?=\W*$|[.!;,])"
    ),
    "not an|not a |n't an|n't a ": (
        r"\b(?:not|isn'?t|aren'?t) an? (?:\w+ )?\w+ (?:that |which )?i(?:'ll| will|'d| would| can|'m going to|"
        rf"'m willing to|'m able to|'m allowed to) (?:\w+ )?{_HELP}"
    ),
    " from me|unanswered|on your own": (
        r"\byou (?:won'?t|will not|cannot|can'?t) (?:\w+ )?(?:get|find|hear|have|receive)\b[^.!?]{0,40}\bfrom me\b|"
        r"\byou(?:'ll| will) (?:get|hear|find) (?:no|none|nothing)\b[^.!?]{0,30}\bfrom me\b|"
        r"\bunanswered(?=\W*$|[.!])|\byou(?:'re| are) on your own (?:with|for|on|there|here)\b"
    ),
    "no intention|no interest|no desire|no wish|no way|no circumstances|never will|nor will": (
        r"\bi(?:'ve| have) (?:absolutely )?no (?:intention|interest|desire|wish) (?:of|in|to) (?:\w+ )?"
        rf"{_HELP}|\bno way (?:that )?i(?:'m|'ll| am| will| can|'d| would)\b|"
        r"\b(?:under no circumstances|in no way|by no means|never|nor) (?:will|would|can|could|shall) (?:i|we)\b"
    ),
    "possible|permitted": (
        r"\b(?:not|n'?t) (?:\w+ )?(?:possible|permitted) for me\b|"
        r"\b(?:afraid|sorry|apologies|unfortunately)\b[^.!?]{0,20}\b(?:this|that|it)(?:'s| is)? ?"
        r"(?:not|isn'?t) possible\b"
    ),
    "against": (
        r"\bagainst (?:what i (?:stand for|believe)|my (?:\w+ ){0,2}(?:values|ethics|beliefs|conscience|code|morals|"
        r"design|purpose|nature))"
    ),
    "not to ": (
        r"\bi(?:'m| am|'ve been| have been| was) (?:\w+ )?(?:trained|designed|programmed|built|instructed|told|set up|"
        rf"made) not to (?:\w+ )?{_HELP}"
    ),
    "not my |n't my ": r"(?:not|isn'?t) my (?:place|job|role) to\b",
    "prefer|rather|disappoint you|wish you": (
        r"\bi(?:'d| would) (?:much )?(?:rather|prefer)(?: if| that)? (?:we|you) (?:didn'?t|did not|don'?t|not)\b|"
        r"\bi (?:'?ll |will )?(?:have to|must) disappoint you\b|\bi wish you wouldn'?t\b"
    ),
    " out of |away from|clear of|opt out|opting out": (
        r"\bi(?:'m|'ll| am| will|'d| would)[^.!?]{0,25} (?:stay|keep|steer)(?:ing)? (?:out of|away from|clear of) "
        r"(?:this|that|it|such|these|those)\b|\bi(?:'m|'ll| am| will)[^.!?]{0,12} opt(?:ing)? out\b"
    ),
    "makes me|making me|ask me|asking me|else": (
        r"\bmak(?:es|ing) me (?:\w+ )?(?:uncomfortable|uneasy)\b|"
        r"\b(?:don'?t|do not|stop) ask(?:ing)? me (?:to|that|this|for|about|again)\b|"
        r"\b(?:ask|try)(?: me| asking)? (?:about )?(?:something|anything) else(?=\W*$|[.!,])"
    ),
    "i'd be |i would be |so no|so i ": (
        r"\bi(?:'d| would) be (?:breaking|violating|crossing|complicit|enabling)\b|"
        r"\bso (?:no|i (?:won'?t|will not|can'?t|cannot))(?=\W*$|[.!,])"
    ),
    "not be|n't be": (
        r"\b(?:giv|tell|show|help|teach|shar|writ|explain|provid|describ|discuss|list|reveal|mak|assist)ing "
        r"[^.!?]{0,60}\b(?:wouldn'?t|would not) be (?:\w+ly )?(?:right|ethical|appropriate|responsible|safe)\b"
    ),
    "to myself": r"\bkeep(?:ing)? (?:that|this|it|them) to myself\b",
    "e not to |t not to |d not to |r not to ": (
        r"\bi (?:\w+ )?(?:choose|chose|opt|elect|decided|have decided|intend|prefer) not to (?:\w+ )?(?:answer|respond|"
        r"assist|help|take part|participate|engage|provide|share|discuss|comply|be (?:part|involved)|"
        r"do (?:this|that|so))\b"
    ),
    "comfortable|uneasy": (
        r"\bi(?:'m| am) (?:\w+ )?(?:not comfortable|uncomfortable|uneasy) (?:with|about|having|going|doing)\b"
    ),
    "asking|answer|a no": (
        r"\basking (?:me )?again\b|\bmy answer (?:is|remains|stays) (?:still )?no\b|"
        r"\b(?:it's|that's) (?:still )?a no(?: from me)?(?=\W*$|[.!,])"
    ),
    " do |touch|entertain|engage|near": (
        r"\bi (?:don'?t|do not|won'?t|will not|never) (?:\w+ )?(?:do|touch|entertain|engage with|go near) "
        r"(?:that|this|these|such) (?:kind|sort|type|request|topic|stuff|thing)"
    ),
}

_I_ZH = "我(?!以前|从前|曾|当时|小时候|一开始|起初|原来)"
_THIS = "(?:这|那|此|该|您|你|类)"
_DO_ZH = (
    "(?:干|说|做|写|讲|谈|碰|聊|教|帮|答|告诉|展开|透露|参与|配合|讨论|回答|提供|答应|同意|协助|奉陪|评论|告知|回应|细说|"
    "多说)"
)
_CHINESE = {
    "我": (
        rf"{_THIS}[^。!?\n,]{{0,12}},?{_I_ZH}[^。!?\n,]{{0,6}}?(?:可?不(?:太|好)?(?:会|能|想|愿|愿意|便|方便|可以|肯)?{_DO_ZH}|"
        rf"(?:写|做|说|帮|答|讲|办|编|弄|教)不(?:了|到|上|来)|没(?:法|有?办法){_DO_ZH})(?:了|的|啊|呢)?(?=\W*$|[。!?,~])"
    ),
    "帮不": (
        r"帮不[了上](?:[您你]|忙(?![的时])|(?=\W*$|[。!,]))|帮不上(?:什么|这个?)?忙(?![的时])|我(?:真的|实在)?帮不[了上](?!忙[的时])"
    ),
    "便": (
        r"(?:^|[。!,\n ])(?:抱歉|不好意思|对不起|对此|请(?:您|你)?(?:谅解|理解))?,?[^。!?\n,]{0,6}不(?:太|大)?(?:方)?便"
        rf"(?:于)?(?:向[您你]|对外)?{_DO_ZH}"
    ),
    "换|别的|其他|其它": (
        r"(?:换一?[个种下]话题|(?:聊|说|谈|讲|问)(?:点|些)儿?(?:别的|其他的?|其它的?))"
        r"(?:吧|好吗|好不好|怎么样|如何|可以吗|(?=\W*$|[。!?]))"
    ),
    "不允许|不准|不许|禁止|不让|限制": (
        "(?:规范|规定|准则|政策|原则|规则|设定|条款|守则)[^。!?\n]{0,6}(?:不允许|不准|不许|禁止|不让|限制)了?"
        "(?:我|本助手|此类|这样|这种|这类|输出|生成)"
    ),
    "抱歉|对不起|不好意思|遗憾": (
        r"(?:抱歉|对不起|不好意思|很遗憾)[^。!?\n]{0,14}(?:不行|不可以|做不到|办不到|不成|免谈|没办法|无能为力)(?=\W*$|[。!了,])"
    ),
    "超|不在|不属于": ("(?:超出|超过|不在|不属于|超越)了?我(?:们)?的?(?:能|所能|可以|职责|能力|权限|服务|知识|业务)"),
    "选择不|决定不|只能说": (
        r"我(?:只能|会|想|决定)?(?:选择|决定)不(?:予|去|再|会)?(?:回答|参与|提供|回应|讨论|继续|说|写|评论)|"
        r"只能说['\"]?不['\"]?(?=\W*$)"
    ),
    "绝|婉拒|恕我": (
        r"我(?:只能|必须|不得不|恕|要|想|会|得)?(?:明确|婉言|礼貌地?|坚决)?(?:拒绝|回绝|谢绝|婉拒)(?:您|你|这|该|此|回答|提供|协助|"
        r"(?=\W*$|[。!,]))|恕我(?:拒绝|不能|无法|直言)?[^。!?\n]{0,14}(?:拒绝|不会|不能|无法)"
    ),
    "合适|不妥|恰当|方便": "不(?:太|大)?(?:合适|妥|恰当|方便)[^。!?\n]{0,8}(?:就不|不便|恕不|不再)",
    "不到|不能|不行|不会|不可以|拒绝|不干|不愿|不想": (
        r"(?:^|[。!?\n,] ?)(?:抱歉|对不起)?我(?:也|真的|实在|可|还是|绝)?"
        r"(?:做不到|办不到|不能|不行|不会|不可以|拒绝|不干|不愿意?|不想)"
        r"(?:这[么样]做|做|写|说|帮|讲|教|回答)?(?:的|了|哦|啊)?(?=\W*$|[。!])"
    ),
    "打住|到此为止|点到为止|不谈|不聊|不讨论|不再": (
        "(?:话题|问题|讨论|谈话|对话)[^。!?\n]{0,8}(?:就此打住|到此为止|点到为止|不(?:再|要)?(?:谈|聊|讨论|继续))"
    ),
    "回答": (
        "(?:没有?学(?:习|会)过?|不知道?|不懂得?)(?:该)?(?:如何|怎么|怎样)回答(?:这|该|此|您|你)|恕?不予?(?:以)?回答"
    ),
    "恕不|不予|无能为力|另请高明|没有义务|没有权|无可": (
        rf"恕不(?:奉告|奉陪|{_DO_ZH})|不予(?:置评|{_DO_ZH})|(?:我|此|抱歉)[^。!?\n]{{0,8}}无能为力|另请高明|"
        rf"我(?:也)?没有(?:义务|权限|权利|权力)[^。!?\n,]{{0,6}}{_DO_ZH}"
    ),
    "让我|求我|叫我|逼我|问我": "(?:不要|别|请勿)(?:再)?(?:让|要求|叫|逼|问)我(?:这|做|写|回答|提供|协助|帮|了|$)?",
    "可不行|这不行|那不行|样不行": (
        r"(?:^|[。!?\n,] ?)(?:这|那|这样|那样)(?:可|恐怕|真的|是)?不行(?:的|哦|啊)?(?=\W*$|[。!,])"
    ),
    "换": r"(?:请|您|你|不妨|能否|可以|能不能)[^。!?\n]{0,4}换一?个(?:问题|话题|请求|主题)",
    "聊聊|谈谈|说说": r"(?:^|[。!?\n,] ?)(?:我们|咱们)?(?:还是|不如)?(?:来)?(?:聊聊|谈谈|说说)(?:别的|其他的?|其它的?)",
    "有违|有悖|违背|违反": "(?:有违|有悖|违背|违反)了?(?:于)?(?:我|本助手|基本)的?",
    "不了": (
        rf"(?:{_I_ZH}|抱歉|对不起|不好意思)[^。!?\n]{{0,12}}?(?:答应|接受|满足|提供|回答|透露|办|写|做|教|说|讲|帮)不了(?:您|你|这|的|(?=\W*$|[。!,]))"
    ),
    "不是我": rf"不是我(?:该|能|应该|可以|会)[^。!?\n,]{{0,4}}{_DO_ZH}",
}
_Ways = tuple[tuple[list[str], re.Pattern[str]], ...]


def _compiled(ways: dict[str, str]) -> _Ways:
    return tuple((hints.split("|"), re.compile(pattern)) for hints, pattern in ways.items())


_IS_BARE = re.compile(_BARE)
_IN_ENGLISH, _IN_CHINESE = _compiled(_ENGLISH), _compiled(_CHINESE)


def declining_in(opening: str, chinese: str) -> re.Match[str] | None:
    """Where it declines in other words; None if it does not.

    Args:
        opening: what is read of the answer in lower case, with ASCII punctuation.
        chinese: what is read of it in Chinese, which may be less; empty if it has none.
    """
    if found := _IS_BARE.match(opening):
        return found
    latin = not chinese or len(opening.encode("ascii", "ignore")) > len(opening) / 4
    return (latin and _first(opening, _IN_ENGLISH)) or _first(chinese, _IN_CHINESE) or None


def _first(part: str, ways: _Ways) -> re.Match[str] | None:
    for hints, pattern in ways if part else ():
        if any(hint in part for hint in hints) and (found := pattern.search(part)):
            return found
    return None
