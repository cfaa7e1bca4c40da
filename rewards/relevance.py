"""Does an answer fit its prompt, or every prompt alike?

Without other answers to compare with, two things can be seen: the answer has not one word of the prompt, and it talks
only about answers ("This is a great question. I have provided a clear and detailed response"). Honest answers may have
the first (a number, a translation) or the second (small talk), seldom both; and a long answer without one word of a
prompt in its own language answers something else.
"""

import re

from rewards.plain import plain_text

GENERIC = 0.6
"""Share of its content words that suit every prompt, from which an answer is empty talk."""
EMPTY = 0.8
"""Share from which nothing else can be meant, even if the prompt is short or lends a word to it."""
TALK = 8
"""Content words of such an answer at least; two characters are one in Chinese."""
PROMPT = 12
"""Content words of a prompt, for a long answer to be about something else: a poem need not name its subject."""
SUBJECT = 5
"""Pairs of characters of a prompt at least that are about something (a word counts twice); thanks are about nothing."""
LONG = 50
"""Content words of such an answer at least."""
READ = 6000
"""Characters that are read of each."""

_WORD = re.compile(r"[^\W\d_\u4e00-\u9fff]{3,}")
_HAN_RUN = re.compile("[\u4e00-\u9fff]{2,}")
_TRANSLATES = re.compile(r"\btranslat|\brephras|\brewrit|\bparaphras|译|改写|重写")
_HAN = re.compile("[\u4e00-\u9fff]")
_STOP = frozenset(
    [
        *("the", "and", "for", "are", "was", "were", "that", "this", "these", "those", "with", "from", "been", "have"),
        *("has", "had", "its", "you", "your", "they", "their", "them", "our", "which", "what", "when", "where", "who"),
        *("how", "not", "can", "will", "would", "should", "could", "may", "might", "must", "there", "here", "than"),
        *(
            "then",
            "but",
            "also",
            "such",
            "some",
            "any",
            "all",
            "each",
            "every",
            "other",
            "more",
            "most",
            "very",
            "into",
        ),
        *("about", "over", "only", "just", "like", "does", "did", "being", "because", "while", "per", "via", "let"),
        *("his", "her", "she", "him", "one", "two", "use", "using", "used", "make", "made", "get", "give", "way"),
    ]
)
_GENERIC = (
    "answ|respon|repl|quest|inqui|reques|promp|instr|task|topic|subje|matte|issue|provi|offer|give|help|assis|suppo|"
    "infor|detai|compr|thoro|clear|conci|accur|relev|usefu|insig|well|struc|organ|forma|high|quali|best|great|good|"
    "excel|perfe|ideal|corre|compl|full|fully|compr|thank|pleas|hope|happy|glad|pleas|feel|free|know|furth|addit|more|"
    "clari|expla|descr|under|consi|vario|sever|diffe|aspec|facto|perspe|persp|impor|essen|key|cruci|neces|speci|"
    "conte|depen|situa|circu|need|want|wish|exper|profe|optio|possi|soluti|solut|appro|point|step|steps|carefu|caref|"
    "above|below|follo|conclu|concl|summa|overa|gener|user|human|assistant|model|langu|satis|addre|meet|meets|expec|"
    "appre|assur|rest|requi|striv|goal|agree|absol|wonde|idea|ideas|deser|yes|indee|truly|today|world|moder|socie|becom|incre|exper|advan|disad|benef|"
    "chall|balan|strik|hand|exist|debat|many|often|alway|never|learn|role|play|plays|aware|remem|chang|"
    "refer|ask|asks|again|state|menti|order|proce|manne|effec|effic|optim|maxim|signi|"
    "exact|ensur|deliv|conten|text|write|writi|time|thing|think|many|much|right|reall|sure|cours|certa|absol|inter|"
    "valua|knowl|resea|based|accor|final|resul|outpu|comme|feedb|evalu|score|ratin|polit|respec|safe|hones|harml"
)
# who asks back, or says what is missing, does not pretend to have answered
_ASKS_BACK = re.compile(
    r"\b(?:sorry|apologi[sz]e|unclear|not clear|not sure|clarif\w+|understand|(?:more|enough|additional) (?:\w+ )?"
    r"(?:context|information|details)|don't have|do not have|cannot|can't|unable)\b|"
    "抱歉|对不起|请提供|不清楚|不明确|无法|不能"
)
_IS_GENERIC = frozenset(stem for stem in _GENERIC.split("|"))
_GENERIC_ZH = re.compile(
    "这个?|问题|回答|答案|回复|您|谢谢|感谢|提问|帮助|信息|详细|全面|准确|清晰|完整|专业|高质量|内容|非常|很好?|希望|如果|需要|进一步|更多|"
    "可以|能够|提供|了解|说明|解释|根据|情况|具体|不同|各种|方面|因素|考虑|综合|总之|总的来说|首先|其次|最后|重要|建议|随时|联系|好的?|当然|"
    "的|了|对|有|和|与|也|都|会|将|为|是|在|以|及|从|以下|以上|满足|要求|用户|助手|满意|分析|思考|角度|方法|步骤|过程|结果|复杂|值得|关注|"
    "随着|社会|时代|不断|发展|进步|话题|越来越|受到|人们|普遍|一方面|另一方面|利弊|利|弊|应当|应该|辩证|看待|取其精华|去其糟粕|实现|可持续|"
    "任重而?道远|当今|如今|日益|关系|角色|挑战|机遇|平衡|优点|缺点|不同意见|众所周知|毋庸置疑|同意|想法|建议|努力|积极|正确|"
    "深入|探讨|相关|基于|取决于|我们?|请|一个|一份|进行|条理|结构|逻辑|严谨|优秀|出色|质量|期待|认真|仔细|充分|有效|合理|关键|核心|阐述"
)


def fits_any_prompt(completion: str, prompt: str) -> str:
    """Why the answer has nothing to do with its prompt; empty if it may."""
    answer, asked = _plain(completion), _plain(prompt)
    han, words = "".join(_HAN.findall(answer)), _stems(answer)
    wanted = {stem for stem in _stems(asked) if stem not in _IS_GENERIC}
    pairs = {pair for pair in _pairs(asked) if not _GENERIC_ZH.search(pair)}
    chinese = len(han) > 2 * len(words)
    size = len(han) / 2 if chinese else len(words)
    generic = len("".join(_GENERIC_ZH.findall(han))) / 2 if chinese else sum(word in _IS_GENERIC for word in words)
    shared = len(wanted.intersection(words)) + sum(pair in han for pair in pairs)
    subject = 2 * len(wanted) + len(pairs)
    empty = size >= TALK and generic >= GENERIC * size
    if empty and generic >= EMPTY * size and size >= 1.5 * TALK:
        subject, shared = subject + SUBJECT - 2, max(0, shared - 1)
    if subject < SUBJECT or shared:
        return ""
    if empty and not (_ASKS_BACK.search(answer) or _TRANSLATES.search(asked)):
        return f"no word of the prompt, and {generic / size:.0%} of its own suit every prompt"
    if size >= LONG and (len(pairs) / 2 if chinese else len(wanted) * (not pairs)) >= PROMPT:
        return f"no word of the prompt in {size:.0f} words"
    return ""


def _plain(text: str) -> str:
    return plain_text(text[:READ]).casefold()


def _stems(text: str) -> list[str]:
    """Content words, cut to five letters, so that most inflected forms are one."""
    return [word[:5] for word in _WORD.findall(text) if word not in _STOP]


def _pairs(text: str) -> set[str]:
    """Neighbouring Chinese characters: most words have two."""
    return {run[at : at + 2] for run in _HAN_RUN.findall(text) for at in range(len(run) - 1)}
