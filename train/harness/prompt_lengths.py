"""Prompts as the chat template writes them: which of them leave room for an answer."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from train.harness.rows import Rows

TAIL = 64
"""Characters of a prompt's end."""


@dataclass(frozen=True, slots=True)
class Template:
    """A chat template with its arguments."""

    tokenizer: Any
    arguments: Mapping[str, Any]

    def length(self, prompt: list[dict[str, Any]]) -> int:
        """Tokens of a prompt."""
        found = self.tokenizer.apply_chat_template(
            prompt, add_generation_prompt=True, return_dict=False, **self.arguments
        )
        return len(found)

    def end_of(self, prompt: list[dict[str, Any]]) -> str:
        """How a prompt ends, before the answer."""
        text: str = self.tokenizer.apply_chat_template(
            prompt, add_generation_prompt=True, tokenize=False, **self.arguments
        )
        return text[-TAIL:]


def fitting(rows: Rows, template: Template, sizes: tuple[int, int]) -> Rows:
    """The rows whose prompts fit; the others are among `dropped`, as `prompt_too_long`.

    Args:
        rows: the prompts.
        template: how they are written.
        sizes: tokens of the model's context, and of the longest answer.

    Raises:
        TemplateError: the chat template refuses a prompt.
    """
    context, answer = sizes
    dropped: list[Mapping[str, object]] = [*rows.dropped]
    kept: dict[str, Any] = {"train": None, "validation": None}
    for name in kept:
        dataset = getattr(rows, name)
        places = []
        for place, row in enumerate(dataset or ()):
            length = template.length(row["prompt"])
            if length + answer <= context:
                places.append(place)
                continue
            detail = f"{length} tokens and max_completion_length {answer} exceed {context}"
            dropped.append({"reason": "prompt_too_long", "detail": detail, "item_id": row["prompt_id"]})
        kept[name] = dataset.select(places) if places or name == "train" else None
    return replace(rows, dropped=tuple(dropped), **kept)
