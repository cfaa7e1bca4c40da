"""Stage compare, of two pair sets: which prompts and pairs they share, which they turn round, margins and lengths."""

import duckdb

from datakit import datasets
from datakit.datasets import Dataset
from datakit.store import Store
from datakit.trl_rows import PREFERENCE, create_exported
from schemas.errors import ConfigError
from schemas.report import Report, Table, counted

SAMPLES = 3
"""Pairs that are shown of each way to differ."""
CLIP = 160
"""Characters of a text that are shown."""

_SIDE = """
    CREATE OR REPLACE TEMP TABLE {side} AS
    SELECT e.row, e.prompt_id, e.chosen_id, e.rejected_id, {margin} AS margin,
        length(c.text) AS chosen_chars, length(r.text) AS rejected_chars
    FROM exported e JOIN candidates c ON c.candidate_id = e.chosen_id
        JOIN candidates r ON r.candidate_id = e.rejected_id
"""
_SAME = "USING (prompt_id, chosen_id, rejected_id)"
_BACK = "a.prompt_id = b.prompt_id AND a.chosen_id = b.rejected_id AND a.rejected_id = b.chosen_id"
_DIFFERENT = {
    "turned round": f"SELECT a.* FROM (FROM one ANTI JOIN other {_SAME}) a SEMI JOIN other b ON {_BACK}",
    "only in {0}": f"FROM one a ANTI JOIN other {_SAME} WHERE NOT EXISTS (FROM other b WHERE {_BACK})",
    "only in {1}": f"FROM other a ANTI JOIN one {_SAME} WHERE NOT EXISTS (FROM one b WHERE {_BACK})",
}
"""Pairs that differ, as SQL; a pair that is turned round is in neither of the others."""
_SHOWN = f"""
    SELECT p.messages->>'$[#-1].content', c.text, r.text, d.margin
    FROM ({{}}) d JOIN prompts p USING (prompt_id) JOIN candidates c ON c.candidate_id = d.chosen_id
        JOIN candidates r ON r.candidate_id = d.rejected_id ORDER BY d.row LIMIT {SAMPLES}
"""
_FIGURES = """
    SELECT count(*), count(DISTINCT prompt_id), avg(margin), median(margin), avg(chosen_chars), avg(rejected_chars),
        avg((chosen_chars > rejected_chars)::INTEGER) FILTER (chosen_chars != rejected_chars)
    FROM {}
"""
_COLUMNS = (
    *("set", "pairs", "prompts", "mean margin", "median margin"),
    *("characters of chosen", "of rejected", "longer is chosen"),
)


def compare_pairs(one: str, other: str, *, store: Store) -> Report:
    """Compare two sets of pairs by their answers; nothing is written.

    Args:
        one: a pair set, built or ingested: its name (`name[@version]`).
        other: another one.
        store: where they are.

    Raises:
        NotFoundError: there is no such data set.
        ConfigError: one of them has no pairs.
    """
    with store.read() as con:
        sets = [datasets.get(con, name) for name in (one, other)]
        for side, dataset in zip(("one", "other"), sets, strict=True):
            _create(con, side, dataset)
        figures = tuple(
            (str(dataset), *con.execute(_FIGURES.format(side)).fetchall()[0])
            for side, dataset in zip(("one", "other"), sets, strict=True)
        )
        counts = {
            "prompts in common": _count(con, "SELECT DISTINCT prompt_id FROM one SEMI JOIN other USING (prompt_id)"),
            "pairs in common": _count(con, f"SELECT a.* FROM one a SEMI JOIN other b {_SAME}"),
        }
        names = [str(dataset) for dataset in sets]
        different = {kind.format(*names): query for kind, query in _DIFFERENT.items()}
        counts |= {kind: _count(con, query) for kind, query in different.items()}
        tables = [_examples(con, kind, query, counts[kind]) for kind, query in different.items() if counts[kind]]
    apart = not counts["prompts in common"]
    return Report(
        stage="compare",
        counts=counts,
        notes=("the sets have no prompt in common: nothing can be compared but their figures",) if apart else (),
        tables=(Table(title="both sets", columns=_COLUMNS, rows=figures), *tables),
        needs_attention=apart,
    )


def _create(con: duckdb.DuckDBPyConnection, side: str, dataset: Dataset) -> None:
    if create_exported(con, dataset) != PREFERENCE:
        raise ConfigError(f"{dataset} is a {dataset.kind} set without pairs; name two pair sets, or a judge (--model)")
    con.remove_function("with_objects")  # which is of no use here, and is made again for the other set
    con.execute(_SIDE.format(side=side, margin="e.margin" if dataset.kind == "pairs" else "NULL::DOUBLE"))


def _count(con: duckdb.DuckDBPyConnection, query: str) -> int:
    return int(con.execute(f"SELECT count(*) FROM ({query})").fetchall()[0][0])


def _examples(con: duckdb.DuckDBPyConnection, kind: str, query: str, many: int) -> Table:
    rows = con.execute(_SHOWN.format(query)).fetchall()
    shown = tuple((*(None if text is None else text[:CLIP] for text in row[:3]), row[3]) for row in rows)
    title = f"{kind}: the first of {counted(many, 'pairs')}"
    return Table(title=title, columns=("prompt", "chosen", "rejected", "margin"), rows=shown)
