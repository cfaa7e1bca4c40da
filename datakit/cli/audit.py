"""What is wrong with a set of pairs? Length, copies, contradictions, leaks, cut-off sides, phrases that give it away.

Example: datakit audit pairs --held-out eval --tokenizer model/ --fix
"""

from typing import Annotated

import typer

from datakit.cli.render import Session, prints_reports
from schemas.options import AuditOptions
from schemas.report import Report


@prints_reports
def command(
    dataset: Annotated[
        str, typer.Argument(metavar="NAME", help="Pairs, built or ingested: name or name@version.", show_default=False)
    ],
    session: Session,
    options: AuditOptions,
) -> Report:
    """Parse, examine, print."""
    from datakit.audit import audit
    from datakit.store import Store

    if session.json_output:
        options = options.model_copy(update={"details": True})
    return audit(dataset, options, store=Store(session.store_path))
