"""Train on a data set of the store: sft, reward, dpo, grpo, ppo or kto, over TRL; resumes where it was stopped.

Example: datakit train dpo prompts-pairs --model M --config dpo.yaml -o trained/
"""

from typing import Annotated

import typer

from datakit.cli.render import Session, prints_reports
from schemas.options import TrainOptions
from schemas.report import Report


@prints_reports
def command(
    method: Annotated[str, typer.Argument(help="sft, reward, dpo, grpo, ppo or kto.", show_default=False)],
    name: Annotated[str, typer.Argument(help="Data set: name or name@version.", show_default=False)],
    session: Session,
    options: TrainOptions,
) -> Report:
    """Parse, train, print."""
    from datakit.store import Store
    from train.harness.folder import is_main_process
    from train.harness.stage import train

    report = train(method, name, options, store=Store(session.store_path))
    if not is_main_process():
        raise typer.Exit  # `accelerate launch` starts several; one of them speaks
    return report
