"""Reading JSON out of an answer, strictly."""

import json
from collections.abc import Callable
from math import isinf
from typing import Any, NoReturn

from rewards.markdown import code_blocks, only_block

_LONGEST = 300
"""Characters of an integer that surely fits a float; Python refuses to make one of more than 4300 digits."""


def json_part(text: str, *, anywhere: bool) -> str:
    """The part of an answer that is to be JSON: the whole, or what one code fence around all of it holds.

    With `anywhere`, the last closed code block that is marked as JSON or not marked, if there is one.
    """
    stripped = text.strip().removeprefix("\ufeff")
    block = only_block(stripped)
    if block is None and anywhere:
        marked = [block for block in code_blocks(stripped) if block.language.casefold() in ("", "json", "jsonc")]
        block = marked[-1] if marked else None
    return block.body if block else stripped


def read_json(text: str, *, number: Callable[[str], object] | None = None) -> Any:
    """The value of a JSON text. NaN and Infinity, which Python would read, are not JSON.

    Args:
        text: the text.
        number: makes the numbers (default: int and float; what is beyond the range of a float is an error).

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    return json.loads(text, parse_constant=_refuse, parse_int=number or _integer, parse_float=number or _float)


def depth_of(value: object, most: int) -> int:
    """How many lists and objects are inside of each other, counted no further than `most`."""
    level, depth = [value], 0
    while level and depth < most:
        inner: list[object] = []
        for one in level:
            if isinstance(one, dict):
                inner.extend(one.values())
            elif isinstance(one, list):
                inner.extend(one)
        depth += any(isinstance(one, dict | list) for one in level)
        level = inner
    return depth


def _integer(digits: str) -> int:
    if len(digits) > _LONGEST:
        raise ValueError(f"a number out of range: {len(digits)} digits")
    return int(digits)


def _float(text: str) -> float:
    number = float(text)
    if isinf(number):
        raise ValueError(f"a number out of range: {text[:40]}")
    return number


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
