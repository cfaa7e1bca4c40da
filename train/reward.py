"""Reward models: from pairs (Bradley & Terry 1952, by TRL) or from people's scores of single answers (regression)."""

from typing import Any, ClassVar, Literal

import numpy as np

from datakit import datasets
from datakit.datasets import Dataset
from datakit.store import Store
from datakit.trl_rows import PREFERENCE, create_exported
from schemas.errors import ConfigError
from train.harness.labelled import dimensions_of, read_labelled
from train.harness.pair_margins import LENGTHS, file_margin, refuse_missing
from train.harness.preference_figures import accuracy, by_length, pair_metrics, pair_tables, prefers_longer
from train.harness.reward_model import (
    Numbers,
    finished_model,
    head_peft_config,
    load_sequence_model,
    outputs_of,
    refuse_padding,
    scale_of,
    scores_of,
    separate_padding,
)
from train.harness.rows import Reading, Rows, read_rows
from train.harness.score_figures import score_figures, score_table
from train.harness.trainer import Job, Trainer


class Reward(Trainer):
    """TRL's RewardTrainer on pairs; a small subclass of it on scores.

    People's scores are standardised, each dimension by the mean and the standard deviation of the scores that are
    trained on. Both are in the saved model's config.json, so that a score comes back in the people's unit:
    `score = output * score_scale["std"][k] + score_scale["mean"][k]` for dimension k, whose name is `id2label[k]`.
    """

    form: ClassVar[str] = PREFERENCE
    config_name: ClassVar[str] = "RewardConfig"
    too_long: ClassVar[str] = "longer than"

    objective: Literal["auto", "pairs", "scores"] = "auto"
    """Learn from pairs or from scores; auto: pairs where the data set has them and no `dimensions` are given."""
    dimensions: tuple[str, ...] = ()
    """Scorers or columns of numbers to learn, an output each; empty: all scorers that the data set has."""
    margin: bool = False
    """The loss asks for the pair's margin between the rewards: that of built pairs, or a file's column `margin`."""

    def read(self, store: Store, name: str, arguments: Any) -> Rows:
        """Pairs, or answers with their scores.

        Raises:
            ConfigError: the data set has neither, or not what the settings ask for.
        """
        with store.read() as con:
            dataset = datasets.get(con, name)
            has_pairs = create_exported(con, dataset) == PREFERENCE
        how = Reading(PREFERENCE, self.validation, arguments.seed, extras=LENGTHS)
        if self.objective == "pairs" or (self.objective == "auto" and has_pairs and not self.dimensions):
            return self._pairs(store, dataset, how)
        if self.margin:
            raise ConfigError(f"margin is for pairs, and {dataset} is read for its scores; leave it out")
        return read_labelled(store, name, Reading(how.form, how.validation, how.seed), self.dimensions)

    def _pairs(self, store: Store, dataset: Dataset, how: Reading) -> Rows:
        if self.dimensions:
            raise ConfigError("dimensions are for scores; leave them out, or set objective: scores")
        built = dataset.kind == "pairs"
        extras = how.extras if built or not self.margin else (*how.extras, file_margin(dataset))
        how = Reading(how.form, how.validation, how.seed, margin=self.margin and built, extras=extras)
        rows = read_rows(store, str(dataset), how)
        if self.margin:
            refuse_missing(rows)
        return rows

    def check(self, job: Job) -> None:
        """Refuse scores without spread; say what is learnt.

        Raises:
            ConfigError: all scores of a dimension are equal.
        """
        if names := dimensions_of(job.rows):
            scale_of(job.rows)
            missing = np.isnan(scores_of(job.rows.train)).sum(axis=0)
            found = [f"{name} ({many:,} missing)" if many else name for name, many in zip(names, missing, strict=True)]
            job.notes.append(f"learns people's scores, an output each: {', '.join(found)}")

    def loads(self, job: Job) -> Any:
        """The model with a head of scores."""
        return load_sequence_model(job)

    def build(self, job: Job, model: Any) -> Any:
        """See the base class."""
        from trl import RewardTrainer

        from train.harness.regression import RegressionTrainer

        separate_padding(job.tokenizer)
        scored = bool(dimensions_of(job.rows))
        worker = (RegressionTrainer if scored else RewardTrainer)(
            model=model,
            args=job.arguments,
            train_dataset=job.rows.train,
            eval_dataset=job.rows.validation,
            processing_class=job.tokenizer,
            peft_config=head_peft_config(job),
        )
        if len(worker.train_dataset):
            refuse_padding(job, worker.train_dataset[0]["input_ids" if scored else "chosen_ids"])
        return worker

    def finish(self, job: Job, trainer: Any) -> None:
        """Figures on held-out prompts; with LoRA, save the model whole."""
        model = finished_model(job, trainer)
        held_out = trainer.eval_dataset
        if held_out is None or not len(held_out):
            job.notes.append("no accuracy: nothing is held out (validation: 0.05 holds out prompts, of 20 or more)")
        elif dimensions_of(job.rows):
            _describe_scores(job, held_out, outputs_of(model, held_out["input_ids"][:], job))
        else:
            sides = [outputs_of(model, held_out[name][:], job)[:, 0] for name in ("chosen_ids", "rejected_ids")]
            _describe_pairs(job, held_out, sides[0] - sides[1])


def _describe_pairs(job: Job, held_out: Any, margins: Numbers) -> None:
    """Metrics, tables, and a warning where the model goes by length."""
    lengths = [np.array(held_out[name][:], dtype=np.float64) for name in ("chosen_length", "rejected_length")]
    groups = by_length(margins, lengths[0], lengths[1])
    job.metrics |= pair_metrics(margins, groups)
    job.tables += pair_tables(margins, groups)
    whole = accuracy(margins)
    low, high = whole.interval or (0.0, 1.0)
    job.notes.append(f"held-out accuracy {whole.value:.3f} ({low:.3f} to {high:.3f}) on {whole.pairs:,} pairs")
    if prefers_longer(groups):
        longer, shorter = groups["longer"], groups["shorter"]
        job.notes.append(
            f"warning: the model goes by length: right on {longer.right} of {longer.pairs} held-out pairs whose chosen "
            f"answer is longer, on {shorter.right} of {shorter.pairs} whose chosen answer is shorter"
        )


def _describe_scores(job: Job, held_out: Any, outputs: Numbers) -> None:
    """Metrics and a table in the people's unit."""
    said, predicted = scores_of(held_out), scale_of(job.rows).to_people(outputs)
    lengths = np.array(held_out["length"][:], dtype=np.float64)
    figures = {
        name: score_figures(said[:, place], predicted[:, place], lengths)
        for place, name in enumerate(dimensions_of(job.rows))
    }
    job.tables.append(score_table(figures))
    for name, found in figures.items():
        job.metrics |= {f"held_out/{name}/{what}": round(value, 4) for what, value in found.items()}
