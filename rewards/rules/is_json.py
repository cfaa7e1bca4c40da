"""Reward completions that are JSON and nothing else."""

from rewards.json_text import json_part, read_json
from rewards.outcome import Verdict
from rewards.rule import rule


@rule
def is_json(completion: str) -> Verdict:
    """True if the whole answer is one JSON object or array; one fenced code block around it is allowed.

    Text before or after it is not. Bare numbers and strings do not count: any answer could be quoted. NaN and
    Infinity, which Python would read, are not JSON.
    """
    try:
        # numbers stay text: Python refuses to convert integers of more than 4300 digits
        value = read_json(json_part(completion, anywhere=False), number=str)
    except ValueError as error:
        return Verdict(False, str(error))
    except RecursionError:
        return Verdict(False, "nested too deeply")
    if not isinstance(value, dict | list):
        return Verdict(False, "neither an object nor an array")
    return Verdict(True)
