"""Is a reward being hacked, or useless? Length, saturation, ties, conflicts, phrases that win, weights, refusals.

Example: datakit diagnose prompts --reward reward.yaml --fail-on-warning
"""

from typing import Annotated

import typer

from datakit.cli.render import Session, prints_reports
from schemas.options import DiagnoseOptions, GroupOptions, RewardOptions
from schemas.report import Report


@prints_reports
def command(
    name: Annotated[str, typer.Argument(help="Scored data set: name or name@version.", show_default=False)],
    session: Session,
    reward: RewardOptions,
    options: DiagnoseOptions,
    groups: GroupOptions,
) -> Report:
    """Parse, examine, print."""
    from datakit.diagnose import diagnose
    from datakit.store import Store
    from rewards.spec import load_reward

    if session.json_output:
        options = options.model_copy(update={"details": True})
    return diagnose(name, options, reward=load_reward(reward), groups=groups, store=Store(session.store_path))
