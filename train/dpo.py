"""Direct preference optimization on pairs (Rafailov et al. 2023); the reference is the model it starts from."""

from typing import Any, ClassVar

from pydantic import Field

from datakit.trl_rows import PREFERENCE
from schemas.errors import ConfigError
from train.harness.ambiguous import count_ambiguous
from train.harness.answers import compare_answers
from train.harness.models import peft_config
from train.harness.trainer import Job, Trainer

BETA_BAND = (0.05, 1.0)
"""A beta outside is warned of: the policy drifts from the reference, or hardly moves."""


class Dpo(Trainer):
    """TRL's DPOTrainer."""

    form: ClassVar[str] = PREFERENCE
    config_name: ClassVar[str] = "DPOConfig"

    ambiguous_margin: float = Field(0.05, ge=0)
    """A pair whose rewards differ by less is ambiguous."""
    ambiguous_similarity: float = Field(0.95, ge=0, le=1)
    """Where pairs have no rewards, one whose texts are more alike is ambiguous; and one that people split on."""
    max_ambiguous: float = Field(0.1, ge=0, le=1)
    """Largest share of ambiguous pairs that is trained on; 1 takes any."""
    sample_answers: int = Field(32, ge=0)
    """Held-out prompts that the base and the trained model answer, to compare lengths and refusals; 0 asks none."""
    sample_tokens: int = Field(256, ge=1)
    """Longest of these answers, in tokens."""

    def check(self, job: Job) -> None:
        """Refuse a set with many ambiguous pairs; warn of an unusual beta.

        Raises:
            ConfigError: more than `max_ambiguous` of the pairs are ambiguous.
        """
        low, high = BETA_BAND
        if not low <= job.arguments.beta <= high:
            job.notes.append(f"warning: beta {job.arguments.beta:g} is outside {low:g} to {high:g}")
        found = count_ambiguous(job.store, job.rows, self.ambiguous_margin, self.ambiguous_similarity)
        share = found.ambiguous / found.pairs
        if share > self.max_ambiguous:
            raise ConfigError(
                f"{job.rows.dataset}: {found.ambiguous:,} of {found.pairs:,} pairs ({share:.0%}) are ambiguous "
                f"({found.how}); build them with a larger --min-margin or --min-distance, or allow it with "
                f"max_ambiguous: {min(1.0, round(share + 0.005, 2)):g}"
            )
        if found.ambiguous:
            job.notes.append(f"{found.ambiguous:,} of {found.pairs:,} pairs are ambiguous ({found.how})")

    def build(self, job: Job, model: Any) -> Any:
        """See the base class."""
        from trl import DPOTrainer

        return DPOTrainer(
            model=model,
            args=job.arguments,
            train_dataset=job.rows.train,
            eval_dataset=job.rows.validation,
            processing_class=job.tokenizer,
            peft_config=peft_config(job),
        )

    def finish(self, job: Job, trainer: Any) -> None:
        """Compare answers of the trained model with the base's."""
        if self.sample_answers:
            compare_answers(job, trainer, self.sample_answers, self.sample_tokens)
