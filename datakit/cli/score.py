"""Judge the candidates of a data set; only what was not judged yet."""

from typing import Annotated

import typer

from datakit.cli.render import Session, prints_reports
from schemas.options import GroupOptions, RewardOptions, ScoreOptions
from schemas.report import Report


@prints_reports
def command(
    name: Annotated[str, typer.Argument(help="Data set: name or name@version.", show_default=False)],
    session: Session,
    reward: RewardOptions,
    groups: GroupOptions,
    options: ScoreOptions,
) -> Report:
    """Parse, score, print."""
    from datakit.score import score
    from datakit.store import Store
    from rewards.spec import load_reward

    return score(name, options, reward=load_reward(reward), groups=groups, store=Store(session.store_path))
