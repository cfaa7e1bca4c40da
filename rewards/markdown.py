"""Markdown in an answer: fenced code blocks, and the text outside of them."""

import re
from dataclasses import dataclass

_FENCE = re.compile(r"(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>[^`\r]*?)[ \t\r]*")


@dataclass(frozen=True, slots=True)
class CodeBlock:
    """A fenced block: its language as written (may be empty) and its content."""

    language: str
    body: str


def code_blocks(text: str) -> list[CodeBlock]:
    """All fenced blocks, in order."""
    return _split(text)[0]


def without_code(text: str) -> str:
    """The text outside of the blocks."""
    return _split(text)[1]


def open_block(text: str) -> CodeBlock | None:
    """The last block, if it is never closed: the answer was cut off, or stopped at the fence."""
    return _split(text)[2]


def only_block(text: str) -> CodeBlock | None:
    """The block that the whole text consists of, if it is one block and nothing else."""
    blocks, rest, _ = _split(text)
    return blocks[0] if len(blocks) == 1 and not rest.strip() else None


def _split(text: str) -> tuple[list[CodeBlock], str, CodeBlock | None]:
    """Blocks, the rest, and the block that is left open; in one pass.

    A fence is three or more ` or ~, closed by one at least as long without a language (CommonMark 0.31, section 4.5).
    What a fence is indented by (in a list) does not belong to the code. A block that is never closed is not counted;
    its lines belong to the rest.
    """
    blocks: list[CodeBlock] = []
    rest: list[str] = []
    opened: re.Match[str] | None = None
    inside: list[str] = []
    for line in text.split("\n"):
        found = _FENCE.fullmatch(line)
        if opened is None:
            if found:
                opened, inside = found, []
            else:
                rest.append(line)
        elif found and not found["info"] and found["fence"].startswith(opened["fence"]):
            blocks.append(_block(opened, inside))
            opened = None
        else:
            inside.append(line)
    if opened is None:
        return blocks, "\n".join(rest), None
    return blocks, "\n".join([*rest, opened.string, *inside]), _block(opened, inside)


def _block(opened: re.Match[str], inside: list[str]) -> CodeBlock:
    blanks = re.compile(f"[ \\t]{{0,{len(opened['indent'])}}}")
    return CodeBlock((opened["info"].split() or [""])[0], "\n".join(blanks.sub("", line, count=1) for line in inside))
