"""Serve a reward over HTTP, for trainers; a token in DATAKIT_TOKEN, if any, is what clients must send.

Example: datakit serve --reward reward.yaml --port 8000
"""

import os
import sys

from datakit.cli.render import Session, prints_reports
from schemas.options import RewardOptions
from schemas.report import Report
from schemas.service import TOKEN_VARIABLE, ServeOptions


@prints_reports
def command(session: Session, reward: RewardOptions, options: ServeOptions) -> Report:
    """Parse, serve, print."""
    from rewards.service.serve import serve
    from rewards.spec import load_reward

    token = os.environ.get(TOKEN_VARIABLE) or None
    service = serve(load_reward(reward), options, token=token, announce=_announce)
    return Report(stage="serve", counts=service.metrics.counts())


def _announce(line: str) -> None:
    sys.stderr.write(f"{line}\n")
    sys.stderr.flush()
