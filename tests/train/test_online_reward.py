"""A reward as online trainers call it, batch by batch; without a trainer."""

import json

import pytest

from rewards.engine import Limits
from rewards.spec import load_reward
from schemas.options import RewardOptions
from train.harness.online_reward import OnlineReward, Policy

RULES = """
from rewards import rule

@rule
def says(completion: str, keyword: str) -> bool:
    return keyword in completion

@rule
def short(completion: str, *, at_most: int = 3) -> bool:
    return len(completion) <= at_most

@rule
def polite(completion: str, tone: str = "plain") -> bool:
    return tone == "plain" or "please" in completion

@rule
def in_chinese(completion: str) -> bool:
    return "是" in completion

@rule
def known(prompts, completions, **columns):
    return [float(len(columns["source"])) if one else None for one in columns["source"]]
"""
SPEC = {
    "rules": ["rules.py"],
    "scorers": [
        {"rule": "says"},
        {"rule": "short", "when": {"lang": ["en"]}},
        {"rule": "polite"},
        {"rule": "in_chinese", "when": {"lang": ["zh"]}},
        {"rule": "known"},
    ],
}


@pytest.fixture
def judged(tmp_path):
    """Outcomes of a batch: (text, columns of its prompt) each; by scorer."""
    (tmp_path / "rules.py").write_text(RULES)
    (tmp_path / "reward.yaml").write_text(json.dumps(SPEC))
    loaded = load_reward(RewardOptions(reward=tmp_path / "reward.yaml"))
    reward = OnlineReward(loaded, Limits(5, 1), Policy("m", frozenset({1}), ""), ["keyword", "lang", "source"])

    def judge(*rows):
        prompts = [[{"role": "user", "content": "say it"}] for _ in rows]
        completions = [[{"role": "assistant", "content": text}] for text, _ in rows]
        given = {
            "prompt_id": [str(k) for k in range(len(rows))],
            "columns": [None if columns is None else json.dumps(columns) for _, columns in rows],
        }
        rewards = reward(prompts, completions, [[5, 1]] * len(rows), **given)
        found = {
            scorer.name: list(
                zip(*(reward.last.column(f"{what}{place}").to_pylist() for what in ("status", "value")), strict=True)
            )
            for place, scorer in enumerate(loaded.scorers)
        }
        return rewards, found

    return judge


SKIP = ("skip", None)


def test_a_column_that_no_prompt_of_the_batch_has_is_a_null_and_not_missing(judged):
    both = judged(("是 red", {"keyword": "red", "lang": "zh", "source": "a"}), ("cat", {"lang": "en"}), ("ox", None))
    assert both[1]["says"] == [("ok", 1.0), SKIP, SKIP]
    assert both[1]["in_chinese"] == [("ok", 1.0), SKIP, SKIP]
    for row in (("是 red", {"keyword": "red", "lang": "zh"}), ("cat", {"lang": "en"}), ("cat", {}), ("ox", None)):
        rewards, found = judged(row)
        assert (found["says"] == [SKIP]) == ("keyword" not in (row[1] or {}))
        assert (found["short"] == [SKIP]) == ((row[1] or {}).get("lang") != "en")
        assert found["known"] == [SKIP]  # a rule of all columns finds them all, in every batch
        assert found["polite"] == [("ok", 1.0)]  # the default, where the data set has no such column
        assert rewards[0] is not None
