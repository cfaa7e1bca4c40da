"""Write the one file by which a trainer loads a reward: for TRL, OpenRLHF, verl, ms-swift or verifiers.

Example: datakit export-reward --reward reward.yaml --to verl -o reward_verl.py
"""

from datakit.cli.render import Session, prints_reports
from schemas.options import RewardOptions, ShimOptions
from schemas.report import Report


@prints_reports
def command(session: Session, reward: RewardOptions, options: ShimOptions) -> Report:
    """Parse, write, print."""
    from rewards.shim import export_reward

    use = export_reward(reward, options)
    return Report(stage="export-reward", output=str(options.output), notes=tuple(use.splitlines()))
