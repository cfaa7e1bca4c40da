"""Length of an answer in the unit that its prompt asks for."""

from rewards.sentences import count_sentences
from rewards.words import count_words

UNITS = ("characters", "words", "sentences", "tokens")
"""`characters` of the answer without surrounding space; `words`, where every Chinese or Japanese character is one;
`sentences`, English and Chinese; `tokens` as the generator counted them."""


def length_of(completion: str, n_tokens: int | None, unit: str) -> int | None:
    """The length; None if it is wanted in tokens and the generator did not count them.

    Raises:
        ValueError: there is no such unit.
    """
    match unit:
        case "characters":
            return len(completion.strip())
        case "words":
            return count_words(completion)
        case "sentences":
            return count_sentences(completion)
        case "tokens":
            return n_tokens
        case _:
            raise ValueError(f"length_unit {unit!r} is none of: {', '.join(UNITS)}")
