"""A judge compares answers in both orders: verdicts, ties that flip, failures, and what a second run does."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from datakit.build_pairs import build_pairs
from datakit.compare import compare
from rewards.outcome import Outcome, Status
from schemas.errors import ConfigError, StageStopped
from schemas.options import CompareOptions, GroupOptions, PairOptions


@pytest.fixture
def run(desk: Any, fill: Any, drawn: Any, make_reward: Any, chat_server: Any) -> Any:
    """Ten prompts of three answers, and a judge to compare them."""
    reward = make_reward(name="r", scorers=({"rule": "a"},))
    groups = [
        [drawn(f"answer {place} of {number}", (Outcome(Status.OK, place / 2),)) for place in range(3)]
        for number in range(10)
    ]
    fill(desk.store, groups, reward)
    build_pairs("p", PairOptions(), reward=reward, groups=GroupOptions(), store=desk.store, name="pairs")

    def compared(name: str = "p", **options: Any) -> Any:
        chosen = CompareOptions(**{"model": "m", "base_url": chat_server.url, "retries": 0, **options})
        return compare(name, chosen, store=desk.store)

    return compared


def places(body: dict[str, Any]) -> tuple[int, int]:
    """The numbers of the two answers of a request, in its order."""
    parts = body["messages"][1]["content"].split("[answer ")[1:]
    first, second = (int(part.split("answer ")[1].split()[0]) for part in parts)
    return first, second


def says(better: str) -> tuple[int, str]:
    return 200, json.dumps({"reason": "because", "better": better})


def prefers_the_higher(body: dict[str, Any], _: int) -> tuple[int, object]:
    first, second = places(body)
    return says("A" if first > second else "B")


def test_a_judge_that_knows_its_mind_decides_in_both_orders(desk: Any, run: Any, chat_server: Any) -> None:
    chat_server.reply = prefers_the_higher
    report = run(pairs_per_prompt=3, price_in=1.0, price_out=2.0)
    assert report.counts == {
        "pairs": 30, "judged before": 0, "decided": 30, "ties": 0, "flipped": 0, "errors": 0, "unanswered": 0
    }  # fmt: skip
    assert len(chat_server.bodies) == 60
    rows = desk.sql("""
        SELECT l.text, r.text, verdict, reason FROM comparisons c JOIN scorers s USING (scorer_id)
        JOIN candidates l ON l.candidate_id = left_id JOIN candidates r ON r.candidate_id = right_id
        WHERE s.kind = 'judge' AND s.name = 'judge m'
    """)
    assert len(rows) == 30
    for left, right, verdict, reason in rows:
        assert verdict == ("left" if left > right else "right")
        assert reason == "because"
    assert report.notes == ("6,000 tokens of prompts and 1,200 of replies, $0.0084; 0 replies from the cache",)
    assert report.tables[0].rows == (("tiny", 30, 30, 0, 0.5),)
    assert report.exit_code == 0


def test_a_second_run_asks_nothing_and_more_pairs_ask_only_for_these(run: Any, chat_server: Any) -> None:
    chat_server.reply = prefers_the_higher
    run()
    again = run()
    assert again.notes == ("nothing to do: every pair is judged",)
    assert again.run_id is None
    assert len(chat_server.bodies) == 20
    assert run(pairs_per_prompt=2).counts["judged before"] == 10
    assert len(chat_server.bodies) == 40


def test_a_verdict_that_flips_with_the_order_is_a_tie_and_counted(desk: Any, run: Any, chat_server: Any) -> None:
    chat_server.reply = lambda body, number: says("A")
    report = run()
    assert (report.counts["ties"], report.counts["flipped"], report.counts["decided"]) == (10, 10, 0)
    assert desk.sql("SELECT DISTINCT verdict, reason FROM comparisons") == [
        ("tie", "flipped with the order: because / because")
    ]


def test_a_tie_is_a_tie_and_flips_nothing(run: Any, chat_server: Any) -> None:
    chat_server.reply = lambda body, number: says("tie")
    report = run()
    assert (report.counts["ties"], report.counts["flipped"]) == (10, 0)
    assert report.tables[0].rows == (("tiny", 0, 0, 20, 0.5),)


def test_what_is_no_verdict_is_an_error_that_retry_asks_again(desk: Any, run: Any, chat_server: Any) -> None:
    chat_server.reply = lambda body, number: (
        (200, "Both are fine.") if number == 1 else prefers_the_higher(body, number)
    )
    report = run(concurrency=1)
    assert (report.counts["errors"], report.counts["decided"]) == (1, 9)
    assert report.exit_code == 1
    assert desk.sql("SELECT verdict FROM comparisons WHERE status = 'error'") == [None]
    assert run().counts["judged before"] == 10
    # the reply is in the cache: the same question has the same answer; another temperature is another judge
    chat_server.reply = prefers_the_higher
    (desk.folder / "cache" / "datakit" / "replies.sqlite").unlink()
    assert run(retry=True).counts["decided"] == 1
    assert desk.sql("SELECT status, count(*) FROM comparisons GROUP BY ALL") == [("ok", 10)]


def test_what_no_server_answers_is_left_out_and_asked_by_the_next_run(desk: Any, run: Any, chat_server: Any) -> None:
    chat_server.reply = lambda body, number: (503, "busy") if number % 2 else prefers_the_higher(body, number)
    report = run(concurrency=1)
    assert report.counts["unanswered"] > 0
    assert report.exit_code == 1
    assert desk.sql("SELECT count(*) FROM comparisons") == [report.counts["decided"]]
    chat_server.reply = prefers_the_higher
    assert run().counts["decided"] == report.counts["unanswered"]
    assert desk.sql("SELECT count(*) FROM comparisons") == [10]


def test_a_server_that_is_out_of_order_stops_the_run(
    desk: Any, fill: Any, drawn: Any, make_reward: Any, chat_server: Any
) -> None:
    groups = [[drawn(f"answer {place} of {number}", ()) for place in range(2)] for number in range(60)]
    fill(desk.store, groups, make_reward(name="r", scorers=({"rule": "a"},)))
    chat_server.reply = lambda body, number: (503, "down")
    options = CompareOptions(model="m", base_url=chat_server.url, retries=0, concurrency=2)
    with pytest.raises(StageStopped, match="50 times in a row: TransportError: HTTP 503: down"):
        compare("p", options, store=desk.store)
    assert len(chat_server.bodies) < 60


def test_the_two_sides_of_pairs_are_compared(desk: Any, run: Any, chat_server: Any) -> None:
    chat_server.reply = prefers_the_higher
    assert run("pairs").counts["decided"] == 10
    assert desk.sql("""
        SELECT count(*) FROM comparisons c JOIN pairs p ON p.prompt_id = c.prompt_id
        WHERE chosen_id = if(verdict = 'left', left_id, right_id)
    """) == [10]


def test_the_rubric_of_a_file_is_asked_and_makes_another_judge(desk: Any, run: Any, chat_server: Any) -> None:
    chat_server.reply = prefers_the_higher
    run()
    rubric = desk.file(b"Only numbers count.", "rubric.txt")
    assert run(rubric=rubric).counts["judged before"] == 0
    assert chat_server.bodies[-1]["messages"][0]["content"].startswith("Only numbers count.")
    with pytest.raises(ConfigError, match=r"--rubric .*nowhere\.txt: cannot be read"):
        run(rubric=Path("nowhere.txt"))


def test_prompts_with_one_answer_are_one_line(desk: Any, run: Any) -> None:
    desk.ingest([{"instruction": "a", "output": "b"}], name="sft.jsonl")
    with pytest.raises(ConfigError, match="sft@1 has no prompt with two different answers"):
        run("sft")


def test_a_killed_run_keeps_what_it_stored_and_the_next_one_asks_the_rest(
    desk: Any, run: Any, chat_server: Any
) -> None:
    def slow(body: dict[str, Any], number: int) -> tuple[int, object]:
        time.sleep(0.25)
        return prefers_the_higher(body, number)

    chat_server.reply = slow
    command = ["compare", "p", "--model", "m", "--base-url", chat_server.url, "--concurrency", "1"]
    process = subprocess.Popen(
        [sys.executable, "-m", "datakit", *command, "--pairs-per-prompt", "3", "--store", str(desk.store.path)]
    )
    while len(chat_server.bodies) < 24 and process.poll() is None:
        time.sleep(0.05)
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    chat_server.reply = prefers_the_higher
    report = run(pairs_per_prompt=3)
    assert 0 < report.counts["judged before"] < 30
    assert report.counts["judged before"] + report.counts["decided"] == 30
    assert desk.sql("SELECT count(*), count(DISTINCT (left_id, right_id)) FROM comparisons") == [(30, 30)]
