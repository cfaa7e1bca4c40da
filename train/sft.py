"""Supervised fine-tuning, on cleaned examples or on a rejection-sampled selection; loss on the assistant's turns."""

from collections.abc import Mapping
from dataclasses import replace
from math import log
from typing import Any, ClassVar, Literal

from pydantic import Field

from datakit.trl_rows import EXAMPLES
from train.harness.masks import has_earlier_answers, with_assistant_labels
from train.harness.models import freeze_bottom, model_shape, peft_config
from train.harness.trainer import Job, Trainer

SUGGESTED = ((7e9, 3e-5), (70e9, 1e-5))
"""Learning rates of full fine-tuning that the field uses, by number of weights."""
HIGHEST = 2e-4
"""The suggestion for the smallest models."""
FAR_OFF = 5.0
"""A learning rate this many times off the suggested one is warned of."""
LORA_FACTOR = 10.0
"""LoRA wants about ten times the rate of full fine-tuning (Biderman et al. 2024, "LoRA Learns Less and Forgets
Less")."""


class Sft(Trainer):
    """TRL's SFTTrainer."""

    form: ClassVar[str] = EXAMPLES
    config_name: ClassVar[str] = "SFTConfig"

    early_stopping: int | None = Field(3, ge=1)
    freeze_bottom: float = Field(0.0, ge=0, lt=1)
    """Share of the layers, from the bottom, that stay as they are (the embeddings with them)."""
    assistant_turns: Literal["all", "last"] = "all"
    """Turns of a conversation that are learnt: all of the assistant's, or its last one."""

    def defaults_for(self, model: str, lora: bool) -> Mapping[str, Any]:
        """A learning rate by the model's size."""
        shape = model_shape(model)
        return {"learning_rate": suggested_learning_rate(shape.weights, lora=lora)} if shape else {}

    def check(self, job: Job) -> None:
        """Warn of a learning rate that is far off for the model's size."""
        shape, lora = model_shape(job.model), bool(job.model_arguments.use_peft)
        if shape is None:
            return
        wanted, chosen = suggested_learning_rate(shape.weights, lora=lora), job.arguments.learning_rate
        if not wanted / FAR_OFF <= chosen <= wanted * FAR_OFF:
            job.notes.append(
                f"warning: learning_rate {chosen:.3g} is far from {wanted:.2g}, which suits a model of "
                f"{shape.weights:,} weights{' with LoRA' if lora else ''}"
            )

    def build(self, job: Job, model: Any) -> Any:
        """See the base class."""
        from trl import SFTTrainer

        if self.freeze_bottom:
            frozen = freeze_bottom(model, self.freeze_bottom)
            job.notes.append(f"the bottom {frozen} layers and the embeddings are frozen")
        rows = job.rows
        if self.assistant_turns == "all" and has_earlier_answers(rows):
            rows = replace(
                rows,
                train=with_assistant_labels(rows.train, job.tokenizer),
                validation=rows.validation and with_assistant_labels(rows.validation, job.tokenizer),
            )
        return SFTTrainer(
            model=model,
            args=job.arguments,
            train_dataset=rows.train,
            eval_dataset=rows.validation,
            processing_class=job.tokenizer,
            peft_config=peft_config(job),
        )


def suggested_learning_rate(size: float, *, lora: bool = False) -> float:
    """Learning rate for a model of so many weights.

    Full fine-tuning: 3e-5 at 7 billion and 1e-5 at 70 billion, the power law through the two elsewhere, at most 2e-4.
    """
    (small, high), (large, low) = SUGGESTED
    exponent = log(low / high) / log(large / small)
    return float(f"{min(HIGHEST, high * (size / small) ** exponent) * (LORA_FACTOR if lora else 1):.2g}")
