"""Punctuation."""


def no_comma(response: str) -> bool:
    """There is no comma `,`; those of other scripts do not count, as in IFEval."""
    return "," not in response
