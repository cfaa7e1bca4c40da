"""What pairs say beside their texts: lengths of the two answers, and how much better the chosen one is."""

import pyarrow as pa

from datakit.datasets import Dataset
from schemas.errors import ConfigError
from train.harness.rows import Rows

LENGTHS = tuple(
    f"(SELECT length(text) FROM candidates c WHERE c.candidate_id = e.{side}_id) AS {side}_length"
    for side in ("chosen", "rejected")
)
"""Characters of the two answers, as columns of the rows (train.harness.rows.Reading.extras)."""


def file_margin(dataset: Dataset) -> str:
    """The column `margin` of an ingested preference file: what the line says that both answers are from."""
    name = dataset.name.replace("'", "''")
    return f"""(
        SELECT max(try_cast(a.columns->>'margin' AS DOUBLE)) FROM members a JOIN members b
            ON a.line = b.line AND a.source = b.source AND a.dataset = b.dataset AND a.version = b.version
        WHERE a.candidate_id = e.chosen_id AND b.candidate_id = e.rejected_id
            AND a.dataset = '{name}' AND a.version = {dataset.version}
    ) AS margin"""


def refuse_missing(rows: Rows) -> None:
    """Raises:
    ConfigError: a pair has no margin, or one that is no finite number.
    """
    parts = [part.data.column("margin") for part in (rows.train, rows.validation) if part is not None]
    margins = pa.chunked_array([chunk for part in parts for chunk in part.chunks], type=pa.float64())
    usable = pa.compute.sum(pa.compute.is_finite(margins)).as_py() or 0
    if usable < len(margins):
        raise ConfigError(
            f"{rows.dataset}: {len(margins) - usable:,} of {len(margins):,} pairs have no margin; leave out "
            "margin: true, or give every row a column `margin`"
        )
