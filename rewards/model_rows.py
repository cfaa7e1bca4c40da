"""What a reward model reads: conversations through its own chat template, as token ids, cut as the settings say."""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import pyarrow as pa

from rewards.admission import is_json
from rewards.model import Ids, Member, RewardModel
from rewards.scorer import Scorer
from rewards.tokens import ChatTokenizer, load_tokenizer
from schemas.errors import ConfigError


@dataclass(frozen=True, slots=True)
class Row:
    """An answer with its conversation, as the scorer's inputs gave them."""

    messages: Any
    completion: Any
    tools: Any


@dataclass(frozen=True, slots=True)
class Read:
    """What a model reads of a row; no ids where it cannot."""

    ids: Ids | None
    reason: str = ""
    """Why it cannot be read, or what was cut."""


def rows_of(scorer: Scorer, table: pa.Table) -> list[Row]:
    """The rows of a scorer's input table."""
    columns = [_values(scorer, table, name) for name in ("messages", "completion", "tools")]
    return [Row(*values) for values in zip(*columns, strict=True)]


def _values(scorer: Scorer, table: pa.Table, name: str) -> list[Any]:
    if name in scorer.constants:
        return [scorer.constants[name]] * len(table)
    if name not in table.column_names:
        return [None] * len(table)
    values: list[Any] = table.column(name).to_pylist()
    return [value and json.loads(value) for value in values] if is_json(table, name) else values


class Reader:
    """Renders and tokenizes for one member."""

    def __init__(self, model: RewardModel, member: Member) -> None:
        self.tokenizer = _tokenizer(model, member)
        self.pad_id = member.pad_id
        self.max_length = model.settings.max_length or member.context
        self.too_long = model.settings.too_long

    def read(self, rows: Sequence[Row]) -> list[Read]:
        """What the model reads of each row."""
        texts = [self._rendered(row) for row in rows]
        good = [text for text in texts if isinstance(text, str)]
        ids = iter(self.tokenizer.encode(good, add_special_tokens=False))
        return [self._cut(next(ids)) if isinstance(text, str) else text for text in texts]

    def _rendered(self, row: Row) -> str | Read:
        """The text that the model reads, or why there is none."""
        if not isinstance(row.completion, str):
            return Read(None, f"completion is {type(row.completion).__name__}, not a text")
        if not isinstance(row.messages, list) or not all(isinstance(turn, Mapping) for turn in row.messages):
            return Read(None, "messages is no list of turns")
        turns = [*row.messages, {"role": "assistant", "content": row.completion}]
        try:
            text = self.tokenizer.render(turns, tools=row.tools)
            text.encode()
        except ConfigError as error:
            return Read(None, str(error).rpartition("conversation: ")[2][:200] or "the chat template refuses it")
        except UnicodeEncodeError as error:
            return Read(None, f"half of a surrogate pair at character {error.start}, which no tokenizer takes")
        return text

    def _cut(self, found: list[int]) -> Read:
        ids = np.array(found, np.int32)
        if self.pad_id is not None:  # transformers reads the score before them, vLLM at them
            kept = np.flatnonzero(ids != self.pad_id)
            ids = ids[: kept[-1] + 1] if len(kept) else ids[:0]
        if not len(ids):
            return Read(None, "nothing to read: the chat template made no token of it")
        most = self.max_length
        if most is None or len(ids) <= most:
            return Read(ids)
        over = f"{len(ids)} tokens, of at most {most}"
        if self.too_long == "error":
            return Read(None, f"too long: {over}")
        if self.too_long == "keep_start":
            return Read(ids[:most], f"{over}: the last {len(ids) - most} were cut")
        return Read(ids[-most:], f"{over}: the first {len(ids) - most} were cut")


def batches(lengths: Sequence[int], most: int) -> Iterator[list[int]]:
    """Places of rows, the longest first, in batches of at most `most` tokens with their padding, or of one row."""
    batch: list[int] = []
    for place in sorted(range(len(lengths)), key=lambda place: -lengths[place]):
        if batch and (len(batch) + 1) * lengths[batch[0]] > most:
            yield batch
            batch = []
        batch.append(place)
    if batch:
        yield batch


def _tokenizer(model: RewardModel, member: Member) -> ChatTokenizer:
    """A member's tokenizer with the template that counts.

    Raises:
        ConfigError: it cannot be read, or there is no template.
    """
    tokenizer = load_tokenizer(member.folder)
    if model.template is not None:
        tokenizer = replace(tokenizer, templates={"default": model.template})
    if "default" not in tokenizer.templates:
        raise ConfigError(
            f"reward model {model.name} ({member.folder}) has no chat template; name a file of one: chat_template: FILE"
        )
    return tokenizer
