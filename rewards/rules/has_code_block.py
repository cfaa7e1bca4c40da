"""Reward completions that contain a fenced code block."""

from rewards.markdown import code_blocks
from rewards.outcome import Verdict
from rewards.rule import rule

_SHORT = {"py": "python", "python3": "python", "js": "javascript", "ts": "typescript", "sh": "bash", "shell": "bash"}


@rule
def has_code_block(completion: str, *, language: str | None = None) -> Verdict:
    """True if there is a closed, non-empty fenced code block; with `language`, one marked with that language."""
    blocks = [block for block in code_blocks(completion) if block.body.strip()]
    if not blocks:
        return Verdict(False, "no code block")
    languages = [_full_name(block.language) for block in blocks]
    if language is None or _full_name(language) in languages:
        return Verdict(True)
    return Verdict(False, f"code block of {languages}, not {language}")


def _full_name(language: str) -> str:
    lower = language.strip().casefold()
    return _SHORT.get(lower, lower)
