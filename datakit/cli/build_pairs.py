"""From prompts, a model and rules to DPO pairs: ingest, generate, score and pair, doing only what the store lacks.

Example: datakit build-pairs prompts.jsonl --model M --rules my_rules.py -n 8 -o pairs.jsonl
"""

from collections.abc import Iterator
from typing import Annotated

import typer

from datakit.cli.render import Session, prints_reports
from schemas.options import (
    ExportOptions,
    GenerateOptions,
    GroupOptions,
    IngestOptions,
    PairOptions,
    RewardOptions,
    ScoreOptions,
)
from schemas.report import Report


@prints_reports
def command(
    source: Annotated[
        str,
        typer.Argument(help="Prompts file, or a data set of the store: name or name@version.", show_default=False),
    ],
    session: Session,
    reward: RewardOptions,
    generation: GenerateOptions | None,
    pairs: PairOptions,
    export: ExportOptions | None,
    groups: GroupOptions,
    scoring: ScoreOptions,
    ingestion: IngestOptions,
) -> Iterator[Report]:
    """Parse, run the main job, print. `--as` names the pair set; the prompts are named by their file."""
    from datakit.pipeline import Job, prompts_to_pairs
    from datakit.store import Store
    from rewards.spec import load_reward

    job = Job(
        reward=load_reward(reward),
        ingest=ingestion.model_copy(update={"name": None}),
        generate=generation,
        groups=groups,
        score=scoring,
        pairs=pairs,
        export=export,
        name=ingestion.name,
    )
    yield from prompts_to_pairs(source, job, store=Store(session.store_path))
