"""Two pair sets of the same candidates: what they share, what they turn round, what only one has."""

from typing import Any

import pytest

from datakit.build_pairs import build_pairs
from datakit.cli.app import run
from datakit.compare_pairs import compare_pairs
from rewards.outcome import Outcome, Status
from schemas.errors import ConfigError, NotFoundError
from schemas.options import GroupOptions, PairOptions


@pytest.fixture
def two_sets(desk: Any, fill: Any, drawn: Any, make_reward: Any) -> Any:
    """Pairs of two rewards: they agree on two prompts, are opposed on one, and one only `a` tells apart."""
    values = [(0.0, 1.0, 0.0, 1.0), (0.0, 1.0, 0.2, 0.4), (0.0, 1.0, 1.0, 0.0), (0.0, 1.0, 0.5, 0.5)]
    rewards = [make_reward(name=rule, scorers=({"rule": rule},)) for rule in "ab"]
    both = make_reward(name="both", scorers=({"rule": "a"}, {"rule": "b"}))
    groups = [
        [
            drawn(f"short {n}", (Outcome(Status.OK, a), Outcome(Status.OK, b))),
            drawn(f"a longer answer {n}", (Outcome(Status.OK, c), Outcome(Status.OK, d))),
        ]
        for n, (a, c, b, d) in enumerate(values)
    ]
    fill(desk.store, groups, both)
    for reward in rewards:
        name = f"by_{reward.name}"
        build_pairs("p", PairOptions(), reward=reward, groups=GroupOptions(), store=desk.store, name=name)
    return desk


def test_pairs_in_common_turned_round_and_of_one_set_only_are_counted(two_sets: Any) -> None:
    report = compare_pairs("by_a", "by_b", store=two_sets.store)
    assert report.counts == {
        "prompts in common": 3,
        "pairs in common": 2,
        "turned round": 1,
        "only in by_a@1": 1,
        "only in by_b@1": 0,
    }
    both, turned, only = report.tables
    assert [row[1:4] for row in both.rows] == [(4, 4, 1.0), (3, 3, pytest.approx((1 + 0.2 + 1) / 3))]
    assert [row[-1] for row in both.rows] == [1.0, pytest.approx(2 / 3)]
    assert [row[:3] for row in turned.rows] == [("Question 2?", "a longer answer 2", "short 2")]
    assert [row[0] for row in only.rows] == ["Question 3?"]


def test_a_set_compared_with_itself_has_no_difference(two_sets: Any) -> None:
    report = compare_pairs("by_a", "by_a@1", store=two_sets.store)
    assert (report.counts["pairs in common"], report.counts["turned round"], len(report.tables)) == (4, 0, 1)


def test_sets_without_a_common_prompt_need_attention(two_sets: Any) -> None:
    two_sets.ingest([{"prompt": "Else?", "chosen": "Yes.", "rejected": "No."}], "file.jsonl")
    report = compare_pairs("by_a", "file", store=two_sets.store)
    assert report.exit_code == 1
    assert "no prompt in common" in report.notes[0]


def test_what_is_no_pair_set_is_one_line(two_sets: Any) -> None:
    with pytest.raises(ConfigError, match=r"p@1 is a prompts set without pairs"):
        compare_pairs("by_a", "p", store=two_sets.store)
    with pytest.raises(NotFoundError, match="nowhere"):
        compare_pairs("by_a", "nowhere", store=two_sets.store)


def test_each_form_of_the_command_refuses_the_others_options(two_sets: Any, capsys: Any) -> None:
    store = ["--store", str(two_sets.store.path)]
    assert run(["compare", "by_a", "by_b", *store]) == 0
    for words, said in (
        (["by_a", "by_b", "--model", "m"], "--model is for a judge"),
        (["by_a", "by_b", "--rubric", "file.txt"], "--rubric is for a judge"),
        (["by_a"], "needs a judge (--model M), or a second pair set"),
    ):
        assert run(["compare", *words, *store]) == 2
        assert said in " ".join(capsys.readouterr().err.split())
