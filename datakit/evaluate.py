"""Stage evaluate: models answer held-out prompts, and are compared by rewards, prompt by prompt."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from datakit.conditions import check_condition
from datakit.datasets import Dataset
from datakit.engine import Engine
from datakit.evaluate_figures import Comparison, compare, styles
from datakit.evaluate_models import Subject, subjects_of
from datakit.evaluate_page import Evaluation, render
from datakit.evaluate_prompts import choose_prompts
from datakit.evaluate_rows import evaluated, read_answers, read_judgement
from datakit.evaluate_tables import figures, tables, verdicts
from datakit.generate import generate
from datakit.inputs import check_columns
from datakit.report import write_page
from datakit.score import score
from datakit.store import Store
from rewards.spec import Reward
from schemas.errors import ConfigError, UserError
from schemas.options import EvaluateOptions, IngestOptions, ScoreOptions
from schemas.report import Report


@dataclass(frozen=True, slots=True)
class Job:
    """What models are evaluated by."""

    reward: Reward
    options: EvaluateOptions
    guard: Reward | None = None
    """A reward that no model was trained on: if it falls while the other rises, the other was hacked."""
    score: ScoreOptions = field(default_factory=ScoreOptions)
    ingest: IngestOptions = field(default_factory=IngestOptions)
    """How a file of prompts is read; condition and limit hold for a data set of the store too."""

    @property
    def rewards(self) -> tuple[Reward, ...]:
        """The reward, and the guard if there is one."""
        return (self.reward, self.guard) if self.guard else (self.reward,)


def evaluate(models: Sequence[str], job: Job, *, store: Store, engines: Mapping[str, Engine] | None = None) -> Report:
    """Compare models on prompts that none of them was trained on, drawing and judging only what the store lacks.

    Args:
        models: directories of models or of LoRA adapters, or names on a hub or a server; the others are compared with
            the first.
        job: prompts, sampling settings and rewards.
        store: where prompts, answers and outcomes are kept; answers have the origin `evaluate`.
        engines: engines by model, instead of the options' own; they are left open.

    Raises:
        NotFoundError: no such model, adapter's base, file or data set.
        ConfigError: options that do not fit each other, or a guard that is the reward.
        UserError: a model is given twice, was trained on a prompt, or answers nothing; nothing could be judged.
        StageStopped: too many requests or outcomes in a row failed alike; what was done is stored.
    """
    subjects = subjects_of(models, job.options)
    _check_guard(job)
    asked = choose_prompts(
        job.options.prompts, job.ingest, subjects, skip_trained=job.options.skip_trained, store=store
    )
    _check_columns(asked.dataset, job, store)
    drawn = [_draw(subject, asked.dataset, store, (engines or {}).get(subject.given)) for subject in subjects]
    scored = [
        score(str(asked.dataset), job.score, reward=reward, groups=evaluated(subjects), store=store)
        for reward in job.rewards
    ]
    with store.read() as con:
        answers = read_answers(con, asked.dataset, subjects)
        judgements = [read_judgement(con, asked.dataset, reward, subjects, answers) for reward in job.rewards]
    comparisons = [compare(answers, one, is_guard=one.reward is job.guard) for one in judgements]
    for comparison in comparisons:
        _check_rewarded(comparison)
    found = Evaluation(subjects, asked, job.options, answers, judgements[0], comparisons, styles(answers))
    report = _report(found, drawn, scored)
    return report if job.options.html is None else _with_page(report, found, job.options.html)


def _check_guard(job: Job) -> None:
    if job.guard is None:
        return
    same = [{**reward.describe(), "name": ""} for reward in job.rewards]
    if same[0] == same[1]:
        raise ConfigError("the guard is the reward itself; name a reward that no model was trained on")
    if job.guard.name == job.reward.name:
        raise ConfigError(f"reward and guard are both named {job.guard.name!r}; give one of them another `name:`")


def _check_columns(data: Dataset, job: Job, store: Store) -> None:
    """Known before hours of generation, not after them."""
    with store.read() as con:
        for reward in job.rewards:
            for scorer in reward.scorers:
                check_columns(con, data, scorer)
                check_condition(con, data, scorer)


def _draw(subject: Subject, data: Dataset, store: Store, engine: Engine | None) -> Report:
    drawn = generate(str(data), subject.generation, store=store, engine=engine, origin="evaluate")
    if drawn.counts["generated"] + drawn.counts["already there"] == 0:
        why = next((note for note in drawn.notes if note.startswith("first ")), "none was asked for (column n)")
        raise UserError(f"{subject.given} gave no answer to any of the prompts of {data}: {why}")
    return drawn


def _check_rewarded(comparison: Comparison) -> None:
    totals = [mean for mean in comparison.means if mean.scorer is None]
    if any(mean.answers for mean in totals):
        return
    failed, skipped = sum(mean.failed for mean in totals), sum(mean.skipped for mean in totals)
    raise UserError(
        f"no answer has a reward by {comparison.name}: on {failed:,} answers a rule failed, to {skipped:,} none "
        "applies; the answers are stored, mend the rules and run the same command again"
    )


def _with_page(report: Report, found: Evaluation, output: Path) -> Report:
    unchanged = write_page(output, render(found).encode("utf-8", "replace"))
    return report.model_copy(update={"output": str(output), "unchanged": unchanged})


def _report(found: Evaluation, drawn: Sequence[Report], scored: Sequence[Report]) -> Report:
    answers, shown = found.answers, (found.subjects, found.comparisons, found.styles)
    totals = [mean for mean in found.comparisons[0].means if mean.scorer is None]
    counts = {
        "models": len(found.subjects),
        "prompts": len(answers.prompts),
        "answers": answers.frame.height,
        "generated": sum(report.counts["generated"] for report in drawn),
        "missing": sum(report.counts.get("missing", 0) for report in drawn),
        "outcomes judged": sum(report.counts["judged"] for report in scored),
        "without reward": answers.frame.height - sum(mean.answers for mean in totals),
    }
    idle = not counts["generated"] and not counts["outcomes judged"]
    return Report(
        stage="evaluate",
        counts=counts,
        reasons=found.asked.left_out,
        notes=(
            *verdicts(*shown),
            *found.asked.notes,
            *_notes([*(subject.label for subject in found.subjects), *("" for _ in scored)], [*drawn, *scored]),
            *(("nothing to do: every prompt is answered and every answer judged",) if idle else ()),
        ),
        tables=tables(*shown),
        figures=figures(*shown),
        needs_attention=any(report.needs_attention for report in (*drawn, *scored)),
    )


def _notes(models: Sequence[str], reports: Sequence[Report]) -> Iterator[str]:
    """What the stages had to say, with the model that it is about; what they had not to do is not said."""
    for model, report in zip(models, reports, strict=True):
        for note in report.notes:
            if not note.startswith("nothing to do"):
                yield f"{model}: {note}" if model else note
