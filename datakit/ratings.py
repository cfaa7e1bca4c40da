"""A person's ratings come back into the store: scores and comparisons of a human scorer, on answers that are there.

Each rater is two scorers: `NAME` (1 to 10) and `NAME: flag` (1, with the note as its reason). What a rater says later
takes the place of what they said before.
"""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from datakit.run import Run
from datakit.store import Store, insert
from schemas.errors import InputError
from schemas.identity import content_id
from schemas.parse import parse
from schemas.report import Report
from schemas.review import Review

MARK = b'"datakit_review"'
_LOOKED_AT = 200
_NO_COLUMNS = "md5('[]')::UUID"
"""The inputs hash of a scorer that reads no column (datakit/inputs.py)."""

_NEW = {
    "scores": """
        SELECT candidate_id::UUID AS candidate_id, scorer_id::UUID AS scorer_id, {hash} AS inputs_hash, 'ok' AS status,
            value, nullif(reason, '') AS reason
        FROM said_scores WHERE candidate_id::UUID IN (SELECT candidate_id FROM candidates)
    """,
    "comparisons": """
        SELECT c.prompt_id, left_id::UUID AS left_id, right_id::UUID AS right_id, scorer_id::UUID AS scorer_id,
            'ok' AS status, verdict
        FROM said_comparisons s JOIN candidates c ON c.candidate_id = s.left_id::UUID
            JOIN candidates d ON d.candidate_id = s.right_id::UUID AND d.prompt_id = c.prompt_id
    """,
}
_SAME = {
    "scores": "t.candidate_id = n.candidate_id AND t.scorer_id = n.scorer_id",
    "comparisons": "t.left_id = n.left_id AND t.right_id = n.right_id AND t.scorer_id = n.scorer_id",
}
_EQUAL = {
    "scores": "t.value = n.value AND t.reason IS NOT DISTINCT FROM n.reason",
    "comparisons": "t.verdict = n.verdict",
}


def is_ratings(path: Path) -> bool:
    """Whether a file is what a review page saved."""
    if not path.is_file():
        return False
    with path.open("rb") as file:
        return MARK in file.read(_LOOKED_AT)


def ingest_ratings(path: Path, *, store: Store) -> Report:
    """Store a person's ratings, preferences and flags; what is there already is not stored again.

    Raises:
        InputError: the file is not what a review page saves.
    """
    review = _read(path)
    tables = _said(review)
    with Run(store, "ingest", params={"rater": review.rater}, inputs={"source": str(path)}) as run:
        with store.read() as con:
            fresh, unknown = _compared(con, tables)
        run.counts.update({name: len(rows) for name, rows in fresh.items()})
        if any(map(len, fresh.values())):
            with run.transaction() as con:
                insert(con, "scorers", _scorers(review, path), unless=["scorer_id"])
                for table, rows in fresh.items():
                    con.register("fresh", rows)
                    same = _SAME[table]
                    con.execute(f"DELETE FROM {table} t WHERE EXISTS (FROM fresh n WHERE {same})")
                    con.execute(f"INSERT INTO {table} BY NAME SELECT *, '{run.run_id}'::UUID AS run_id FROM fresh")
                    con.unregister("fresh")
                run.ledger(con, _unknown(unknown, path))
    return _report(review, run, fresh, unknown)


def _read(path: Path) -> Review:
    try:
        return parse(Review, json.loads(path.read_text(encoding="utf-8")), str(path))
    except (ValueError, RecursionError) as error:
        raise InputError(f"{path}: not the JSON that a review page saves: {error}") from error


def _said(review: Review) -> dict[str, pa.Table]:
    """The scores and comparisons that the file holds, of known and unknown answers."""
    rating, flag = scorer_ids(review.rater)
    scores = [
        {"candidate_id": str(one.candidate_id), "scorer_id": scorer, "value": float(value), "reason": note}
        for one in review.answers
        for scorer, value, note in ((rating, one.rating, ""), (flag, one.flagged or None, one.note))
        if value is not None
    ]
    comparisons = [
        {"left_id": str(one.left_id), "right_id": str(one.right_id), "scorer_id": rating, "verdict": one.verdict}
        for one in review.preferences
    ]
    texts = {name: pa.string() for name in ("candidate_id", "scorer_id", "reason", "left_id", "right_id", "verdict")}
    kinds = texts | {"value": pa.float64()}

    def table(rows: Sequence[Mapping[str, object]], names: tuple[str, ...]) -> pa.Table:
        return pa.Table.from_pylist(list(rows), schema=pa.schema([(name, kinds[name]) for name in names]))

    return {
        "scores": table(scores, ("candidate_id", "scorer_id", "value", "reason")),
        "comparisons": table(comparisons, ("left_id", "right_id", "scorer_id", "verdict")),
    }


def scorer_ids(rater: str) -> tuple[str, str]:
    """Ids of a rater's two scorers: ratings and preferences, flags."""
    return content_id(["human", rater, "review"]), content_id(["human", rater, "flag"])


def _scorers(review: Review, path: Path) -> pa.Table:
    names = (review.rater, f"{review.rater}: flag")
    rows = [
        {"scorer_id": key, "name": name, "kind": "human", "fingerprint": key, "source": str(path), "options": "{}"}
        for key, name in zip(scorer_ids(review.rater), names, strict=True)
    ]
    return pa.Table.from_pylist(rows)


def _compared(con: duckdb.DuckDBPyConnection, tables: Mapping[str, pa.Table]) -> tuple[dict[str, pa.Table], list[str]]:
    """What the store does not have yet, by table, and the ids of answers that it does not know."""
    fresh = {}
    for table, said in tables.items():
        con.register(f"said_{table}", said)
        fresh[table] = con.execute(f"""
            SELECT n.* FROM ({_NEW[table].format(hash=_NO_COLUMNS)}) n
            WHERE NOT EXISTS (FROM {table} t WHERE {_SAME[table]} AND {_EQUAL[table]})
        """).to_arrow_table()
    unknown = con.execute("""
        SELECT DISTINCT id FROM (
            SELECT candidate_id AS id FROM said_scores UNION SELECT left_id FROM said_comparisons
            UNION SELECT right_id FROM said_comparisons
        ) WHERE id::UUID NOT IN (SELECT candidate_id FROM candidates) ORDER BY id
    """).fetchall()
    return fresh, [row[0] for row in unknown]


def _unknown(ids: list[str], path: Path) -> list[dict[str, object]]:
    return [{"reason": "unknown_answer", "detail": one, "source": str(path)} for one in ids]


def _report(review: Review, run: Run, fresh: Mapping[str, pa.Table], unknown: list[str]) -> Report:
    name = review.dataset.rpartition("@")[0] or review.dataset
    notes = [f"what {review.rater} said of {review.dataset}; `datakit review {name} --agreement` compares"]
    if not any(map(len, fresh.values())):
        notes.insert(0, "nothing to do: all of it is stored already")
    if unknown:
        notes.append(f"answers that are not in this store: {len(unknown)}, the first {unknown[0]}")
    return Report(
        stage="ingest",
        run_id=run.run_id if run.wrote else None,
        counts={
            "ratings": sum(one.rating is not None for one in review.answers),
            "flags": sum(one.flagged for one in review.answers),
            "preferences": len(review.preferences),
            "stored": sum(map(len, fresh.values())),
        },
        reasons={"unknown_answer": len(unknown)} if unknown else {},
        notes=tuple(notes),
        needs_attention=bool(unknown),
    )
