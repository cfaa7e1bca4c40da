"""The score stage is killed in its middle, run twice at once, and read in pages: nothing is lost, nothing doubled."""

import random
import signal
import subprocess
import sys
import time
from collections import deque
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from datakit import datasets
from datakit.worklist import BUCKET, Query, read_page, survey, take_page
from rewards.plugins import find_rule
from rewards.scorer import bind
from rewards.spec import RewardSpec, ScorerEntry, reward_of
from schemas.options import GroupOptions

RULES = """
import os
import time

import polars as pl
from rewards import rule

@rule
def slow(completion: str) -> float:
    time.sleep(0.004)
    if completion.endswith("13"):
        raise ValueError(completion)
    if completion == "77":
        os._exit(1)
    return len(completion)

@rule
def columnar(completion: pl.Expr) -> pl.Expr:
    return completion.str.len_chars()

@rule
def reads(completion: str, answer: str) -> bool:
    return completion == answer
"""
ROWS = [{"prompt": f"q{n}", "completion": str(n), "answer": str(n % 50)} for n in range(700)]
RESULT = "SELECT candidate_id, scorer_id, inputs_hash, status, value, reason FROM scores ORDER BY ALL"


def start(desk: Any) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "datakit", "score", "data", "--rules", "rules.py", "--workers", "2"]
    return subprocess.Popen(
        [*command, "--store", str(desk.store.path)], cwd=desk.folder, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE
    )


def finish(process: subprocess.Popen[bytes]) -> None:
    _, errors = process.communicate(timeout=60)
    assert process.returncode in {0, 1}, errors.decode()


def wait_for_a_commit(desk: Any, process: subprocess.Popen[bytes], before: int = 0) -> None:
    while stored(desk) == before:
        assert process.poll() is None, process.communicate()
        time.sleep(0.1)


def stored(desk: Any) -> int:
    return int(desk.sql("SELECT count(*) FROM scores")[0])


def test_a_run_that_is_killed_again_and_again_ends_like_an_unbroken_one(make_desk: Any) -> None:
    unbroken, broken = make_desk("unbroken"), make_desk("broken")
    for desk in (unbroken, broken):
        desk.file(RULES.encode(), "rules.py")
        desk.ingest(ROWS)
    reference = start(unbroken)
    chance = random.Random()
    for moment in (None, chance.uniform(0.4, 2.0), chance.uniform(0.4, 2.5)):
        before, process = stored(broken), start(broken)
        if moment is None:  # between two commits
            wait_for_a_commit(broken, process, before)
        else:
            time.sleep(moment)
        process.send_signal(signal.SIGKILL)
        process.communicate()
        assert stored(broken) >= before
    finish(start(broken))
    finish(reference)
    assert broken.sql(RESULT) == unbroken.sql(RESULT)
    assert stored(broken) == 3 * len(ROWS)
    runs = stored_runs(broken)
    finish(start(broken))
    assert stored_runs(broken) == runs


def stored_runs(desk: Any) -> int:
    return int(desk.sql("SELECT count(*) FROM runs")[0])


def test_two_runs_at_once_store_every_outcome_once(desk: Any) -> None:
    desk.file(RULES.encode(), "rules.py")
    desk.ingest(ROWS[:300])
    for process in [start(desk), start(desk)]:
        finish(process)
    assert desk.sql("SELECT count(*), count(DISTINCT (candidate_id, scorer_id)) FROM scores") == [(900, 900)]


def test_ctrl_c_keeps_what_was_judged(desk: Any) -> None:
    desk.file(RULES.encode(), "rules.py")
    desk.ingest(ROWS)
    process = start(desk)
    wait_for_a_commit(desk, process)
    process.send_signal(signal.SIGINT)
    started = time.monotonic()
    process.communicate(timeout=10)
    assert time.monotonic() - started < 5
    assert 0 < stored(desk) < 3 * len(ROWS)
    assert desk.sql("SELECT status FROM runs WHERE stage = 'score'") == ["interrupted"]


def test_the_pages_of_a_survey_hold_every_candidate_once(desk: Any, fill: Any, drawn: Any) -> None:
    rules = desk.file(RULES.encode(), "rules.py")
    reward = reward_of(RewardSpec(scorers=(ScorerEntry(rule="is_json"),)))
    fill(desk.store, [[drawn(f"{number}-{index}") for index in range(5)] for number in range(2000)], reward)
    scorer = bind(find_rule("reads", [rules]))
    found: list[str] = []
    with desk.store.read() as con:
        query = Query(datasets.get(con, "p"), GroupOptions(), retry=False)
        work = survey(con, query, scorer, [])
        assert (work.missing, len(work.buckets)) == (10_000, 3)
        buckets = deque(work.buckets)
        while buckets:
            page = read_page(con, query, work, take_page(buckets, BUCKET))
            assert page.inputs.column_names == ["completion", "answer"]
            found += page.candidate_ids.flatten().to_pylist()
    assert len(found) == len(set(found)) == 10_000


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(1, BUCKET)), unique_by=lambda pair: pair[0]), st.integers(1))
def test_pages_cover_all_buckets_in_order(buckets: list[tuple[int, int]], most: int) -> None:
    left, covered, end = deque(sorted(buckets)), 0, -1
    while left:
        first, last = take_page(left, most)
        inside = [count for bucket, count in buckets if first <= bucket * BUCKET <= last]
        assert first > end
        assert len(inside) == 1 or sum(inside) <= most
        covered, end = covered + len(inside), last
    assert covered == len(buckets)
