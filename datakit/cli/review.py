"""Rate answers yourself: writes an HTML page to rate, prefer and flag on; `datakit ingest` reads what it saves.

Example: datakit review prompts --sample 50 --reward reward.yaml -o review.html
"""

from typing import Annotated

import typer

from datakit.cli.render import Session, prints_reports
from schemas.options import ReviewOptions, RewardOptions
from schemas.report import Report


@prints_reports
def command(
    name: Annotated[str, typer.Argument(help="Data set with answers: name or name@version.", show_default=False)],
    session: Session,
    options: ReviewOptions,
    reward: RewardOptions,
) -> Report:
    """Parse, draw or compare, print."""
    from datakit.review import agreement, review
    from datakit.store import Store
    from rewards.spec import load_reward

    store, loaded = Store(session.store_path), load_reward(reward) if reward.rules or reward.reward else None
    if options.agreement:
        return agreement(name, store=store, reward=loaded)
    return review(name, options, store=store, reward=loaded)
