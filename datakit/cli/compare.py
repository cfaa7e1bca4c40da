"""Ask a judge which of two answers is better (--model), or compare two pair sets: pairs in common and turned round.

The judge sees both orders; a verdict that flips with the order is a tie.

Example: datakit compare prompts --model Qwen/Qwen3-8B --base-url http://127.0.0.1:8000/v1
"""

from typing import Annotated

import typer

from datakit.cli.render import Session, prints_reports
from schemas.errors import ConfigError
from schemas.options import CompareOptions
from schemas.report import Report


@prints_reports
def command(
    name: Annotated[str, typer.Argument(help="Prompts with answers, or pairs: name[@version].", show_default=False)],
    session: Session,
    context: typer.Context,
    options: CompareOptions | None,
    other: Annotated[str | None, typer.Argument(help="Another pair set; then no judge is asked.")] = None,
) -> Report:
    """Parse, compare, print."""
    from datakit.compare import compare
    from datakit.compare_pairs import compare_pairs
    from datakit.store import Store

    store = Store(session.store_path)
    if other is None:
        if options is None:
            raise ConfigError("compare needs a judge (--model M), or a second pair set (compare A B)")
        return compare(name, options, store=store)
    _refuse_judge(other, context)
    return compare_pairs(name, other, store=store)


def _refuse_judge(other: str, context: typer.Context) -> None:
    """The judge's options mean nothing where two sets are compared."""
    for field in CompareOptions.model_fields:
        source = context.get_parameter_source(field)
        if source is not None and source.name == "COMMANDLINE":
            flag = f"--{field.replace('_', '-')}"
            raise ConfigError(f"{flag} is for a judge; two sets are compared without one: leave out {other} or {flag}")
