"""TRL's trainer of a job; rows that it cannot use are found and named, instead of dropped in silence."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from jinja2 import TemplateError

from schemas.errors import ConfigError
from train.harness.rows import Rows
from train.harness.trainer import Job, Trainer

Dropped = Mapping[str, object]
"""A row of the ledger."""


def build(trainer: Trainer, job: Job) -> tuple[Any, list[Dropped]]:
    """TRL's trainer, and what it does not train on.

    Returns:
        The trainer, and ledger rows: `template_refuses` (the chat template raises an error for the conversation) and
        `too_long` (what that means to TRL, the trainer says: mostly that the prompt alone fills max_length).

    Raises:
        ConfigError: no row is left.
    """
    dropped: list[Dropped] = []
    if job.rows.validation is None and job.arguments.eval_strategy != "no":
        _without_evaluation(job)
    try:
        worker = trainer.build(job, trainer.loads(job))
    except TemplateError:
        job.rows, dropped = _without_refused(job.rows, job.tokenizer)
        worker = trainer.build(job, trainer.loads(job))
    dropped += [*job.rows.dropped, *_too_long(job.rows, worker, trainer.too_long)]
    if len(worker.train_dataset) == 0:
        reasons = sorted({str(row["reason"]) for row in dropped})
        raise ConfigError(f"{job.rows.dataset}: no row is left to train on ({', '.join(reasons)}); raise max_length")
    return worker, dropped


def _without_evaluation(job: Job) -> None:
    """TRL's config for a set that is too small to hold anything out."""
    from transformers.trainer_utils import IntervalStrategy

    job.notes.append("nothing is held out: no evaluation, and no early stopping")
    job.arguments.eval_strategy = IntervalStrategy.NO
    job.arguments.do_eval = job.arguments.load_best_model_at_end = False


def _without_refused(rows: Rows, tokenizer: Any) -> tuple[Rows, list[Dropped]]:
    """The rows without those that the chat template refuses.

    Raises:
        ConfigError: it refuses all.
    """
    dropped: list[Dropped] = []
    kept: dict[str, Any] = {}
    for name in ("train", "validation"):
        dataset, places = getattr(rows, name), []
        for place, row in enumerate(dataset or ()):
            if said := _refusal(row, tokenizer):
                dropped.append({"reason": "template_refuses", "detail": said, "item_id": row["prompt_id"]})
            else:
                places.append(place)
        kept[name] = dataset.select(places) if places else None
    if kept["train"] is None:
        raise ConfigError(f"{rows.dataset}: the chat template refuses every row: {dropped[0]['detail']}")
    return replace(rows, **kept), dropped


def _refusal(row: Mapping[str, Any], tokenizer: Any) -> str:
    """What the chat template says against a row; empty where it renders."""
    sides = [row[name] for name in ("completion", "chosen", "rejected") if name in row] or [[]]
    try:
        tokenizer.apply_chat_template(row["prompt"], tokenize=False, add_generation_prompt=True)
        for side in sides:
            tokenizer.apply_chat_template(row["prompt"] + side, tokenize=False)
    except TemplateError as error:
        return str(error) or type(error).__name__
    return ""


def _too_long(rows: Rows, worker: Any, why: str) -> list[Dropped]:
    """Rows that TRL left out; unknown where it packed them, which leaves none out."""
    if "row" not in worker.train_dataset.column_names:
        return []
    kept = set(worker.train_dataset["row"])
    limit = getattr(worker.args, "max_length", None)
    detail = f"{why} max_length {limit}"
    given = rows.train.select_columns(["row", "prompt_id"])
    return [{"reason": "too_long", "detail": detail, "item_id": r["prompt_id"]} for r in given if r["row"] not in kept]
