"""Reward short completions on a cosine: slow to fall at both ends."""

from math import cos, pi

from rewards.columns import whole_number
from rewards.length import length_of
from rewards.outcome import Verdict
from rewards.rule import rule


@rule
def cosine_length(
    completion: str,
    max_length: int,
    n_tokens: int | None = None,
    length_unit: str = "tokens",
) -> Verdict:
    """(1 + cos(pi t)) / 2 with t = length / `max_length`, at most 1: from 1.0 if empty to 0.0 at `max_length`.

    The schedule of Yeo et al. 2025 (arXiv 2502.03373, appendix C.1) without its correctness, which another scorer says:
    with `scale: {from: [0, 1], to: [0.5, 1]}`, and a correctness rule under `require`, it is TRL's
    `get_cosine_scaled_reward` for correct answers. `to: [1, 0]` makes long answers the better ones. Units as in
    `length_band`.

    Raises:
        ValueError: there is no such unit, or `max_length` is no whole number above 0.
    """
    most = whole_number(max_length, "max_length")
    if most == 0:
        raise ValueError("max_length: more than 0 is wanted")
    length = length_of(completion, n_tokens, length_unit)
    if length is None:
        return Verdict(None, "no token count")
    return Verdict((1 + cos(pi * min(1.0, length / most))) / 2, f"{length} {length_unit} of {most}")
