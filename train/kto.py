"""Kahneman-Tversky optimization on answers that are good or bad, without pairs (Ethayarajh et al. 2024)."""

from dataclasses import replace
from typing import Any, ClassVar

import pyarrow as pa
from pydantic import Field

from datakit.labelled_rows import PREFIX
from datakit.store import Store
from datakit.trl_rows import EXAMPLES
from schemas.errors import ConfigError
from train.harness.labelled import dimensions_of, read_labelled
from train.harness.models import peft_config
from train.harness.rows import Reading, Rows, to_hugging_face
from train.harness.trainer import Job, Trainer

BAND = (1.0, 1.33)
"""desirable_weight x good answers over undesirable_weight x bad ones (equation 8 of the paper; TRL's KTOTrainer has the
same bounds, 4/3 rounded)."""


class Kto(Trainer):
    """TRL's KTOTrainer.

    The rows that are trained on are shuffled once: TRL goes through them in order (its KL term pairs neighbours), and a
    file often has its good answers first, or the answers to one prompt side by side.
    """

    form: ClassVar[str] = EXAMPLES
    config_name: ClassVar[str] = "KTOConfig"

    good_from: float = 0.5
    """An answer whose score is this or more is good, any other is bad; labels are scores of 1 and 0."""
    scorer: str | None = Field(None, min_length=1)
    """Whose scores (or which column of numbers), where the data set has several."""

    def read(self, store: Store, name: str, arguments: Any) -> Rows:
        """Answers with a `label`: true where they are good.

        Raises:
            ConfigError: nobody labelled them, several did, or all are alike.
        """
        how = Reading(self.form, self.validation, arguments.seed)
        rows = read_labelled(store, name, how, (self.scorer,) if self.scorer else ())
        names = dimensions_of(rows)
        if len(names) > 1:
            raise ConfigError(
                f"{rows.dataset} is scored by {', '.join(names)}; name one of them, such as scorer: {names[0]}"
            )
        _refuse_one_label(rows, names[0], self.good_from)
        train = self._labelled(rows.train).shuffle(arguments.seed).flatten_indices()
        return replace(rows, train=train, validation=rows.validation and self._labelled(rows.validation))

    def _labelled(self, dataset: Any) -> Any:
        """The dataset with `label` in the place of the score."""
        table = dataset.data.table
        (name,) = [name for name in table.column_names if name.startswith(PREFIX)]
        label = pa.compute.greater_equal(table.column(name), self.good_from)
        return to_hugging_face(table.drop_columns(name).append_column("label", label))

    def check(self, job: Job) -> None:
        """Refuse batches of one row; say how good and bad answers are balanced.

        Raises:
            ConfigError: the KL term needs larger batches.
        """
        arguments = job.arguments
        if arguments.per_device_train_batch_size < 2 and arguments.loss_type == "kto":
            raise ConfigError(
                "kto estimates the KL term from the other rows of a batch; set per_device_train_batch_size to 2 or more"
            )
        good = sum(job.rows.train["label"])
        job.notes.append(_balance(good, job.rows.size - good, arguments))

    def build(self, job: Job, model: Any) -> Any:
        """See the base class."""
        from trl import KTOTrainer

        return KTOTrainer(
            model=model,
            args=job.arguments,
            train_dataset=job.rows.train,
            eval_dataset=job.rows.validation,
            processing_class=job.tokenizer,
            peft_config=peft_config(job),
        )


def _refuse_one_label(rows: Rows, name: str, bound: float) -> None:
    """Raises:
    ConfigError: all answers that are trained on are good, or all are bad.
    """
    scores = rows.train.data.column(PREFIX + name)
    found = pa.compute.min_max(scores).as_py()
    low, high = found["min"], found["max"]
    if low < bound <= high:
        return
    word = "good" if low >= bound else "bad"
    raise ConfigError(
        f"{rows.dataset}: all {len(scores):,} answers are {word} (scores of {name} from {low:g} to {high:g}, good_from "
        f"{bound:g}); KTO needs good and bad ones"
        + (f": set good_from between {low:g} and {high:g}" if low < high else "")
    )


def _balance(good: int, bad: int, arguments: Any) -> str:
    """A note on the numbers of good and bad answers, with the weights that even them out."""
    low, high = BAND
    ratio = arguments.desirable_weight * good / (arguments.undesirable_weight * bad)
    counts = f"{good:,} good and {bad:,} bad answers"
    if low <= round(ratio, 2) <= high:
        return counts
    desirable = arguments.undesirable_weight * bad / good
    undesirable = arguments.desirable_weight * good / bad
    return (
        f"warning: {counts}, {ratio:.2f} : 1 with their weights, and KTO wants 1 : 1 to 4 : 3; set either "
        f"desirable_weight to {desirable * low:.2f}-{desirable * high:.2f} "
        f"or undesirable_weight to {undesirable / high:.2f}-{undesirable / low:.2f}"
    )
