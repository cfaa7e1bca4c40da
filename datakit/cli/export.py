"""Write a data set to a file in TRL's format, with a manifest beside it."""

from typing import Annotated

import typer

from datakit.cli.render import Session, prints_reports
from schemas.options import ExportOptions
from schemas.report import Report


@prints_reports
def command(
    name: Annotated[str, typer.Argument(help="Data set: name or name@version.", show_default=False)],
    session: Session,
    options: ExportOptions,
) -> Report:
    """Parse, export, print."""
    from datakit.export import export
    from datakit.store import Store

    return export(name, options, store=Store(session.store_path))
