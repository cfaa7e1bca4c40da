"""Run SQL on the store; read-only unless --write."""

from typing import Annotated

import typer

from datakit.cli.render import Session, prints_reports
from schemas.report import Report


@prints_reports
def command(
    query: Annotated[str, typer.Argument(help="One or more SQL statements (DuckDB's dialect).", show_default=False)],
    session: Session,
    write: Annotated[bool, typer.Option("--write", help="Allow the statements to change the store.")] = False,
    limit: Annotated[int, typer.Option(help="Show at most this many rows.", min=1)] = 100,
) -> Report:
    """Parse, query, print."""
    from datakit.sql import sql
    from datakit.store import Store

    return sql(query, write=write, limit=limit, store=Store(session.store_path))
