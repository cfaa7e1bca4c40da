"""How many words, sentences and paragraphs."""

import re

from rewards.punkt import sentences_of
from rewards.relation import holds

_WORD = re.compile(r"\w+")
_DIVIDER = re.compile(r"\s?\*\*\*\s?")
_FIRST_WORD = re.compile(r"""'*"*([^.,?!'"]*)""")


def number_words(response: str, *, relation: str, num_words: int) -> bool:
    """Less than, or at least, so many words: runs of letters, digits and `_`, so `don't` is two."""
    return holds(sum(1 for _ in _WORD.finditer(response)), relation, num_words)


def number_sentences(response: str, *, relation: str, num_sentences: int) -> bool:
    """Less than, or at least, so many sentences, as NLTK's Punkt splits English."""
    return holds(len(sentences_of(response)), relation, num_sentences)


def number_paragraphs(response: str, *, num_paragraphs: int) -> bool:
    """Exactly so many paragraphs between dividers `***`; none is empty, but before the first or after the last one."""
    first, *middle, last = paragraphs if len(paragraphs := _DIVIDER.split(response)) > 1 else [*paragraphs, ""]
    ends = bool(first.strip()) + bool(last.strip())
    return all(one.strip() for one in middle) and len(middle) + ends == num_paragraphs


def nth_paragraph_first_word(response: str, *, num_paragraphs: int, nth_paragraph: int, first_word: str) -> bool:
    """Exactly so many paragraphs between blank lines, and the n-th begins with the word, in any case.

    Empty paragraphs do not count for the number, but for the place of the n-th, as in IFEval.
    """
    paragraphs = [paragraph.strip() for paragraph in response.split("\n\n")]
    count = sum(1 for paragraph in paragraphs if paragraph)
    if count != num_paragraphs or not 1 <= nth_paragraph <= count or not paragraphs[nth_paragraph - 1]:
        return False
    found = _FIRST_WORD.match(paragraphs[nth_paragraph - 1].split()[0])
    return found is not None and found[1].lower() == first_word.lower()
