"""Draw groups of answers from models; only what the store lacks."""

from typing import Annotated

import typer

from datakit.cli.render import Session, prints_reports
from schemas.options import GenerateOptions
from schemas.report import Report


@prints_reports
def command(
    name: Annotated[str, typer.Argument(help="Data set: name or name@version.", show_default=False)],
    session: Session,
    options: GenerateOptions,
) -> Report:
    """Parse, generate, print."""
    from datakit.generate import generate
    from datakit.store import Store

    return generate(name, options, store=Store(session.store_path))
