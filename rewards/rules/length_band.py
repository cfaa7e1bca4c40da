"""Reward completions whose length lies within bounds."""

import re

from rewards.outcome import Verdict
from rewards.rule import rule

# Han and kana are written without spaces, so each character counts as a word; a run of other letters and digits is
# one word, with the apostrophes, hyphens and points inside it.
_CJK = "\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
_WORD = re.compile(rf"[{_CJK}]|[^\W{_CJK}]+(?:['’.\-][^\W{_CJK}]+)*")


@rule
def length_band(
    completion: str,
    n_tokens: int | None = None,
    min_length: int | None = None,
    max_length: int | None = None,
    length_unit: str = "words",
) -> Verdict:
    """True if `min_length` <= length <= `max_length`; a bound that is null does not apply.

    The bounds and the unit are columns of the prompt; a spec may set them for all as constants. Units: `characters`
    (of the answer without surrounding space), `words` (every Chinese or Japanese character is one) and `tokens` (as
    the generator counted them; does not apply where it did not).
    """
    if min_length is None and max_length is None:
        return Verdict(None, "no bounds")
    length = _length(completion, n_tokens, length_unit)
    if length is None:
        return Verdict(None, "no token count")
    if min_length is not None and length < min_length:
        return Verdict(False, f"{length} {length_unit}, at least {min_length} wanted")
    if max_length is not None and length > max_length:
        return Verdict(False, f"{length} {length_unit}, at most {max_length} wanted")
    return Verdict(True, f"{length} {length_unit}")


def _length(completion: str, n_tokens: int | None, unit: str) -> int | None:
    match unit:
        case "characters":
            return len(completion.strip())
        case "words":
            return sum(1 for _ in _WORD.finditer(completion))
        case "tokens":
            return n_tokens
        case _:
            raise ValueError(f"length_unit {unit!r} is none of: characters, words, tokens")
