"""The prompt once more, or two answers."""

_DIVIDER = "******"


def repeat_prompt(response: str, *, prompt_to_repeat: str) -> bool:
    """The answer begins with the prompt, in any case."""
    return response.strip().lower().startswith(prompt_to_repeat.strip().lower())


def two_responses(response: str) -> bool:
    """Two different answers with `******` between them; there may be one before the first and after the last too."""
    parts = [part.strip() for part in response.split(_DIVIDER)]
    answers = [part for part in parts if part]
    return all(parts[1:-1]) and len(answers) == 2 and answers[0] != answers[1]
