"""Describe an SFT set on one HTML page (what was dropped and why, lengths, languages, examples), or audit pairs.

Example: datakit report alpaca-clean -o alpaca.html
"""

from typing import Annotated

import typer

from datakit.cli.render import Session, prints_reports
from schemas.options import PageOptions
from schemas.report import Report


@prints_reports
def command(
    name: Annotated[str, typer.Argument(help="SFT or pair set: name or name@version.", show_default=False)],
    session: Session,
    options: PageOptions,
) -> Report:
    """Parse, describe, print."""
    from datakit.report import report
    from datakit.store import Store

    return report(name, options, store=Store(session.store_path))
