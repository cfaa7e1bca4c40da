"""How the answer starts and ends."""


def end_checker(response: str, *, end_phrase: str) -> bool:
    """The answer ends with the phrase, in any case; a double quotation mark around the answer does not count."""
    return response.strip().strip('"').lower().endswith(end_phrase.strip().lower())


def quotation(response: str) -> bool:
    """The whole answer is in double quotation marks."""
    text = response.strip()
    return len(text) > 1 and text.startswith('"') and text.endswith('"')
