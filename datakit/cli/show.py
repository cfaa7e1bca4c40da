"""Look into the store: everything, one data set, or one prompt with its group, outcomes and pairs."""

from typing import Annotated

import typer

from datakit.cli.render import Session, prints_reports
from schemas.report import Report


@prints_reports
def command(
    session: Session,
    name: Annotated[str | None, typer.Argument(help="Data set: name or name@version.", show_default=False)] = None,
    prompt: Annotated[str | None, typer.Option(help="Id of a prompt, or its beginning.")] = None,
    dropped: Annotated[str | None, typer.Option(help="Reason of the ledger: show the rows that went for it.")] = None,
    limit: Annotated[int, typer.Option(help="Rows a table.", min=1)] = 10,
) -> Report:
    """Parse, look, print."""
    from datakit.show import show
    from datakit.store import Store

    return show(name, prompt=prompt, dropped=dropped, limit=limit, store=Store(session.store_path))
