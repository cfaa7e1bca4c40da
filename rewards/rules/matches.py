"""Reward completions that match a regular expression."""

import re
from typing import Annotated

from pydantic import AfterValidator

from rewards.rule import rule


def _compilable(pattern: str) -> str:
    try:
        re.compile(pattern)
    except re.error as error:
        raise ValueError(f"not a regular expression: {error}") from error
    return pattern


@rule
def matches(completion: str, *, pattern: Annotated[str, AfterValidator(_compilable)]) -> bool:
    r"""True if the pattern is found anywhere; `\A` and `\Z` anchor it to the whole answer, `(?i)` ignores case."""
    return re.search(pattern, completion) is not None
