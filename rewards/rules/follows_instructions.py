"""Reward completions that follow the verifiable instructions of IFEval."""

from collections.abc import Sequence
from typing import Any, Literal

from rewards.instruction import follows, objects_of
from rewards.outcome import Verdict
from rewards.rule import rule


@rule
def follows_instructions(
    completion: str,
    instruction_id_list: list[str],
    kwargs: Sequence[dict[str, Any] | str | None] | str,
    *,
    loose: bool = False,
    level: Literal["instruction", "prompt"] = "instruction",
) -> Verdict:
    """Share of the instructions that are followed; with `level: prompt` whether all of them are.

    The mean over a data set with `level: prompt` is IFEval's prompt-level accuracy, strict or `loose`. Each id has its
    arguments in `kwargs` at the same place: an object, in which nulls do not count, or its JSON text. Does not apply
    without instructions.

    Raises:
        ValueError: an id is unknown, an argument is missing, or the lists differ in length.
        TypeError: an argument is of another type.
        RuleError: an instruction needs langdetect, which is not installed.
    """
    arguments = objects_of(kwargs)
    if len(instruction_id_list) != len(arguments):
        raise ValueError(f"{len(instruction_id_list)} in instruction_id_list, but {len(arguments)} in kwargs")
    if not instruction_id_list:
        return Verdict(None, "no instructions")
    asked = list(zip(instruction_id_list, arguments, strict=True))
    missed = [name for name, given in asked if not follows(completion, name, given, loose=loose)]
    value = not missed if level == "prompt" else 1 - len(missed) / len(asked)
    return Verdict(value, f"not followed: {', '.join(missed)}" if missed else "")
