"""TRL's RewardTrainer on answers with people's scores, instead of on pairs: mean squared error.

Imports TRL, so it is imported only where something is trained.
"""

import json
from collections.abc import Sequence
from typing import Any

import torch
from trl import RewardTrainer
from trl.data_utils import _tokenize
from trl.trainer.utils import pad

from datakit.labelled_rows import PREFIX


class RegressionTrainer(RewardTrainer):  # type: ignore[misc]  # TRL has no types
    """One output a dimension, in standard deviations (train/harness/reward_model.py: Scale); tokens as TRL has them."""

    _name = "Regression"

    def __init__(self, model: Any, **given: Any) -> None:
        config = model.config
        self._scale = config.score_scale
        labels = config.id2label, config.label2id
        config.num_labels = 1  # TRL refuses more, since a pair is compared by one
        given["data_collator"] = self._collate
        super().__init__(model=model, **given)
        config.id2label, config.label2id = labels

    def _collate(self, rows: Sequence[dict[str, Any]]) -> dict[str, torch.Tensor]:
        ids = [torch.tensor(row["input_ids"]) for row in rows]
        parts = {"input_ids": (ids, self.processing_class.pad_token_id)}
        parts["attention_mask"] = ([torch.ones_like(part) for part in ids], 0)
        multiple = self.args.pad_to_multiple_of
        found = {
            name: pad(those, padding_value=filler, padding_side="right", pad_to_multiple_of=multiple)
            for name, (those, filler) in parts.items()
        }
        return found | {"scores": torch.tensor([row["scores"] for row in rows], dtype=torch.float32)}

    def _prepare_dataset(self, dataset: Any, processing_class: Any, args: Any, dataset_name: str) -> Any:
        """Token ids, and scores in standard deviations with NaN for those that an answer lacks."""
        if "input_ids" in dataset.column_names:
            return dataset
        names = [name for name in dataset.column_names if name.startswith(PREFIX)]
        scale = list(zip(names, self._scale["mean"], self._scale["std"], strict=True))

        def prepared(row: dict[str, Any]) -> dict[str, Any]:
            tools = json.loads(row["tools"]) if isinstance(row.get("tools"), str) else None
            ids = _tokenize(processing_class, row["prompt"] + row["completion"], tools=tools)["input_ids"]
            said = [(float("nan") if row[name] is None else row[name], mean, std) for name, mean, std in scale]
            return {"input_ids": ids, "scores": [(value - mean) / std for value, mean, std in said]}

        dataset = dataset.map(prepared, num_proc=args.dataset_num_proc)
        if args.max_length is None:
            return dataset
        return dataset.filter(lambda row: len(row["input_ids"]) <= args.max_length, num_proc=args.dataset_num_proc)

    def _set_signature_columns_if_needed(self) -> None:
        self._signature_columns = ["input_ids", "scores"]

    def compute_loss(
        self, model: Any, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None
    ) -> Any:
        """Mean squared error over the scores that are there."""
        scores = inputs.pop("scores")
        outputs = model(**inputs, use_cache=False)
        there = ~torch.isnan(scores)
        # a missing score is put out before the subtraction: NaN times nothing would still be NaN in the gradient
        difference = torch.where(there, outputs.logits.float() - torch.nan_to_num(scores), 0.0)
        loss = difference.square().sum() / there.sum()
        return (loss, outputs) if return_outputs else loss
