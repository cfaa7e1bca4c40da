"""Reading JSON out of an answer, strictly."""

import json
from collections.abc import Callable
from typing import Any, NoReturn

from rewards.markdown import code_blocks, only_block

_LONG = 300
"""Digits of a number that still fits a float; Python refuses to make integers of more than 4300."""


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
        number: makes the numbers (default: int and float).

    Raises:
        ValueError: it is no JSON.
        RecursionError: it is nested too deeply.
    """
    return json.loads(text, parse_constant=_refuse, parse_int=number or _integer, parse_float=number or float)


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


def _integer(digits: str) -> int | float:
    return int(digits) if len(digits) <= _LONG else float(digits)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
