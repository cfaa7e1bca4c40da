"""A language-model loss on good examples beside another loss: what the policy could say, it does not forget."""

from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

import numpy as np
import pyarrow as pa

from datakit.store import Store
from datakit.trl_rows import EXAMPLES
from schemas.errors import ConfigError
from train.harness.masks import IGNORED, with_assistant_labels
from train.harness.rows import Reading, Rows, read_rows
from train.harness.trainer import Job


@dataclass(frozen=True)
class Mix:
    """Tokenized examples, and how much their loss weighs."""

    examples: Any
    """A dataset with input_ids and labels."""
    weight: float
    size: int
    """Examples in a batch."""
    padding: int
    seed: int

    def batch(self, number: int) -> dict[str, Any]:
        """The number-th batch, as tensors; the examples come in a new order each time round."""
        import torch

        places = [self._place(number * self.size + k) for k in range(self.size)]
        rows = [self.examples[place] for place in places]
        longest = max(len(row["input_ids"]) for row in rows)

        def padded(name: str, value: int) -> Any:
            return torch.tensor([row[name] + [value] * (longest - len(row[name])) for row in rows])

        mask = torch.tensor([[k < len(row["input_ids"]) for k in range(longest)] for row in rows]).long()
        return {
            "input_ids": padded("input_ids", self.padding),
            "attention_mask": mask,
            "labels": padded("labels", IGNORED),
        }

    def loss(self, model: Any, number: int, device: Any) -> Any:
        """Mean cross entropy of the assistant's tokens of the number-th batch."""
        return model(**{name: tensor.to(device) for name, tensor in self.batch(number).items()}).loss

    def _place(self, drawn: int) -> int:
        turn, at = divmod(drawn, len(self.examples))
        return int(_order(len(self.examples), self.seed, turn)[at])


@lru_cache(maxsize=2)
def _order(length: int, seed: int, turn: int) -> np.ndarray:
    return np.random.default_rng([seed, turn]).permutation(length)


def with_prompts_of(rows: Rows, store: Store, name: str) -> Rows:
    """The rows, the prompts of these examples among those that the training sees.

    Raises:
        NotFoundError: there is no set of that name.
        ConfigError: it holds no answers.
    """
    examples = read_rows(store, name, Reading(EXAMPLES, 0.0, 0))
    return replace(rows, prompt_ids=pa.compute.unique(pa.concat_arrays([rows.prompt_ids, examples.prompt_ids])))


def mix_of(job: Job, name: str, weight: float, max_length: int) -> Mix:
    """The examples of a data set, tokenized; longer ones are cut off, as TRL's SFT does.

    Raises:
        ConfigError: no answer begins within `max_length`.
    """
    examples = read_rows(job.store, name, Reading(EXAMPLES, 0.0, job.arguments.seed))
    rows = with_assistant_labels(examples.train, job.tokenizer)

    def cut(row: dict[str, Any]) -> dict[str, Any]:
        return {key: row[key][:max_length] for key in ("input_ids", "labels")}

    def has_answer(row: dict[str, Any]) -> bool:
        return any(label != IGNORED for label in row["labels"])

    kept = rows.map(cut).filter(has_answer)
    if len(kept) == 0:
        raise ConfigError(f"sft_dataset {name}: no answer begins within sft_max_length {max_length}; raise it")
    if len(kept) < len(rows):
        job.notes.append(
            f"{len(rows) - len(kept)} examples of {name} are left out: the prompt fills {max_length} tokens"
        )
    arguments = job.arguments
    return Mix(kept, weight, arguments.per_device_train_batch_size, job.tokenizer.pad_token_id, arguments.seed)
