"""Reward completions whose length lies within bounds."""

from rewards.columns import whole_number
from rewards.length import length_of
from rewards.outcome import Verdict
from rewards.rule import rule


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
    (of the answer without surrounding space), `words` (every Chinese or Japanese character is one), `sentences`, and
    `tokens` (as the generator counted them; does not apply where it did not).

    Raises:
        ValueError: there is no such unit, or a bound is no whole number.
    """
    if min_length is None and max_length is None:
        return Verdict(None, "no bounds")
    length = length_of(completion, n_tokens, length_unit)
    if length is None:
        return Verdict(None, "no token count")
    if min_length is not None and length < whole_number(min_length, "min_length"):
        return Verdict(False, f"{length} {length_unit}, at least {min_length} wanted")
    if max_length is not None and length > whole_number(max_length, "max_length"):
        return Verdict(False, f"{length} {length_unit}, at most {max_length} wanted")
    return Verdict(True, f"{length} {length_unit}")
