"""Read a file of prompts, examples or preferences into the store.

Reads JSON, JSONL, CSV, Parquet (also .gz and .zst) and saved HF data sets, and says which format it recognised.
"""

from pathlib import Path
from typing import Annotated

import typer

from datakit.cli.render import Session, prints_reports
from schemas.options import IngestOptions
from schemas.report import Report


@prints_reports
def command(
    file: Annotated[
        Path, typer.Argument(help="The file, or the directory of a saved HF data set.", show_default=False)
    ],
    session: Session,
    options: IngestOptions,
) -> Report:
    """Parse, ingest, print."""
    from datakit.ingest import ingest
    from datakit.store import Store

    return ingest(file, options, store=Store(session.store_path))
