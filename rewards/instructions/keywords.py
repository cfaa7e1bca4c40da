"""Words and letters that are to occur, or not."""

import re

from rewards.relation import holds


def existence(response: str, *, keywords: list[str]) -> bool:
    """Every keyword occurs, inside of words too, in any case. A keyword is a regular expression, as in IFEval."""
    return all(_pattern(keyword).search(response) for keyword in keywords)


def frequency(response: str, *, keyword: str, frequency: int, relation: str) -> bool:
    """The keyword occurs less than, or at least, so many times; counted as in `existence`."""
    return holds(sum(1 for _ in _pattern(keyword.strip()).finditer(response)), relation, frequency)


def forbidden_words(response: str, *, forbidden_words: list[str]) -> bool:
    """None of the words occurs as a whole word, in any case."""
    return not any(_pattern(word, whole=True).search(response) for word in forbidden_words)


def letter_frequency(response: str, *, letter: str, let_frequency: int, let_relation: str) -> bool:
    """The character occurs less than, or at least, so many times, in any case.

    IFEval's own checker draws a letter at random where the given one is none of a to z; here it is the given one.

    Raises:
        ValueError: `letter` is not one character.
    """
    one = letter.strip().lower()
    if len(one) != 1:
        raise ValueError(f"letter: one character is wanted, found {letter!r}")
    return holds(response.lower().count(one), let_relation, let_frequency)


def _pattern(keyword: str, *, whole: bool = False) -> re.Pattern[str]:
    bound = r"\b" if whole else ""
    try:
        return re.compile(f"{bound}{keyword}{bound}", re.IGNORECASE)
    except re.error:  # no expression, as `c(`: meant as it stands
        return re.compile(f"{bound}{re.escape(keyword)}{bound}", re.IGNORECASE)
