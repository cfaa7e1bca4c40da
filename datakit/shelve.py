"""A settled file goes into the store: bounded transactions, and the data set's own row last."""

from collections.abc import Mapping
from dataclasses import dataclass

import duckdb
import pyarrow as pa

from datakit import datasets
from datakit.progress import track
from datakit.run import Run
from datakit.settle import Settled
from datakit.staging import Staging, room_needed
from datakit.store import Store, insert
from schemas.errors import StoreBusyError
from schemas.identity import canonical_json, content_id

_CLAIM = "ingesting "
"""Key in `meta`, before the data set's name, of the run that is filling its next version."""

NO_INPUTS = content_id([])
"""The `inputs_hash` of scores that depend on no column."""

_PROMPTS = """
SELECT DISTINCT ON (prompt_id) prompt_id::VARCHAR AS prompt_id, messages, tools
FROM entries SEMI JOIN kept USING (number) WHERE batch = $batch
"""

_CANDIDATES = """
SELECT DISTINCT ON (candidate_id) candidate_id::VARCHAR AS candidate_id, prompt_id::VARCHAR AS prompt_id,
    recipe_id::VARCHAR AS recipe_id, 'import' AS origin, text, messages, $run_id AS run_id
FROM answers SEMI JOIN kept USING (number) WHERE batch = $batch
"""

_MEMBERS = """
SELECT $name AS dataset, $version AS version, e.prompt_id::VARCHAR AS prompt_id,
    a.candidate_id::VARCHAR AS candidate_id, coalesce(a.columns, e.columns) AS columns, e.source, e.line
FROM members m JOIN entries e ON e.number = m.number
LEFT JOIN answers a ON a.number = m.number AND a.slot = m.slot
WHERE e.batch = $batch AND (a.batch = $batch OR NOT m.answer) ORDER BY m.number, m.slot
"""

_SCORES = f"""
SELECT candidate_id::VARCHAR AS candidate_id, scorer_id, '{NO_INPUTS}' AS inputs_hash, 'ok' AS status, value,
    $run_id AS run_id
FROM scores s JOIN entries e USING (number) JOIN scorers USING (scorer) WHERE e.batch = $batch
"""

_COMPARISONS = """
SELECT c.prompt_id::VARCHAR AS prompt_id, left_id::VARCHAR AS left_id, right_id::VARCHAR AS right_id, scorer_id,
    'ok' AS status, verdict, reason, $run_id AS run_id
FROM comparisons c JOIN entries e USING (number) JOIN scorers USING (scorer) WHERE e.batch = $batch
"""

_LEDGER = """
SELECT reason, detail, item_id::VARCHAR AS item_id, source, line, raw FROM refused WHERE batch = $batch ORDER BY number
"""


_CONTENT: dict[str, tuple[str, tuple[str, ...]]] = {
    "ledger": (_LEDGER, ()),
    "prompts": (_PROMPTS, ("prompt_id",)),
    "candidates": (_CANDIDATES, ("candidate_id",)),
    "scores": (_SCORES, ("candidate_id", "scorer_id")),
    "comparisons": (_COMPARISONS, ("left_id", "right_id", "scorer_id", "verdict")),
    "members": (_MEMBERS, ()),
}
"""What each table of the store gets of a batch: the query, and the key of what may be there already."""

_RECIPES = "SELECT DISTINCT recipe_id::VARCHAR FROM answers SEMI JOIN kept USING (number)"


_WHOLE = """
WITH own AS (SELECT prompt_id, candidate_id FROM members WHERE dataset = $1 AND version = $2)
SELECT (SELECT count(*) FROM own),
    (SELECT count(*) FROM scores WHERE scorer_id::VARCHAR IN (SELECT unnest($3::VARCHAR[]))),
    (SELECT count(*) FROM comparisons WHERE scorer_id::VARCHAR IN (SELECT unnest($3::VARCHAR[]))),
    (SELECT count(*) FROM own ANTI JOIN prompts USING (prompt_id))
    + (SELECT count(*) FROM own ANTI JOIN candidates USING (candidate_id) WHERE candidate_id IS NOT NULL)
"""
"""Members, scores and comparisons of a version, and how many of its prompts and answers are no longer stored."""


def stored_version(store: Store, name: str, settled: Settled) -> int | None:
    """The newest version of a data set, if it is the settled file's content and all of that is still stored."""
    if not store.path.exists():
        return None
    with store.read() as con:
        dataset = datasets.find(con, name)
        if dataset is None or dataset.config.get("content") != settled.content:
            return None
        scorers = _scorer_ids(name, str(dataset.config.get("format")), settled)
        expected = (
            dataset.config.get("members"),
            settled.counts.get("scores", 0),
            settled.counts.get("comparisons", 0),
        )
        row = con.execute(_WHOLE, [name, dataset.version, list(scorers.values())]).fetchone()
    return dataset.version if row == (*expected, 0) else None


@dataclass(frozen=True, slots=True)
class Shelf:
    """Where a settled file goes."""

    name: str
    config: Mapping[str, object]
    """format, source and content of the data set, and the options that it was read with."""


def shelve(store: Store, staging: Staging, settled: Settled, shelf: Shelf) -> tuple[int, str]:
    """Store a settled file as the next version of a data set.

    Returns:
        The version and the run.

    Raises:
        StoreError: the store cannot be written; what was committed is used by the next try.
        StoreBusyError: another process ingested the same data set meanwhile.
    """
    scorers = _scorer_ids(shelf.name, str(shelf.config["format"]), settled)
    _register_scorers(staging.con, scorers)
    params = {
        "as": shelf.name,
        **{key: value for key, value in shelf.config.items() if key not in ("source", "content")},
    }
    with Run(store, "ingest", params=params, inputs={"source": shelf.config["source"]}) as run:
        with run.transaction() as con:
            version = datasets.next_version(con, shelf.name)
            con.execute("DELETE FROM members WHERE dataset = ? AND version >= ?", [shelf.name, version])
            _claim(con, shelf.name, run.run_id)
            _insert_sources(con, staging, settled, scorers, shelf)
        with track("storing", staging.batches) as bar:
            for batch in range(1, staging.batches + 1):
                given = {"batch": batch, "run_id": run.run_id, "name": shelf.name, "version": version}
                # read here, before the store is opened: it is held only to insert
                tables = {table: _table(staging.con, query, given) for table, (query, _) in _CONTENT.items()}
                with run.transaction() as con:
                    _check_claim(con, shelf.name, run.run_id)
                    run.ledger(con, tables.pop("ledger"))
                    for table, rows in tables.items():
                        insert(con, table, rows, unless=_CONTENT[table][1])
                bar.advance()
        run.counts.update(settled.counts)
        run.reasons.update({reason: n for reason, n in settled.reasons.items() if reason == "not_selected"})
        members = _number(staging.con, "SELECT count(*) FROM members")
        config = {**shelf.config, "members": members, "scorers": scorers}
        with run.transaction() as con:
            _check_claim(con, shelf.name, run.run_id)
            con.execute("DELETE FROM meta WHERE key = ?", [_CLAIM + shelf.name])
            con.execute(
                "INSERT INTO datasets VALUES (?, ?, ?, ?, ?)",
                [shelf.name, version, settled.kind, run.run_id, canonical_json(config)],
            )
    return version, run.run_id


def _scorer_ids(name: str, layout: str, settled: Settled) -> dict[str, str]:
    """Ids of those who judged. Other judgements are a new version of the scorer; old data sets keep theirs."""
    return {
        scorer: content_id([kind, scorer, content_id([layout, name, digest])])
        for scorer, (kind, digest) in settled.scorers.items()
    }


def _register_scorers(con: duckdb.DuckDBPyConnection, scorers: Mapping[str, str]) -> None:
    con.execute("CREATE OR REPLACE TABLE scorers (scorer VARCHAR, scorer_id VARCHAR)")
    con.executemany("INSERT INTO scorers VALUES (?, ?)", list(scorers.items())) if scorers else None


def _insert_sources(
    con: duckdb.DuckDBPyConnection, staging: Staging, settled: Settled, scorers: Mapping[str, str], shelf: Shelf
) -> None:
    """Who wrote the answers, and who judged them."""
    used = {row[0] for row in staging.con.execute(_RECIPES).fetchall()}
    recipes = [
        {"recipe_id": recipe, "model": model, "params": "{}"}
        for model, recipe in staging.recipes.items()
        if recipe in used
    ]
    if recipes:
        insert(con, "recipes", pa.Table.from_pylist(recipes), unless=["recipe_id"])
        owned = pa.table({"dataset": [shelf.name] * len(recipes), "recipe_id": [r["recipe_id"] for r in recipes]})
        insert(con, "dataset_recipes", owned, unless=["dataset", "recipe_id"])
    judges = [
        {
            "scorer_id": scorers[scorer],
            "name": scorer,
            "kind": kind,
            "fingerprint": content_id([shelf.config["format"], shelf.name, digest]),
            "source": shelf.name,
            "options": "{}",
        }
        for scorer, (kind, digest) in settled.scorers.items()
    ]
    if judges:
        insert(con, "scorers", pa.Table.from_pylist(judges), unless=["scorer_id"])


def _claim(con: duckdb.DuckDBPyConnection, name: str, run_id: str) -> None:
    """From here on this run alone writes the next version of a data set; whoever did before finds its claim gone."""
    con.execute("DELETE FROM meta WHERE key = ?", [_CLAIM + name])
    con.execute("INSERT INTO meta VALUES (?, ?)", [_CLAIM + name, run_id])


def _check_claim(con: duckdb.DuckDBPyConnection, name: str, run_id: str) -> None:
    if con.execute("SELECT value FROM meta WHERE key = ?", [_CLAIM + name]).fetchone() != (run_id,):
        raise StoreBusyError(f"another process ingested {name!r} into the same store meanwhile; run it again")


def _table(con: duckdb.DuckDBPyConnection, query: str, given: Mapping[str, object]) -> pa.Table:
    with room_needed():
        return con.execute(
            query, {name: value for name, value in given.items() if f"${name}" in query}
        ).to_arrow_table()


def _number(con: duckdb.DuckDBPyConnection, query: str) -> int:
    row = con.execute(query).fetchone()
    return int(row[0]) if row else 0
