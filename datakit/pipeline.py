"""The main job: from a prompts file, a model and rules to DPO pairs, doing only what the store lacks."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

from datakit import datasets
from datakit.build_pairs import build_pairs
from datakit.conditions import check_condition
from datakit.export import export
from datakit.generate import generate
from datakit.ingest import ingest
from datakit.inputs import check_columns
from datakit.recipes import recipe_ids
from datakit.score import score
from datakit.show_dataset import example_pair
from datakit.store import Store
from datakit.strategy import load_strategy
from rewards.spec import Reward
from schemas.options import (
    ExportOptions,
    GenerateOptions,
    GroupOptions,
    IngestOptions,
    PairOptions,
    ScoreOptions,
)
from schemas.report import Report, Table


@dataclass(frozen=True, slots=True)
class Job:
    """The stages' options; a stage whose options are None is left out."""

    reward: Reward
    ingest: IngestOptions = field(default_factory=IngestOptions)
    generate: GenerateOptions | None = None
    groups: GroupOptions = field(default_factory=GroupOptions)
    score: ScoreOptions = field(default_factory=ScoreOptions)
    pairs: PairOptions = field(default_factory=PairOptions)
    export: ExportOptions | None = None
    name: str | None = None
    """Name of the pair set (default: the prompts' name and `-pairs`)."""


def prompts_to_pairs(source: str, job: Job, *, store: Store) -> Iterator[Report]:
    """Run the stages one after the other; yields each stage's report as soon as it is there.

    Args:
        source: a file, which is ingested, or else the name of a data set of the store.
        job: what to do.
        store: where everything is kept.

    Raises:
        UserError: of any stage. Strategy and rules are checked before anything is generated.
    """
    load_strategy(job.pairs)
    name = source
    if Path(source).exists():
        report = ingest(Path(source), job.ingest, store=store)
        yield report
        name = f"{report.dataset}@{report.version}"
    with store.read() as con:
        dataset = datasets.get(con, name)
        for scorer in job.reward.scorers:
            check_columns(con, dataset, scorer)
            check_condition(con, dataset, scorer)
    groups = job.groups
    if job.generate is not None:
        yield generate(str(dataset), job.generate, store=store)
        if not groups.recipe:  # a command that names models means their answers, whatever else the store has
            groups = groups.model_copy(update={"recipe": recipe_ids(job.generate)})
    scored = score(str(dataset), job.score, reward=job.reward, groups=groups, store=store)
    yield scored.model_copy(update={"tables": ()})
    pairs = build_pairs(
        str(dataset),
        job.pairs.model_copy(update={"tokenizer": _tokenizer(job)}),
        reward=job.reward,
        groups=groups,
        store=store,
        name=job.name or f"{dataset.name}-pairs",
    )
    yield pairs.model_copy(update={"tables": ()})
    if job.export is not None:
        yield export(f"{pairs.dataset}@{pairs.version}", job.export, store=store)
    yield _summary(scored, pairs, store)


def _tokenizer(job: Job) -> str | None:
    """The trainer's tokenizer is the model's own unless another is named."""
    if job.pairs.tokenizer or job.generate is None:
        return job.pairs.tokenizer
    model = Path(job.generate.model[0])
    return str(model) if (model / "tokenizer.json").exists() else None


def _summary(scored: Report, pairs: Report, store: Store) -> Report:
    """What a person wants to know at the end: how many became pairs, why the others did not, how the rules judged."""
    rows = [(name.replace("_", " "), pairs.counts[name]) for name in ("prompts", "candidates", "pairs")]
    dropped = sorted(pairs.reasons.items(), key=lambda item: -item[1])
    rows += [(f"prompts without a pair: {reason}", number) for reason, number in dropped]
    table = Table(title="From prompts to pairs", columns=("what", "number"), rows=tuple(rows))
    with store.read() as con:
        pair = example_pair(con, datasets.get(con, f"{pairs.dataset}@{pairs.version}"))
    tables = (*scored.tables, *pairs.tables, table, *((pair,) if pair else ()))
    return Report(stage="summary", dataset=pairs.dataset, version=pairs.version, tables=tables)
