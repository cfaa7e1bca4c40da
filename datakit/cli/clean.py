"""Clean an SFT set: repairs, filters and duplicates, with the reason of every dropped row.

Example: datakit clean alpaca --as alpaca-clean --config clean.yaml
"""

from typing import Annotated

import typer

from datakit.cli.render import Session, prints_reports
from schemas.options import CleanOptions, RewardOptions
from schemas.report import Report

AsName = Annotated[str | None, typer.Option("--as", help="Name of the clean set (default: NAME-clean).")]


@prints_reports
def command(
    name: Annotated[str, typer.Argument(help="SFT data set: name or name@version.", show_default=False)],
    session: Session,
    options: CleanOptions,
    reward: RewardOptions,
    as_name: AsName = None,
) -> Report:
    """Parse, clean, print."""
    from datakit.clean import clean
    from datakit.store import Store
    from rewards.spec import load_reward

    named = load_reward(reward) if reward.rules or reward.reward else None
    return clean(name, options, store=Store(session.store_path), reward=named, name=as_name)
