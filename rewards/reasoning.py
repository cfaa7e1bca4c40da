"""Splitting a model's reasoning from its answer."""

OPEN, CLOSE = "<think>", "</think>"


def split_reasoning(text: str) -> tuple[str | None, str]:
    """Reasoning (None if there is none) and answer of a completion.

    The opening tag may be missing, where the chat template put it at the end of the prompt. Without the closing tag the
    completion was cut off while the model was thinking: the answer is empty. An answer that only speaks of the tags is
    left alone.
    """
    start = text.lstrip()
    before, closed, answer = start.partition(CLOSE)
    if not before.startswith(OPEN) and (OPEN in before or not closed):
        return None, text
    return before.removeprefix(OPEN).strip() or None, answer.lstrip()
