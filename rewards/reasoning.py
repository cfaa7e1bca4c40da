"""Splitting a model's reasoning from its answer."""

OPEN, CLOSE = "<think>", "</think>"


def split_reasoning(text: str) -> tuple[str | None, str]:
    """Reasoning (None if there is none) and answer of a completion.

    The opening tag may be missing, where the chat template put it at the end of the prompt. Without the closing tag the
    completion was cut off while the model was thinking: the answer is empty.
    """
    start = text.lstrip()
    if CLOSE in start:
        reasoning, _, answer = start.partition(CLOSE)
        return reasoning.removeprefix(OPEN).strip(), answer.lstrip()
    if start.startswith(OPEN):
        return start.removeprefix(OPEN).strip(), ""
    return None, text
