"""Drop a data set, a recipe with its answers, or all that a run wrote; says how many rows went.

Dropping a data set keeps its prompts and answers: other data sets may use them, and they cost the most.
"""

from typing import Annotated

import typer

from datakit.cli.render import Session, prints_reports
from schemas.report import Report


@prints_reports
def command(
    session: Session,
    name: Annotated[str | None, typer.Argument(help="Data set: name or name@version.", show_default=False)] = None,
    recipe: Annotated[str | None, typer.Option(help="Id of a recipe, or its beginning.")] = None,
    run: Annotated[str | None, typer.Option(help="Id of a run, or its beginning.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only count.")] = False,
) -> Report:
    """Parse, drop, print."""
    from datakit.drop import drop
    from datakit.store import Store

    return drop(name, recipe=recipe, run=run, dry_run=dry_run, store=Store(session.store_path))
