"""Capital and small letters."""

from rewards.langdetect_code import langdetect_code
from rewards.relation import holds
from rewards.treebank import capital_words


def capital_word_frequency(response: str, *, capital_frequency: int, capital_relation: str) -> bool:
    """Less than, or at least, so many words in capitals only, as NLTK splits words: `I` and the 'S of IT'S are such."""
    return holds(capital_words(response), capital_relation, capital_frequency)


def english_capital(response: str) -> bool:
    """English in capital letters only; English too where there is too little text to tell."""
    return response.isupper() and langdetect_code(response) in ("en", None)


def english_lowercase(response: str) -> bool:
    """English in small letters only; English too where there is too little text to tell."""
    return response.islower() and langdetect_code(response) in ("en", None)
