"""Reward completions within bounds of length, and less the further they are beyond them."""

from typing import Annotated

from pydantic import Field

from rewards.columns import whole_number
from rewards.length import length_of
from rewards.outcome import Verdict
from rewards.rule import rule


@rule
def soft_length(
    completion: str,
    n_tokens: int | None = None,
    min_length: int | None = None,
    max_length: int | None = None,
    length_unit: str = "words",
    *,
    band: Annotated[int, Field(gt=0)],
) -> Verdict:
    """1.0 from `min_length` to `max_length`, falling in a straight line to 0.0 at `band` units beyond them.

    For `max_length` = L_max - L_cache and `band` = L_cache in tokens this is 1 + R_length of DAPO (Yu et al. 2025,
    arXiv 2503.14476, equation 13), TRL's `get_soft_overlong_punishment`. Columns and units as in `length_band`; a bound
    that is null does not apply.

    Raises:
        ValueError: there is no such unit, or a bound is no whole number.
    """
    if min_length is None and max_length is None:
        return Verdict(None, "no bounds")
    length = length_of(completion, n_tokens, length_unit)
    if length is None:
        return Verdict(None, "no token count")
    short = 0 if min_length is None else whole_number(min_length, "min_length") - length
    long = 0 if max_length is None else length - whole_number(max_length, "max_length")
    beyond = max(0, short, long)
    reason = f"{length} {length_unit}" + (f", {beyond} beyond the bounds" if beyond else "")
    return Verdict(max(0.0, 1 - beyond / band), reason)
