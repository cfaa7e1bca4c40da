"""A person's ratings come back into the store: scores and comparisons of a human scorer, on answers that are there.

Each rater is two scorers: `NAME` (1 to 10) and `NAME: flag` (1, with the note as its reason). What a rater says later
takes the place of what they said before, in the same file too. What cannot be stored goes to the ledger, one statement
(a rating, a flag or a preference) a row.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

import duckdb
import pyarrow as pa

from datakit.conversation import RowError
from datakit.run import Run
from datakit.store import Store, insert
from datakit.strict_json import well_formed
from schemas.errors import InputError
from schemas.identity import content_id
from schemas.parse import parse
from schemas.report import Report
from schemas.review import FLAG, Review

MARK = b'"datakit_review"'
_LOOKED_AT = 200
_NO_COLUMNS = "md5('[]')::UUID"
"""The inputs hash of a scorer that reads no column (datakit/inputs.py)."""

SAID_AGAIN = "said_again"
"""Why a statement is refused that the same file takes back further down."""

_JUDGED = {
    "scores": f"""
        SELECT s.*, s.candidate_id AS detail, CASE WHEN c.candidate_id IS NULL THEN 'unknown_answer'
            WHEN row_number() OVER (PARTITION BY s.candidate_id, s.scorer_id ORDER BY place DESC) > 1
            THEN '{SAID_AGAIN}' END AS refused
        FROM said_scores s LEFT JOIN candidates c ON c.candidate_id = s.candidate_id::UUID
    """,
    "comparisons": f"""
        SELECT s.*, c.prompt_id, CASE WHEN c.candidate_id IS NULL THEN left_id WHEN d.candidate_id IS NULL THEN right_id
            ELSE left_id || ' ' || right_id END AS detail,
            CASE WHEN c.candidate_id IS NULL OR d.candidate_id IS NULL THEN 'unknown_answer'
            WHEN left_id = right_id THEN 'same_answer' WHEN c.prompt_id != d.prompt_id THEN 'different_prompts'
            WHEN row_number() OVER (
                PARTITION BY least(left_id, right_id), greatest(left_id, right_id), scorer_id ORDER BY place DESC
            ) > 1 THEN '{SAID_AGAIN}' END AS refused
        FROM said_comparisons s LEFT JOIN candidates c ON c.candidate_id = s.left_id::UUID
            LEFT JOIN candidates d ON d.candidate_id = s.right_id::UUID
    """,
}
"""What was said, with the reason why it cannot be stored."""
_NEW = {
    "scores": f"""
        SELECT candidate_id::UUID AS candidate_id, scorer_id::UUID AS scorer_id, {_NO_COLUMNS} AS inputs_hash,
            'ok' AS status, value, nullif(reason, '') AS reason
        FROM judged_scores WHERE refused IS NULL
    """,
    "comparisons": """
        SELECT prompt_id, left_id::UUID AS left_id, right_id::UUID AS right_id, scorer_id::UUID AS scorer_id,
            'ok' AS status, verdict
        FROM judged_comparisons WHERE refused IS NULL
    """,
}
_SAME = {
    "scores": "t.candidate_id = n.candidate_id AND t.scorer_id = n.scorer_id",
    "comparisons": "least(t.left_id, t.right_id) = least(n.left_id, n.right_id) "
    "AND greatest(t.left_id, t.right_id) = greatest(n.left_id, n.right_id) AND t.scorer_id = n.scorer_id",
}
_EQUAL = {
    "scores": "t.value = n.value AND t.reason IS NOT DISTINCT FROM n.reason",
    "comparisons": "CASE WHEN t.left_id = n.left_id OR t.verdict = 'tie' THEN t.verdict = n.verdict "
    "ELSE t.verdict != n.verdict AND n.verdict != 'tie' END",
}
"""A verdict on the same two answers the other way round is the same if it names the same one."""


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
    tables, broken = _said(review)
    with Run(store, "ingest", params={"rater": review.rater}, inputs={"source": str(path)}) as run:
        with store.read() as con:
            fresh, refused = _compared(con, tables)
            refused = [{**row, "source": str(path)} for row in (*broken, *refused)]
            unsaid = _not_in_ledger(con, refused)
        run.counts.update({name: len(rows) for name, rows in fresh.items()})
        if unsaid or any(map(len, fresh.values())):
            with run.transaction() as con:
                insert(con, "scorers", _scorers(review, path), unless=["scorer_id"])
                for table, rows in fresh.items():
                    con.register("fresh", rows)
                    same = _SAME[table]
                    con.execute(f"DELETE FROM {table} t WHERE EXISTS (FROM fresh n WHERE {same})")
                    con.execute(f"INSERT INTO {table} BY NAME SELECT *, '{run.run_id}'::UUID AS run_id FROM fresh")
                    con.unregister("fresh")
                run.ledger(con, unsaid)
    return _report(review, run, fresh, refused)


def _read(path: Path) -> Review:
    try:
        review = parse(Review, json.loads(path.read_text(encoding="utf-8")), str(path))
        well_formed(review.dataset)
    except (ValueError, RecursionError, RowError) as error:
        raise InputError(f"{path}: not the JSON that a review page saves: {error}") from error
    return review


def _said(review: Review) -> tuple[dict[str, pa.Table], list[dict[str, object]]]:
    """The scores and comparisons that the file holds, of known and unknown answers, and notes that are no text."""
    rating, flag = scorer_ids(review.rater)
    scores: list[dict[str, object]] = []
    broken: list[dict[str, object]] = []
    for one in review.answers:
        row = {"place": len(scores), "candidate_id": str(one.candidate_id)}
        if one.rating is not None:
            scores.append({**row, "scorer_id": rating, "value": float(one.rating), "reason": ""})
        try:
            well_formed(one.note)
        except RowError as problem:
            broken.append({"reason": problem.reason, "detail": f"{one.candidate_id}: note: {problem.detail}"})
        else:
            if one.flagged:
                scores.append({**row, "scorer_id": flag, "value": 1.0, "reason": one.note})
    comparisons = [
        {"place": place, "left_id": str(one.left_id), "right_id": str(one.right_id), "verdict": one.verdict}
        for place, one in enumerate(review.preferences)
    ]
    tables = {
        "scores": pa.Table.from_pylist(
            scores, schema=_schema("candidate_id", "scorer_id", "reason", value=pa.float64())
        ),
        "comparisons": pa.Table.from_pylist(
            [{**row, "scorer_id": rating} for row in comparisons],
            schema=_schema("left_id", "right_id", "scorer_id", "verdict"),
        ),
    }
    return tables, broken


def _schema(*texts: str, **others: pa.DataType) -> pa.Schema:
    return pa.schema([("place", pa.int64()), *((name, pa.string()) for name in texts), *others.items()])


def scorer_ids(rater: str) -> tuple[str, str]:
    """Ids of a rater's two scorers: ratings and preferences, flags."""
    return content_id(["human", rater, "review"]), content_id(["human", rater, "flag"])


def _scorers(review: Review, path: Path) -> pa.Table:
    names = (review.rater, f"{review.rater}{FLAG}")
    rows = [
        {"scorer_id": key, "name": name, "kind": "human", "fingerprint": key, "source": str(path), "options": "{}"}
        for key, name in zip(scorer_ids(review.rater), names, strict=True)
    ]
    return pa.Table.from_pylist(rows)


def _compared(
    con: duckdb.DuckDBPyConnection, tables: Mapping[str, pa.Table]
) -> tuple[dict[str, pa.Table], list[dict[str, object]]]:
    """What the store does not have yet, by table, and the ledger rows of what cannot be stored."""
    fresh, refused = {}, []
    for table, said in tables.items():
        con.register(f"said_{table}", said)
        con.execute(f"CREATE OR REPLACE TEMP TABLE judged_{table} AS {_JUDGED[table]}")
        fresh[table] = con.execute(f"""
            SELECT n.* FROM ({_NEW[table]}) n
            WHERE NOT EXISTS (FROM {table} t WHERE {_SAME[table]} AND {_EQUAL[table]})
        """).to_arrow_table()
        refused += con.execute(f"""
            SELECT refused AS reason, detail FROM judged_{table} WHERE refused IS NOT NULL ORDER BY place
        """).to_arrow_table().to_pylist()  # fmt: skip
    return fresh, refused


def _not_in_ledger(con: duckdb.DuckDBPyConnection, refused: list[dict[str, object]]) -> list[dict[str, object]]:
    """The rows that an earlier reading of the file did not write."""
    known = (
        con.execute("SELECT reason, detail, source FROM ledger WHERE stage = 'ingest'").fetchall() if refused else []
    )
    return [row for row in refused if (row["reason"], row["detail"], row["source"]) not in set(known)]


def _report(review: Review, run: Run, fresh: Mapping[str, pa.Table], refused: Sequence[Mapping[str, object]]) -> Report:
    name = review.dataset.rpartition("@")[0] or review.dataset
    notes = [f"what {review.rater} said of {review.dataset}; `datakit review {name} --agreement` compares"]
    if not any(map(len, fresh.values())):
        notes.insert(0, "nothing to do: all of it is stored already")
    first: dict[object, object] = {}
    for row in refused:
        first.setdefault(row["reason"], row["detail"])
    notes += [f"first {reason}: {detail}" for reason, detail in first.items()]
    return Report(
        stage="ingest",
        run_id=run.run_id if run.wrote else None,
        counts={
            "ratings": sum(one.rating is not None for one in review.answers),
            "flags": sum(one.flagged for one in review.answers),
            "preferences": len(review.preferences),
            "stored": sum(map(len, fresh.values())),
        },
        reasons=dict(Counter(str(row["reason"]) for row in refused)),
        notes=tuple(notes),
        needs_attention=any(reason != SAID_AGAIN for reason in first),
    )
