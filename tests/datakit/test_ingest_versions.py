"""Ingesting again: nothing where nothing changed, a new version where something did, and going on after a kill -9."""

import json
import random
import subprocess
import sys
import textwrap
import time
from contextlib import contextmanager

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datakit import datasets
from datakit.ingest import ingest
from datakit.store import Store
from schemas.errors import StoreBusyError
from schemas.identity import content_id
from schemas.options import IngestOptions

TABLES = (
    "runs", "datasets", "members", "prompts", "candidates", "recipes", "scorers", "scores", "comparisons", "ledger",
    "dataset_recipes",
)  # fmt: skip
CONTENT = """
    SELECT prompt_id, candidate_id, columns FROM members WHERE dataset = 'data' AND version = (
        SELECT max(version) FROM datasets WHERE name = 'data'
    ) ORDER BY ALL
"""


def counts(desk):
    return {table: desk.sql(f"SELECT count(*) FROM {table}")[0] for table in TABLES}


ROWS = [
    {"prompt": "p", "chosen": "a", "rejected": "b", "score_chosen": 3, "answer": "1"},
    {"prompt": "q", "chosen": "c", "rejected": "d", "answer": "2"},
    {"broken": 1},
]


def test_ingesting_the_same_file_twice_writes_nothing_and_says_so(desk):
    first = desk.ingest(ROWS)
    before = desk.store.path.read_bytes()
    second = desk.ingest(ROWS)
    assert second.notes[0] == "nothing to do: data@1 has the same content"
    assert (second.run_id, second.dataset, second.version) == (None, "data", 1)
    assert (second.counts, second.reasons) == (first.counts, first.reasons)
    assert desk.store.path.read_bytes() == before


def test_the_same_rows_in_another_order_spelling_and_kind_of_file_are_the_same_content(desk):
    rows = [{"prompt": "p", "n": 1, "tags": ["é"]}, {"prompt": "q", "n": 2, "tags": []}]
    desk.ingest(rows)
    before = counts(desk)
    desk.ingest(json.dumps([{"tags": r["tags"], **r} for r in reversed(rows)], indent=3).encode(), "data.json")
    desk.ingest(b'prompt,n,tags\nq,2,[]\np,1,"[""\\u00e9""]"\n', "data.csv")
    assert counts(desk) == before


@settings(max_examples=5, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(6)))
def test_the_order_of_the_lines_does_not_change_any_id(desk, order):
    rows = [{"instruction": f"do {i // 2}", "output": str(i % 4), "model": f"m{i % 3}", "i": i} for i in range(6)]
    desk.store.path.unlink(missing_ok=True)
    desk.ingest(rows)
    before = [desk.sql(CONTENT), desk.sql("SELECT * FROM recipes ORDER BY ALL")]
    desk.ingest([rows[i] for i in order], **{"as": "other"})
    assert [desk.sql(CONTENT.replace("'data'", "'other'")), desk.sql("SELECT * FROM recipes ORDER BY ALL")] == before


def test_ids_are_those_of_the_contract(desk):
    desk.ingest([{"messages": [{"role": "user", "content": "p é"}, {"role": "assistant", "content": 'a "b"\n'}]}])
    prompt_id = content_id([[{"role": "user", "content": "p é"}], None])
    (recipe_id,) = desk.sql("SELECT recipe_id::VARCHAR FROM recipes WHERE model = 'import' AND params = '{}'")
    assert desk.sql("SELECT prompt_id::VARCHAR, candidate_id::VARCHAR, origin, text, messages FROM candidates") == [
        (prompt_id, content_id([prompt_id, recipe_id, "import", 'a "b"\n']), "import", 'a "b"\n', None)
    ]
    assert desk.sql("SELECT dataset, recipe_id::VARCHAR FROM dataset_recipes") == [("data", recipe_id)]
    assert desk.sql("SELECT md5('[' || messages || ',null]')::UUID = prompt_id FROM prompts") == [True]


def test_correcting_a_column_is_a_new_version_with_the_same_prompts(desk):
    rows = [{"prompt": str(i), "answer": "1"} for i in range(5)]
    desk.ingest(rows)
    prompts = desk.sql("SELECT prompt_id FROM prompts ORDER BY 1")
    rows[3]["answer"] = "2"
    report = desk.ingest(rows)
    assert report.version == 2
    assert desk.sql("SELECT prompt_id FROM prompts ORDER BY 1") == prompts
    corrected = "count(*) FILTER (columns->>'answer' = '2')"
    assert desk.sql(f"SELECT version, count(*), {corrected} FROM members GROUP BY 1 ORDER BY 1") == [
        (1, 5, 0),
        (2, 5, 1),
    ]
    with desk.store.read() as con:
        assert [str(datasets.get(con, name)) for name in ("data", "data@1")] == ["data@2", "data@1"]


def test_a_changed_answer_is_another_candidate_of_the_same_prompt(desk):
    desk.ingest([{"prompt": "p", "completion": "a"}, {"prompt": "q", "completion": "b"}])
    desk.ingest([{"prompt": "p", "completion": "a"}, {"prompt": "q", "completion": "c"}])
    assert counts(desk) | {"runs": 2} == counts(desk)
    assert desk.sql("SELECT text FROM candidates ORDER BY 1") == ["a", "b", "c"]
    assert desk.sql("SELECT count(*) FROM prompts") == [2]
    assert desk.sql(
        "SELECT c.text FROM members m JOIN candidates c USING (candidate_id) WHERE version = 2 ORDER BY 1"
    ) == [
        "a",
        "c",
    ]


def test_going_back_to_earlier_content_is_a_version_again(desk):
    for n in (1, 2, 1):
        report = desk.ingest([{"prompt": "p", "n": n}])
    assert report.version == 3


def test_preferences_and_scores_have_scorers_and_corrections_a_scorer_of_their_own(desk):
    desk.ingest(ROWS)
    assert desk.sql("SELECT name, kind, source FROM scorers ORDER BY name") == [
        ("human", "human", "data"),
        ("score", "imported", "data"),
    ]
    assert desk.sql("""
        SELECT s.status, s.value, s.inputs_hash::VARCHAR, c.text
        FROM scores s JOIN candidates c USING (candidate_id)
    """) == [("ok", 3.0, content_id([]), "a")]
    assert desk.sql("""
        SELECT l.text, r.text, verdict, k.status FROM comparisons k
        JOIN candidates l ON l.candidate_id = left_id JOIN candidates r ON r.candidate_id = right_id ORDER BY 1
    """) == [("a", "b", "left", "ok"), ("c", "d", "left", "ok")]
    desk.ingest([{**ROWS[0], "score_chosen": 4}, *ROWS[1:]])
    assert desk.sql("SELECT value FROM scores ORDER BY 1") == [3.0, 4.0]
    first, second = desk.json("SELECT config FROM datasets ORDER BY version")
    assert first["scorers"]["human"] == second["scorers"]["human"]
    assert first["scorers"]["score"] != second["scorers"]["score"]
    assert counts(desk)["comparisons"] == 2


def test_each_model_of_a_file_is_a_recipe(desk):
    desk.ingest([{"prompt": "p", "responses": [{"model": m, "output": "same", "ok": m == "x"} for m in ("x", "y")]}])
    assert desk.sql("SELECT model, params FROM recipes ORDER BY 1") == [("x", "{}"), ("y", "{}")]
    assert desk.json("SELECT columns FROM members ORDER BY columns->>'model'") == [
        {"model": "x", "ok": True},
        {"model": "y", "ok": False},
    ]


def test_turns_of_an_answer_that_are_more_than_text_are_kept_and_its_thoughts_split_off(desk):
    call = {"type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
    calling = {"role": "assistant", "content": "", "tool_calls": [call]}
    thinking = {"role": "assistant", "content": "<think>\nhm\n</think>\n\nso"}
    desk.ingest([{"messages": [{"role": "user", "content": "p"}, turn]} for turn in (calling, thinking)])
    assert desk.json("SELECT messages FROM candidates ORDER BY text") == [
        [calling],
        [{"role": "assistant", "content": "so", "reasoning_content": "hm"}],
    ]
    assert desk.sql("SELECT text FROM candidates ORDER BY text") == ["", "so"]


def test_what_was_dropped_from_the_store_comes_back(desk):
    desk.ingest(ROWS)
    with desk.store.write() as con:
        con.execute("DELETE FROM candidates WHERE text = 'a'")
    report = desk.ingest(ROWS)
    assert report.version == 2
    assert desk.sql("SELECT text FROM candidates ORDER BY 1") == ["a", "b", "c", "d"]


class Meddled(Store):
    """A store into which somebody else ingests the same data set between two transactions."""

    def __init__(self, path, at, meddle):
        super().__init__(path)
        self.countdown = at
        self.meddle = meddle

    @contextmanager
    def write(self):
        self.countdown -= 1
        if self.countdown == 0:
            self.meddle()
        with super().write() as con:
            yield con


@pytest.mark.parametrize("at", [2, 3])
def test_two_processes_that_ingest_one_name_do_not_mix(desk, at):
    other = desk.file([{"prompt": "theirs"}], "theirs.jsonl")
    mine = desk.file([{"prompt": "mine"}], "mine.jsonl")
    options = IngestOptions(**{"as": "data"})
    store = Meddled(desk.store.path, at, lambda: ingest(other, options, store=desk.store))
    with pytest.raises(StoreBusyError, match=r"another process ingested 'data' .* run it again"):
        ingest(mine, options, store=store)
    assert desk.sql("SELECT name, version FROM datasets") == [("data", 1)]
    assert desk.sql("SELECT status FROM runs ORDER BY started_at") == ["failed", "done"]
    ingest(mine, options, store=desk.store)
    assert desk.sql("""
        SELECT m.version, p.messages->0->>'content' FROM members m JOIN prompts p USING (prompt_id) ORDER BY 1
    """) == [(1, "theirs"), (2, "mine")]


LOUDLY = """
    import sys
    from contextlib import contextmanager
    from pathlib import Path
    from datakit.ingest import ingest_through
    from datakit.staging import Staging
    from datakit.store import Store
    from schemas.options import IngestOptions

    class Loud(Store):
        @contextmanager
        def write(self):
            with super().write() as con:
                yield con
            print("committed", flush=True)

    with Staging(batch_rows=40) as staging:
        ingest_through(staging, Path(sys.argv[1]), IngestOptions(), store=Loud(sys.argv[2]))
"""


def test_a_killed_ingest_is_finished_by_the_next_one_as_if_it_had_never_happened(make_desk):
    rows = [{"prompt": str(i // 2), "chosen": f"a{i}", "rejected": f"b{i}", "score_chosen": i} for i in range(600)]
    rows[100] = {"bad": 1}
    whole, broken = make_desk("whole"), make_desk("broken")
    whole.ingest(rows)
    path = broken.file(rows)
    for commits in random.Random(1).sample(range(1, 15), 3):
        command = [sys.executable, "-c", textwrap.dedent(LOUDLY), path, broken.store.path]
        with subprocess.Popen(command, stdout=subprocess.PIPE) as child:
            for _ in range(commits):
                child.stdout.readline()
            time.sleep(random.random() * 0.04)  # anywhere in the next transaction, which takes about so long
            child.kill()
        assert broken.sql("SELECT count(*) FROM datasets") == [0]
        assert broken.sql("SELECT count(*) FROM members")[0] < 1198
    broken.ingest(path)
    assert broken.sql("SELECT status FROM runs ORDER BY started_at") == [*["running"] * 3, "done"]
    for query in (
        CONTENT,
        "SELECT * FROM meta",
        "SELECT * FROM prompts ORDER BY ALL",
        "SELECT * EXCLUDE (run_id) FROM candidates ORDER BY ALL",
        "SELECT * EXCLUDE (run_id) FROM scores ORDER BY ALL",
        "SELECT * EXCLUDE (run_id) FROM comparisons ORDER BY ALL",
        "SELECT * FROM recipes",
        "SELECT * FROM scorers ORDER BY ALL",
        "SELECT * FROM dataset_recipes",
    ):
        assert broken.sql(query) == whole.sql(query), query
