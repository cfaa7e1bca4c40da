"""Compare models on held-out prompts: rewards with intervals, differences prompt by prompt, lengths, a guard.

Example: datakit evaluate out/sft out/dpo --prompts heldout.jsonl --reward reward.yaml --html evaluation.html
"""

from typing import Annotated

import typer

from datakit.cli.render import Session, prints_reports
from schemas.options import EvaluateOptions, IngestOptions, RewardOptions, ScoreOptions
from schemas.report import Report


@prints_reports
def command(
    models: Annotated[
        list[str],
        typer.Argument(
            help="Directories of models or LoRA adapters, or hub names; the others are compared with the first.",
            show_default=False,
        ),
    ],
    session: Session,
    options: EvaluateOptions,
    reward: RewardOptions,
    scoring: ScoreOptions,
    ingestion: IngestOptions,
) -> Report:
    """Parse, compare, print."""
    from datakit.evaluate import Job, evaluate
    from datakit.store import Store
    from rewards.spec import load_reward

    job = Job(
        reward=load_reward(reward),
        options=options,
        guard=load_reward(RewardOptions(reward=options.guard)) if options.guard else None,
        score=scoring,
        ingest=ingestion,
    )
    return evaluate(models, job, store=Store(session.store_path))
