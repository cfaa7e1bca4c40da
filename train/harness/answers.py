"""Answers of the trained model beside the base's: does training change lengths, refusals, sense?"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datakit.engine import Completion, Request
from datakit.engines.transformers import Transformers
from rewards.degeneration import degeneration_in
from rewards.live import last_user_turn
from rewards.refusal import refusal_in
from schemas.options import RecipeOptions
from schemas.report import Table
from train.harness.folder import is_main_process
from train.harness.trainer import Job


@dataclass(frozen=True, slots=True)
class Manner:
    """How a model answers, on average."""

    length: float
    """Characters."""
    truncated: float
    refusing: float
    degenerate: float
    """Shares of the answers."""


def compare_answers(job: Job, trainer: Any, prompts: int, max_tokens: int) -> None:
    """Let the base and the trained model answer held-out prompts (or others, where too few are held out).

    Adds `base/...` and `trained/...` figures to the job's metrics, and a table. Both draw with the same seeds.
    """
    if not is_main_process():
        return
    asked = _prompts(job, prompts)
    recipe = RecipeOptions(max_tokens=max_tokens)
    adapter = str(job.output) if job.model_arguments.use_peft else None
    trained = (job.model if adapter else str(job.output), recipe.model_copy(update={"adapter": adapter}))
    manners = {"base": _manner(job.model, recipe, asked), "trained": _manner(*trained, asked)}
    names = ("length", "truncated", "refusing", "degenerate")
    for who, manner in manners.items():
        job.metrics |= {f"{who}/{name}": round(getattr(manner, name), 4) for name in names}
    rows = tuple((who, *(round(getattr(manner, name), 3) for name in names)) for who, manner in manners.items())
    columns = ("model", "characters", "truncated", "refusing", "degenerate")
    job.tables.append(Table(title=f"Answers to {len(asked)} prompts (shares)", columns=columns, rows=rows))


def _prompts(job: Job, wanted: int) -> list[list[dict[str, Any]]]:
    """Distinct prompts, those held out first."""
    found: dict[str, list[dict[str, Any]]] = {}
    for dataset in (job.rows.validation, job.rows.train):
        for row in dataset.select_columns(["prompt_id", "prompt"]) if dataset is not None else ():
            if len(found) == wanted:
                return list(found.values())
            found.setdefault(row["prompt_id"], row["prompt"])
    return list(found.values())


def _manner(model: str, recipe: RecipeOptions, prompts: Sequence[list[dict[str, Any]]]) -> Manner:
    engine = Transformers(model=model)
    requests = [Request(str(place), turns, None, place) for place, turns in enumerate(prompts)]
    try:
        answers = [found for found in engine.generate(requests, recipe) if isinstance(found, Completion)]
    finally:
        engine.close()
    questions = {str(place): last_user_turn(turns) or "" for place, turns in enumerate(prompts)}
    count = max(1, len(answers))
    return Manner(
        length=sum(len(answer.text) for answer in answers) / count,
        truncated=sum(answer.finish_reason == "length" for answer in answers) / count,
        refusing=sum(bool(refusal_in(answer.text)) for answer in answers) / count,
        degenerate=sum(bool(degeneration_in(answer.text, questions[answer.key])) for answer in answers) / count,
    )
