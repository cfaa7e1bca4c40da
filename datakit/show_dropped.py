"""What a cleaning dropped for one reason: each row beside the row that it is like, or what repairs changed."""

import duckdb

from datakit.datasets import Dataset
from datakit.show_cells import query_table
from schemas.errors import NotFoundError, did_you_mean
from schemas.report import Table

_TEXT = (
    "(SELECT (p.messages->'$[#-1]'->>'content') || ' → ' || c.text FROM candidates c JOIN prompts p USING (prompt_id)"
)
_LEDGER = "FROM ledger l WHERE run_id = ? AND reason = ? ORDER BY source, line LIMIT"

_ROWS = f"""
    SELECT l.line, detail->>'value' AS value, detail->>'allowed' AS "kept is",
        {_TEXT} WHERE c.candidate_id = l.item_id LIMIT 1) AS dropped,
        {_TEXT} WHERE c.candidate_id::VARCHAR = (l.detail->>'like') LIMIT 1) AS "like"
    FROM (SELECT * REPLACE (detail::JSON AS detail) {_LEDGER} {{limit}}) l
"""


def dropped_table(con: duckdb.DuckDBPyConnection, dataset: Dataset, reason: str, limit: int) -> Table:
    """The rows that the run of a data set wrote to the ledger for a reason.

    Raises:
        NotFoundError: it dropped nothing for that reason; the message names those that it has.
    """
    found = con.execute(
        "SELECT reason, count(*) FROM ledger WHERE run_id = ? GROUP BY reason", [dataset.run_id]
    ).fetchall()
    counts = dict(found)
    if reason not in counts:
        raise NotFoundError(f"{dataset} dropped nothing for {reason!r}; {did_you_mean(reason, counts)}")
    own = con.execute("SELECT stage FROM runs WHERE run_id = ?", [dataset.run_id]).fetchone()
    query = (
        _ROWS if own == ("clean",) and reason != "repaired" else f"SELECT source, line, detail, raw {_LEDGER} {{limit}}"
    )
    title = f"{reason}: {min(limit, counts[reason]):,} of {counts[reason]:,} rows"
    return query_table(con, title, query.format(limit=limit), [dataset.run_id, reason])
