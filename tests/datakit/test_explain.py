"""Explaining a reward: outcomes, what they count as, requirements and the result, equal to what SQL sees."""

import json
import os
import subprocess
import sys

import pytest

from datakit.explain import explain
from datakit.ingest import ingest
from datakit.reward_view import record_reward
from datakit.score import score
from rewards.outcome import Outcome, Status
from schemas.errors import NotFoundError, UserError
from schemas.options import GroupOptions, IngestOptions, ScoreOptions

SKIP, ERROR = Outcome(Status.SKIP, reason="no answer"), Outcome(Status.ERROR, reason="ValueError: no")


def ok(value, reason=""):
    return Outcome(Status.OK, value, reason)


def table(report, title):
    [found] = [one for one in report.tables if one.title.startswith(title)]
    return [dict(zip(found.columns, row, strict=True)) for row in found.rows]


def candidates(desk):
    return desk.sql("SELECT candidate_id::VARCHAR FROM candidates ORDER BY sample_index")


@pytest.fixture
def spec(make_reward):
    return make_reward(
        name="demo",
        scorers=[
            {"rule": "a", "weight": 2, "clip": [0, 10], "scale": {"from": [0, 10]}},
            {"rule": "b", "when": {"answer": ["42", 42]}},
            {"rule": "c", "when": {"answer": "41"}},
        ],
        require=[{"rule": "d", "min": 0.5}],
    )


def test_each_outcome_is_shown_with_what_it_counts_as_and_its_share(desk, spec, fill, drawn):
    fill(desk.store, [[drawn("an answer", [ok(25), ok(0.25), ERROR, ok(0.5)])]], spec)
    [key] = candidates(desk)
    report = explain(key[:10], reward=spec, store=desk.store)
    assert [one.title.split()[0] for one in report.tables] == ["Prompt", "Candidate", "Rewards", "demo:"]
    assert table(report, "Prompt")[0]["content"] == "Question 0?"
    assert table(report, "Candidate")[0]["text"] == "an answer"
    assert table(report, "Rewards") == [{"reward": "demo", "version": spec.reward_id[:8], "value": 0.75, "why": ""}]
    a, b, c, d = table(report, "demo:")
    assert [a[name] for name in ("outcome", "value", "counts as", "weight", "share")] == ["ok", 25.0, 1.0, 2.0, 2 / 3]
    assert (b["when"], b["outcome"], b["share"]) == ("answer: 42 or 42 (holds)", "ok", 0.25 / 3)
    assert (c["when"], c["outcome"], c["value"], c["share"]) == ("answer: 41 (does not hold)", "skip", None, None)
    assert (d["requires"], d["weight"], d["counts as"]) == ("at least 0.5: holds", None, None)


@pytest.mark.parametrize(
    ("outcomes", "value", "why", "requires"),
    [
        ([ok(5), ok(0.5), None, ok(0.4)], 0.0, "fails d", "at least 0.5: fails"),
        ([ok(5), ok(0.5), None, SKIP], 0.5, "", "at least 0.5: does not apply"),
        ([ERROR, ok(0.5), None, ok(1)], None, "failed_scorer", "at least 0.5: holds"),
        ([None, ok(0.5), None, ok(1)], None, "not_scored", "at least 0.5: holds"),
    ],
)
def test_the_result_says_why_and_is_what_the_view_has(desk, spec, fill, drawn, outcomes, value, why, requires):
    fill(desk.store, [[drawn("x", outcomes)]], spec)
    with desk.store.write() as con:
        record_reward(con, spec)
    report = explain(candidates(desk)[0], store=desk.store)
    [result] = table(report, "Rewards")
    assert (result["value"], result["why"]) == (value, why)
    assert table(report, "demo:")[3]["requires"] == requires
    assert desk.sql("SELECT reward FROM rewards") == [value]


def test_a_value_that_the_reward_refuses_is_told(desk, make_reward, fill, drawn):
    reward = make_reward(scorers=[{"rule": "a"}], require=[{"rule": "b"}])
    fill(desk.store, [[drawn("x", [ok(7), ok(1)])]], reward)
    report = explain(candidates(desk)[0], reward=reward, store=desk.store)
    assert table(report, "Rewards")[0]["why"] == "outside_0_to_1"
    assert any("'a' gave 7, outside 0..1" in note for note in report.notes)


def test_without_a_reward_those_that_judged_it_are_explained_and_of_one_name_the_last(desk, make_reward, fill, drawn):
    first, last = (make_reward(name="one", scorers=[{"rule": "a"}, {"rule": "b", "weight": w}]) for w in (1, 3))
    other = make_reward(name="other", scorers=[{"rule": "c"}])
    fill(desk.store, [[drawn("x", [ok(1), ok(0)])]], first)
    key = candidates(desk)[0]
    assert "no reward of the store has judged it" in explain(key, store=desk.store).notes[-1]
    for reward in (first, other, last):
        with desk.store.write() as con:
            record_reward(con, reward)
    found = table(explain(key, store=desk.store), "Rewards")
    assert [(row["reward"], row["version"], row["value"]) for row in found] == [("one", last.reward_id[:8], 0.25)]


def test_the_columns_are_those_of_the_newest_data_set_or_of_the_named_one(desk, make_reward):
    row = {"prompt": "Which?", "completion": "this", "answer": "42"}
    ingest(desk.file([row], "old.jsonl"), IngestOptions(), store=desk.store)
    ingest(desk.file([{**row, "answer": "41"}], "new.jsonl"), IngestOptions(), store=desk.store)
    reward = make_reward(scorers=[{"rule": "a", "when": {"answer": "41"}}, {"rule": "b"}])
    for name in ("old", "new"):
        score(name, ScoreOptions(workers=1), reward=reward, groups=GroupOptions(), store=desk.store)
    [key] = candidates(desk)
    for name, outcome in [(None, "ok"), ("new", "ok"), ("old", "skip")]:
        report = explain(key, reward=reward, dataset=name, store=desk.store)
        assert report.notes[0] == f"columns of {name or 'new'}@1"
        assert table(report, "reward:")[0]["outcome"] == outcome
    assert desk.sql("SELECT dataset, reward FROM rewards ORDER BY ALL") == [("new", 1.0), ("old", 1.0)]
    desk.ingest([{"prompt": "Another?", "completion": "that"}], "third.jsonl")
    with pytest.raises(NotFoundError, match="is not in a group of third@1"):
        explain(key, reward=reward, dataset="third", store=desk.store)


def test_the_beginning_of_an_id_must_be_of_one_candidate(desk, make_reward, fill, drawn):
    fill(desk.store, [[drawn("x"), drawn("y")]], make_reward(scorers=[{"rule": "a"}]))
    with pytest.raises(UserError, match="several candidates begin with ''"):
        explain("", store=desk.store)
    with pytest.raises(NotFoundError, match="no candidate whose id begins with 'zz'"):
        explain("zz", store=desk.store)


def test_the_command_prints_for_people_and_for_machines(desk, tmp_path):
    desk.ingest([{"prompt": "Which?", "completion": "this", "tag": "maths"}])
    (tmp_path / "r.py").write_text(
        "from rewards import Verdict, rule\n\n@rule\ndef long(completion: str) -> Verdict:\n"
        "    return Verdict(len(completion), 'four letters')\n"
    )
    (tmp_path / "r.yaml").write_text(
        "rules: r.py\nrewards:\n  x:\n    scorers: [{rule: long, clip: [0, 2], when: {tag: maths}}]\n"
        "  y: {scorers: [{rule: long}]}\n"
    )
    main = [sys.executable, "-m", "datakit"]
    common = ["--reward", "r.yaml:x", "--store", str(desk.store.path), "--json"]

    def run(*words):
        wide = {**os.environ, "COLUMNS": "200"}
        done = subprocess.run([*main, *words], cwd=tmp_path, capture_output=True, text=True, check=True, env=wide)
        return done.stdout

    run("score", "data", *common)
    [key] = candidates(desk)
    found = json.loads(run("explain", key[:8], *common))
    assert found["tables"][2]["rows"] == [["x", found["tables"][2]["rows"][0][1], 2.0, ""]]
    shown = run("explain", key[:8], "--store", str(desk.store.path))
    assert "four letters" in shown
    assert "tag: maths (holds)" in shown
    assert "requires" not in shown
