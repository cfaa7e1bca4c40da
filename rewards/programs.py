"""The Python program in an answer."""

import ast
import builtins
import re
from collections.abc import Sequence

from rewards.markdown import code_blocks, open_block
from rewards.scope import global_names

_PYTHON = frozenset({"python", "py", "python3", "py3"})
_DEFINES = re.compile(r"^[ \t]*(?:async[ \t]+)?(?:def|class)[ \t]+(\w+)", re.MULTILINE)
_FUTURE = re.compile(r"^from __future__ import .*$\n?", re.MULTILINE)
_WORD = re.compile(r"\w+")
_INDENT = "    "


def program_in(completion: str, tests: str, entry_point: str, prefix: str) -> str | None:
    """The program to be tested; None if there are code blocks and none of them is Python.

    It is the last block that defines the entry point, or without one the last blocks that define the names that the
    tests use; else the last block; the whole text if it has no block. Blocks that define what these use come with them.
    Blocks without a language count where none is marked as Python; so does one at the end that is not closed.

    Args:
        completion: the answer.
        tests: the tests as one text.
        entry_point: the function that is wanted; may be empty.
        prefix: what `finished_code` found in the prompt. It goes before the program. A program that does not define the
            entry point is the rest of the function that the prefix ends in.
    """
    unclosed = open_block(completion)
    blocks = [*code_blocks(completion), *([unclosed] if unclosed else [])]
    marked = [block.body for block in blocks if block.language.casefold() in _PYTHON]
    codes = marked or [block.body for block in blocks if not block.language]
    if blocks and not codes:
        return None
    wanted = {entry_point} if entry_point else set(_WORD.findall(tests))
    code = _joined(codes or [completion], wanted)
    if not prefix:
        return code
    if entry_point not in _DEFINES.findall(code):
        return f"{prefix}\n{_as_body(code)}"
    future = "".join(_FUTURE.findall(code))
    return f"{future}{prefix}\n\n{_FUTURE.sub('', code)}"


def _joined(codes: Sequence[str], wanted: set[str]) -> str:
    """The last blocks that define what is wanted, with those that define what these use, in their order."""
    names = [_names(code) for code in codes]
    defined = {name: place for place, code in enumerate(codes) for name in _DEFINES.findall(code)}
    home = {name: place for place, (own, _) in enumerate(names) for name in own if not hasattr(builtins, name)}
    places: set[int] = set()
    waiting = {defined[name] for name in wanted if name in defined} or {len(codes) - 1}
    while waiting:
        place = waiting.pop()
        places.add(place)
        waiting |= {home[name] for name in names[place][1] if name in home} - places
    return "\n".join(codes[place] for place in sorted(places))


def _names(code: str) -> tuple[set[str], set[str]]:
    """What a block defines and what it uses of others; nothing if it is no Python."""
    try:
        return global_names(code)
    except (SyntaxError, ValueError, RecursionError):
        return set(), set()


def finished_code(prompt: str, entry_point: str) -> str:
    """The code of a prompt that begins the function `entry_point`, made whole with `pass`; empty if it has none."""
    if not entry_point:
        return ""
    codes = [*(block.body for block in code_blocks(prompt)), prompt]
    for code in codes:
        if entry_point in _DEFINES.findall(code):
            for whole in (code, f"{code.rstrip()}\n{_INDENT}pass"):
                if _is_python(whole):
                    return whole
    return ""


def _is_python(code: str) -> bool:
    try:
        ast.parse(code)
    except (SyntaxError, ValueError):
        return False
    return True


def _as_body(code: str) -> str:
    """The code as the body of a function: indented, also where a model left that out, for all lines or the first."""
    lines = [line for line in code.split("\n") if line.strip()]
    if not lines or _width(lines[0]):
        return code
    rest = [_width(line) for line in lines[1:]]
    level = min(rest, default=0)
    opens = lines[0].rstrip().endswith(":")
    # the first line alone was stripped if all others stand further right, and no block of its own explains that
    if level and (not opens or level < rest[0]):
        return " " * level + code.lstrip()
    if level >= 2 * len(_INDENT):
        return _INDENT + code.lstrip()
    return "\n".join(_INDENT + line if line.strip() else line for line in code.split("\n"))


def _width(line: str) -> int:
    expanded = line.expandtabs(8)
    return len(expanded) - len(expanded.lstrip())
