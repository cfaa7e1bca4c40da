"""Hugging Face transformers in this process."""

import gc
from collections.abc import Sequence
from typing import Any

import numpy as np

from rewards.model import Backend, Ids, Logits, Member
from rewards.model_settings import ModelSettings
from schemas.errors import ConfigError


class Transformers(Backend):
    """Padded batches through `AutoModelForSequenceClassification`, in float32 or bfloat16."""

    def __init__(self, member: Member, settings: ModelSettings) -> None:
        try:
            import torch
        except ImportError as error:
            raise ConfigError(f"reward models need torch and transformers ({error}): install datakit[train]") from error
        self._model = _load(member, settings)
        device = _device(settings)
        dtype = settings.dtype if settings.dtype != "auto" else _best_dtype(device)
        self._model = self._model.to(device, getattr(torch, dtype)).eval()
        self._pad_id = member.pad_id

    @classmethod
    def batch_tokens(cls, settings: ModelSettings) -> int:
        """See the base class. A CPU computes all the time, and a larger batch only leaves its caches."""
        return settings.batch_tokens or (512 if _device(settings) == "cpu" else 16_384)

    def logits(self, rows: Sequence[Ids]) -> Logits:
        """See the base class. A batch that the device has no room for is halved."""
        import torch

        if self._pad_id is None and len(rows) > 1:  # transformers itself cannot tell where a padded text ends
            return np.concatenate([self.logits([row]) for row in rows])
        try:
            return self._forward(rows)
        except torch.OutOfMemoryError:
            if len(rows) == 1:
                raise
        middle = len(rows) // 2
        return np.concatenate([self.logits(rows[:middle]), self.logits(rows[middle:])])

    def close(self) -> None:
        """See the base class."""
        import torch

        self._model = None
        gc.collect()
        if torch.cuda.is_available():
            torch.cuda.empty_cache()

    def _forward(self, rows: Sequence[Ids]) -> Logits:
        import torch

        longest = max(map(len, rows))
        ids = np.full((len(rows), longest), self._pad_id or 0, np.int64)
        mask = np.zeros((len(rows), longest), np.int64)
        for place, row in enumerate(rows):
            ids[place, : len(row)], mask[place, : len(row)] = row, 1
        device = self._model.device
        given = {"input_ids": torch.from_numpy(ids).to(device), "attention_mask": torch.from_numpy(mask).to(device)}
        with torch.inference_mode():
            logits = self._model(**given, use_cache=False).logits
        return np.asarray(logits.double().cpu().numpy())


def _device(settings: ModelSettings) -> str:
    import torch

    return settings.device or ("cuda" if torch.cuda.is_available() else "cpu")


def _load(member: Member, settings: ModelSettings) -> Any:
    """The model.

    Raises:
        ConfigError: it cannot be loaded, or its head would be drawn at random.
    """
    from safetensors import SafetensorError
    from transformers import AutoModelForSequenceClassification
    from transformers.utils import logging

    logging.disable_progress_bar()
    try:
        model, found = AutoModelForSequenceClassification.from_pretrained(
            member.folder, output_loading_info=True, **{"dtype": "auto", **settings.extra}
        )
    except (OSError, ValueError, TypeError, ImportError, SafetensorError) as error:
        raise ConfigError(f"cannot load reward model {member.folder}: {' '.join(str(error).split())[:300]}") from error
    if found["missing_keys"]:
        raise ConfigError(
            f"reward model {member.folder} lacks weights, which would be drawn at random: "
            f"{', '.join(sorted(found['missing_keys'])[:3])}"
        )
    return model


def _best_dtype(device: str) -> str:
    import torch

    return "bfloat16" if device.startswith("cuda") and torch.cuda.is_bf16_supported() else "float32"
