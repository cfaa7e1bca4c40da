"""Labels on all of the assistant's turns, for any chat template whose turns do not change when more follow."""

from typing import Any

import pyarrow as pa

from train.harness.rows import Rows

IGNORED = -100
"""The label of a token that has no loss (torch's cross entropy)."""


def has_earlier_answers(rows: Rows) -> bool:
    """Whether any prompt holds an answer of the assistant, before the one that is asked for."""
    prompts = rows.train.data.column("prompt")
    turns = pa.compute.list_flatten(prompts)
    if pa.types.is_struct(turns.type):
        roles = pa.compute.struct_field(turns, "role")
        return bool(pa.compute.any(pa.compute.equal(roles, "assistant")).as_py())
    found = pa.compute.match_substring_regex(turns.cast(pa.string()), '"role"\\s*:\\s*"assistant"')
    return bool(pa.compute.any(found).as_py())


def with_assistant_labels(dataset: Any, tokenizer: Any) -> Any:
    """The data set tokenized, with labels on every turn of the assistant and nothing else.

    A turn's tokens are those that the conversation up to it has more than its beginning with the generation prompt.
    TRL takes tokenized rows as they are, and truncates and packs them itself.
    """

    def labelled(row: dict[str, Any]) -> dict[str, list[int]]:
        turns, tools = [*row["prompt"], *row["completion"]], row.get("tools")
        return labels_of(tokenizer, turns, tools)

    return dataset.map(labelled, remove_columns=["prompt", "completion"])


def labels_of(tokenizer: Any, turns: list[dict[str, Any]], tools: Any = None) -> dict[str, list[int]]:
    """Token ids of a conversation, and the same as labels where the assistant speaks."""

    def tokens(until: int, *, opened: bool = False) -> list[int]:
        found: list[int] = tokenizer.apply_chat_template(
            turns[:until], tools=tools, add_generation_prompt=opened, return_dict=False
        )
        return found

    ids = tokens(len(turns))
    labels = [IGNORED] * len(ids)
    for place, turn in enumerate(turns):
        if turn["role"] == "assistant":
            start = _shared(tokens(place, opened=True), ids)
            end = len(ids) if place + 1 == len(turns) else _shared(tokens(place + 1), ids)
            labels[start:end] = ids[start:end]
    return {"input_ids": ids, "labels": labels}


def _shared(one: list[int], other: list[int]) -> int:
    """Length of the common beginning."""
    pairs = zip(one, other, strict=False)
    return next((place for place, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
