"""Words in capitals, counted on the words that NLTK's `word_tokenize` makes of English, without NLTK.

Its rules are those of the Penn Treebank: contractions fall apart (`DON'T` is `DO` and `N'T`, `IT'S` is `IT` and `'S`),
hyphens and slashes do not divide a word. Only what divides letters is here, since punctuation has no case.
"""

import re

from rewards.punkt import sentences_of

_STOP = re.compile(r"""(?<!\.)\.[\])}>"'»”’\s]*+\Z""")
"""The full stop of a sentence, with what closes it."""
_ALONE = re.compile(r"[;@#$%&?!*\[\](){}<>\"«»“”‘’„`]|--|\.{2,}|''|[:,](?=\D|\Z)")
_BOUNDS = (
    re.compile(r"(?<=')(?!re|ve|ll|m|t|s|d|n)(?=\w\b)", re.IGNORECASE),  # 'N' is cut, n't is not
    re.compile(r"(?<=[^'\s])(?=(?:'(?:[sSmMdD]|ll|LL|re|RE|ve|VE)|n't|N'T)(?!\S))"),
    re.compile(
        r"(?<=\bcan)(?=not\b)|(?<=\bgim)(?=me\b)|(?<=\bgon)(?=na\b)|(?<=\bgot)(?=ta\b)|(?<=\blem)(?=me\b)"
        r"|(?<=\bwan)(?=na\s)|(?<=\bd)(?='ye\b)|(?<=\bmore)(?='n\b)|(?<=\s't)(?=(?:is|was)\b)",
        re.IGNORECASE,
    ),
)


def capital_words(text: str) -> int:
    """How many words have letters and are all in capitals."""
    return sum(word.isupper() for sentence in sentences_of(text) for word in _words_of(sentence))


def _words_of(sentence: str) -> list[str]:
    """The words, without most of the punctuation."""
    words = f" {_ALONE.sub(' ', _STOP.sub('', sentence))} "
    for bound in _BOUNDS:
        words = bound.sub(" ", words)
    return words.split()
