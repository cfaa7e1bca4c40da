"""Sentences of a text as NLTK's Punkt tokenizer with its English model splits them, without NLTK and its download.

Published as Kiss and Strunk, Unsupervised Multilingual Sentence Boundary Detection (2006): a full stop ends a sentence
unless its word is an abbreviation, an initial, or a number before a small letter. The model was learned from the Wall
Street Journal, and so `e.g.` and `P.S.` end a sentence for it, and each `1.` of a list is one. Its 20,000 words that
were seen in small letters are not here: the most frequent ones stand in for them. They matter only after an
abbreviation, an initial or dots; docs/ifeval.md says how seldom that is.
"""

import re
from functools import lru_cache
from itertools import pairwise

_CLOSING = r"""[)";}\]*:@'({\[!?]"""
"""What ends a word for Punkt; neither a full stop nor a comma does."""
_END = re.compile(rf"(?<!\S)(?P<word>\S*[.?!])(?:(?={_CLOSING})|(?=\s+(?P<next>\S+)))")
"""The last mark of a word, before what closes it or before the next word."""
_RUN = r"-{2,}|\.{2,}"
_TOKEN = re.compile(
    rf"{_RUN}"
    rf"|[^(\"`{{\[:;&#*@)}}\]\-,\s](?:(?!{_CLOSING}|{_RUN}|,(?:\Z|\s|{_CLOSING}|{_RUN}))\S)*+"
    r"|\S"
)
_TAIL = re.compile(r"""["')\]}]+(?:\s+|(?=--)|\Z)""")
_NUMBER = re.compile(r"-?[.,]?\d[\d,.\-]*")
_INITIAL = re.compile(r"[^\W\d]\.")


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


_ABBREVIATIONS = _words(
    "mr mrs ms messrs dr prof st sr jr gen maj col adm sen rep reps ph.d m.b.a j.b j.c j.j j.k j.p j.r "  # people
    "inc co corp cos ltd bros cie lt "
    "jan feb aug sep sept oct nov dec tues wed fri a.m a.h a.d p.m yr "  # times
    "u.s u.s.a u.n u.k u.s.s.r d.c n.y n.j n.c n.d n.h n.m n.v s.c w.va va vt pa ga fla ala ariz ark calif "
    "conn colo ill ky mich minn nev ok okla ore tenn wash wis ave ft "  # places
    "vs c.v a.c s.a s.s "
    "b c d e f g h k l m n p r s t v w"  # not every letter was seen as an initial
)
_STARTERS = _words(
    "most he since so both these it nevertheless this indeed however instead under similarly some though while when in "
    "despite although nonetheless thus there if the nor separately moreover but they yet many according sales among "
    "meanwhile even i your her here does through such were throughout except remember"
)
"""What begins a sentence after an abbreviation too."""
_ORDINARY = _STARTERS | _words(
    "a an and as at we you your my our his her she that what where why how who then on no not all here for from with "
    "by to of be is are was were do does have has had can could will would should may might must let also after before "
    "because during each every first second next last new now only other than until well using use given therefore "
    "introduction brief explanation summary types tips case final good better low very create consider home"
)
"""Frequent words that stand in small letters too, so after an initial they are no name."""
_SUFFIX = re.compile(r"[a-z]{4,}(?:ing|tions?|ments?|ly|ness|[ae]nce|ity|ive)")
"""Ends of longer words that are no names."""
_COLUMNS = _words("business corrections credit dividend financing international letters notable review who")
"""What the model takes to belong to a number before it: columns of its newspaper."""


def sentences_of(text: str) -> list[str]:
    """The sentences, without the blanks between them."""
    found, moved = [], 0
    for (start, end), (after, stop) in pairwise([*_spans(text), (len(text), len(text))]):
        # quotes and brackets that open the next span close this one
        tail = _TAIL.match(text, after, stop)
        sentence = text[start + moved : after + len(tail[0].rstrip()) if tail else end]
        moved = tail.end() - after if tail else 0
        if sentence:
            found.append(sentence)
    return found


def _spans(text: str) -> list[tuple[int, int]]:
    spans, start = [], 0
    for mark in _END.finditer(text):
        word, following = mark["word"], mark["next"]
        if _holds_an_end(word, f" {following}" if following else text[mark.end()]):
            spans.append((start, mark.end()))
            start = mark.start("next") if following else mark.end()
    return [*spans, (start, len(text.rstrip()))]


@lru_cache(maxsize=4096)
def _holds_an_end(word: str, following: str) -> bool:
    """Whether a sentence ends in the word, or in what follows before its last token: both count, as in NLTK."""
    if word[-1] in "?!":
        return True
    return any(_ends(token, after) for token, after in pairwise(_TOKEN.findall(word + following)))


def _ends(token: str, following: str) -> bool:
    """Whether a sentence ends with the token."""
    if token in (".", "?", "!"):
        return True
    if not token.endswith("."):
        return False
    stem, after = token[:-1].lower(), following.lower().removesuffix(".")
    is_abbreviation = stem in _ABBREVIATIONS or stem.rpartition("-")[2] in _ABBREVIATIONS
    if _INITIAL.fullmatch(token):
        return not is_abbreviation and not _continues(following) and not _is_name(following, after)
    if is_abbreviation or not stem.strip("."):
        return following[0].isupper() and after in _STARTERS
    return not _NUMBER.fullmatch(stem) or not (_continues(following) or after in _COLUMNS)


def _continues(following: str) -> bool:
    """Whether the next token cannot begin a sentence."""
    return following[0].islower() or following in (";", ":", ",", ".", "!", "?")


def _is_name(following: str, after: str) -> bool:
    return following[0].isupper() and after not in _ORDINARY and not _SUFFIX.fullmatch(after)
