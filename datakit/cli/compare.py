"""Ask a judge which of two answers is better, in both orders; a verdict that flips with the order is a tie.

Example: datakit compare prompts --model Qwen/Qwen3-8B --base-url http://127.0.0.1:8000/v1
"""

from typing import Annotated

import typer

from datakit.cli.render import Session, prints_reports
from schemas.options import CompareOptions
from schemas.report import Report


@prints_reports
def command(
    name: Annotated[str, typer.Argument(help="Prompts with answers, or pairs: name[@version].", show_default=False)],
    session: Session,
    options: CompareOptions,
) -> Report:
    """Parse, compare, print."""
    from datakit.compare import compare
    from datakit.store import Store

    return compare(name, options, store=Store(session.store_path))
