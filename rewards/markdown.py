"""Markdown in an answer: fenced code blocks, and the text outside of them."""

import re
from dataclasses import dataclass

_FENCE = re.compile(r"[ \t]*(?P<fence>`{3,}|~{3,})[ \t]*(?P<info>[^`\r]*?)[ \t\r]*")


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


def has_open_fence(text: str) -> bool:
    """Whether the last block is never closed."""
    return _split(text)[2]


def only_block(text: str) -> CodeBlock | None:
    """The block that the whole text consists of, if it is one block and nothing else."""
    blocks, rest, _ = _split(text)
    return blocks[0] if len(blocks) == 1 and not rest.strip() else None


def _split(text: str) -> tuple[list[CodeBlock], str, bool]:
    """Blocks, the rest, and whether a fence is left open; in one pass.

    A fence is three or more ` or ~, closed by one at least as long without a language (CommonMark 0.31, section 4.5).
    A block that is never closed is none, since the answer was cut off; its lines belong to the rest.
    """
    blocks: list[CodeBlock] = []
    rest: list[str] = []
    open_fence, language = "", ""
    inside: list[str] = []
    for line in text.split("\n"):
        found = _FENCE.fullmatch(line)
        if not open_fence:
            if found:
                open_fence, language = found["fence"], (found["info"].split() or [""])[0]
                inside = [line]
            else:
                rest.append(line)
        elif found and not found["info"] and found["fence"].startswith(open_fence):
            blocks.append(CodeBlock(language, "\n".join(inside[1:])))
            open_fence, inside = "", []
        else:
            inside.append(line)
    return blocks, "\n".join([*rest, *inside]), bool(open_fence)
