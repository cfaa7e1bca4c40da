"""Reward completions that contain a fenced code block."""

from rewards.markdown import code_blocks, without_code
from rewards.outcome import Verdict
from rewards.rule import rule

_SHORT = {"py": "python", "python3": "python", "js": "javascript", "ts": "typescript", "sh": "bash", "shell": "bash"}


@rule
def has_code_block(completion: str, *, language: str | None = None, only: bool = False) -> Verdict:
    """True if there is a closed, non-empty fenced code block; with `language`, one marked with that language.

    With `only`, nothing else is in the answer, and all blocks are of that language.
    """
    blocks = [block for block in code_blocks(completion) if block.body.strip()]
    if not blocks:
        return Verdict(False, "no code block")
    if only and without_code(completion).strip():
        return Verdict(False, "text outside of the code")
    languages = [_full_name(block.language) for block in blocks]
    fitting = language is None or languages.count(_full_name(language))
    if not fitting or (only and language is not None and fitting < len(blocks)):
        return Verdict(False, f"code block of {languages}, not {language}")
    return Verdict(True)


def _full_name(language: str) -> str:
    lower = language.strip().casefold()
    return _SHORT.get(lower, lower)
