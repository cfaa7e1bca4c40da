"""Explain one answer's reward: each outcome and reason, what it counts as, requirements, and the result.

Example: datakit explain 3f2a --reward reward.yaml
"""

from typing import Annotated

import typer

from datakit.cli.render import Session, prints_reports
from schemas.options import RewardOptions
from schemas.report import Report


@prints_reports
def command(
    candidate: Annotated[str, typer.Argument(help="Id of a candidate, or its beginning.", show_default=False)],
    session: Session,
    reward: RewardOptions,
    dataset: Annotated[
        str | None, typer.Option(help="Data set whose columns count (default: the newest that has the answer).")
    ] = None,
) -> Report:
    """Parse, explain, print. Without --reward and --rules: the rewards of the store that have judged the answer."""
    from datakit.explain import explain
    from datakit.store import Store
    from rewards.spec import load_reward

    named = load_reward(reward) if reward.reward or reward.rules else None
    return explain(candidate, reward=named, dataset=dataset, store=Store(session.store_path))
