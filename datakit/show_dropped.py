"""What a run dropped for one reason; of a cleaning, each row beside the row that it is like."""

import duckdb

from datakit.datasets import Dataset
from datakit.show_cells import query_table
from schemas.errors import NotFoundError, did_you_mean
from schemas.report import Table

_SAID = "(p.messages->'$[#-1]'->>'content') || ' → ' || c.text"
_CUT = f"if(length({_SAID}) > 300, left({_SAID}, 200) || ' ... ' || right({_SAID}, 80), {_SAID})"
"""The last turn and the answer, as much as a cell holds: their beginning and their end."""

_TEXT = (
    f"(SELECT {_CUT} FROM candidates c JOIN prompts p USING (prompt_id) WHERE c.candidate_id::VARCHAR = {{id}} LIMIT 1)"
)
_LEDGER = "FROM ledger WHERE run_id = ? AND reason = ? ORDER BY source, line"

_CLEANED = f"""
    SELECT line, detail->>'value' AS value, {_TEXT.format(id="item_id::VARCHAR")} AS dropped,
        {_TEXT.format(id="(detail->>'like')")} AS "like"
    FROM (SELECT line, detail::JSON AS detail, item_id {_LEDGER} LIMIT {{limit}})
"""
_REPAIRED = f"""
    SELECT line, detail->>'repair' AS repair, detail->>'before' AS before, detail->>'after' AS after
    FROM (SELECT line, detail::JSON AS detail {_LEDGER} LIMIT {{limit}})
"""
_OTHER = f"SELECT source, line, detail, raw {_LEDGER} LIMIT {{limit}}"


def dropped_table(con: duckdb.DuckDBPyConnection, dataset: Dataset, reason: str, limit: int) -> Table:
    """The rows that the run of a data set wrote to the ledger for a reason.

    Raises:
        NotFoundError: it dropped nothing for that reason; the message names those that it has.
    """
    found = con.execute(
        "SELECT reason, count(*), any_value(stage) FROM ledger WHERE run_id = ? GROUP BY reason", [dataset.run_id]
    ).fetchall()
    counts = {row[0]: row[1] for row in found}
    if reason not in counts:
        raise NotFoundError(f"{dataset} dropped nothing for {reason!r}; {did_you_mean(reason, counts)}")
    cleaned = found[0][2] == "clean"
    query = (_REPAIRED if reason == "repaired" else _CLEANED) if cleaned else _OTHER
    title = f"{reason}: {min(limit, counts[reason]):,} of {counts[reason]:,}"
    table = query_table(con, title, query.format(limit=limit), [dataset.run_id, reason])
    if cleaned and reason != "repaired" and not any(row[-1] for row in table.rows):
        rows = tuple(row[:-1] for row in table.rows)
        return table.model_copy(update={"columns": table.columns[:-1], "rows": rows})
    return table
