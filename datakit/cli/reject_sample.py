"""Keep the best answers of each group as training examples (rejection sampling)."""

from typing import Annotated

import typer

from datakit.cli.render import Session, prints_reports
from schemas.options import GroupOptions, RewardOptions, SelectOptions
from schemas.report import Report

AsName = Annotated[str | None, typer.Option("--as", help="Name of the selection (default: NAME-best).")]


@prints_reports
def command(
    name: Annotated[str, typer.Argument(help="Scored data set: name or name@version.", show_default=False)],
    session: Session,
    reward: RewardOptions,
    groups: GroupOptions,
    options: SelectOptions,
    as_name: AsName = None,
) -> Report:
    """Parse, select, print."""
    from datakit.reject_sample import reject_sample
    from datakit.store import Store
    from rewards.spec import load_reward

    return reject_sample(
        name, options, reward=load_reward(reward), groups=groups, store=Store(session.store_path), name=as_name
    )
