"""Dropping takes exactly what depends on the thing, and says how much."""

from pathlib import Path

import pyarrow as pa
import pytest

from datakit.datasets import next_version
from datakit.drop import drop
from datakit.run import Run
from datakit.store import Store, insert
from schemas.errors import NotFoundError, UserError
from schemas.identity import content_id

TABLES = ("datasets", "members", "candidates", "scores", "pairs", "selections", "recipes", "dataset_recipes", "ledger")


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Two recipes with two candidates each for one prompt, scored, paired across, in two data sets."""
    store = Store(tmp_path / "s.duckdb")
    prompt, scorer = content_id("prompt"), content_id("scorer")
    for recipe in ("a", "b"):
        with Run(store, "generate", params={}, inputs={}) as run, run.transaction() as con:
            ids = [content_id([recipe, i]) for i in range(2)]
            insert(con, "recipes", pa.table({"recipe_id": [content_id(recipe)], "model": [recipe]}))
            insert(con, "dataset_recipes", pa.table({"dataset": ["p"], "recipe_id": [content_id(recipe)]}))
            rows = {
                "candidate_id": ids,
                "prompt_id": [prompt] * 2,
                "recipe_id": [content_id(recipe)] * 2,
                "origin": ["sample"] * 2,
                "text": ["x", "y"],
                "run_id": [run.run_id] * 2,
            }
            insert(con, "candidates", pa.table(rows))
            scores = {"candidate_id": ids, "scorer_id": [scorer] * 2, "inputs_hash": [scorer] * 2, "status": ["ok"] * 2}
            insert(con, "scores", pa.table({**scores, "run_id": [run.run_id] * 2}))
            run.ledger(con, [{"reason": "transport"}])
    with Run(store, "build-pairs", params={}, inputs={}) as run, run.transaction() as con:
        for name, kind in (("p", "prompts"), ("q", "pairs")):
            con.execute("INSERT INTO datasets VALUES (?, 1, ?, ?, NULL)", [name, kind, run.run_id])
        con.execute("INSERT INTO members VALUES ('p', 1, ?, NULL, NULL, 'f', 1)", [prompt])
        for recipe in ("a", "b"):
            con.execute(
                "INSERT INTO pairs VALUES ('q', 1, uuid(), ?, ?, ?, 1, 0, 1, NULL, 's', ?)",
                [prompt, content_id([recipe, 0]), content_id([recipe, 1]), run.run_id],
            )
    return store


def sizes(store: Store) -> dict[str, int]:
    with store.read() as con:
        return {table: con.execute(f"SELECT count(*) FROM {table}").fetchone()[0] for table in TABLES}


def test_dropping_a_data_set_keeps_prompts_and_candidates(store):
    report = drop("p", store=store)
    assert report.counts == {"members": 1, "datasets": 1, "dataset_recipes": 2}
    assert sizes(store)["candidates"] == 4
    with pytest.raises(NotFoundError):
        drop("p", store=store)


def test_dropping_a_pair_set_drops_its_pairs_only(store):
    assert drop("q@1", store=store).counts == {"pairs": 2, "datasets": 1}
    assert sizes(store)["scores"] == 4


def test_dropping_a_recipe_takes_its_candidates_their_scores_and_the_pair_sets_that_they_are_in(store):
    report = drop(recipe=content_id("a")[:8], store=store)
    assert report.counts == {
        "pairs": 2,
        "datasets": 1,
        "scores": 2,
        "candidates": 2,
        "dataset_recipes": 1,
        "recipes": 1,
    }
    assert sizes(store) | {"members": 1} == sizes(store)


def test_dropping_a_run_takes_what_it_wrote(store):
    with store.read() as con:
        run = con.execute("SELECT run_id::VARCHAR FROM runs WHERE stage = 'generate' ORDER BY started_at").fetchone()[0]
    counts = drop(run=run, store=store).counts
    assert counts["candidates"] == 2
    assert counts["ledger"] == 1
    assert sizes(store)["candidates"] == 2


def test_a_dry_run_counts_and_changes_nothing(store):
    before = sizes(store)
    assert drop("q", dry_run=True, store=store).counts["pairs"] == 2
    assert sizes(store) == before


def test_a_dropped_version_is_never_given_again(store):
    drop("q", store=store)
    drop("p", store=store)
    with store.write() as con:
        assert next_version(con, "q") == 2
        assert next_version(con, "other") == 1


def test_naming_two_things_or_none_is_refused(store):
    for given in ({}, {"name": "p", "recipe": "x"}):
        with pytest.raises(UserError, match="one thing"):
            drop(**given, store=store)
