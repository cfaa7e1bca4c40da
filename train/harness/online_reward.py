"""A reward as the one reward function of an online trainer, which keeps what each scorer said of the last batch."""

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from datakit.engine import with_opening
from rewards.condition import columns_named
from rewards.dialects.trl import Judgement, TrlReward, log
from rewards.engine import Limits
from rewards.live import Batch, batch_of
from rewards.outcome import Status
from rewards.spec import Reward

FAILED = (Status.ERROR, Status.TIMEOUT)


@dataclass(frozen=True, slots=True)
class Policy:
    """What is known of the answers beside their texts."""

    model: str
    ends: frozenset[int]
    """Tokens that end an answer; one without is cut off."""
    prompt_end: str
    """What the chat template writes last; it may open the reasoning."""


class OnlineReward:
    """A reward function as TRL calls it, on rows of `train.harness.prompts`. A failure is None, never a 0."""

    def __init__(self, reward: Reward, limits: Limits, policy: Policy, columns: Iterable[str] = ()) -> None:
        self.__name__ = reward.name
        """What TRL logs it under."""
        self.reward = reward
        self.policy = policy
        self.last: pa.Table | None = None
        """The last batch: prompt_id, columns (JSON), text, reasoning, finish_reason, n_tokens; and of the k-th scorer
        status<k>, value<k>, reason<k>, seconds<k>."""
        self._function = TrlReward(reward, limits)
        read = {name for scorer in reward.scorers for name in scorer.columns.values()}
        asked = columns_named([scorer.when for scorer in reward.scorers])
        self._columns = frozenset(columns) | read | asked
        """Of the data set: a batch may be of prompts that lack one of them, which is a null and no missing column."""

    def __call__(
        self, prompts: list[Any], completions: list[Any], completion_ids: list[list[int]], **given: Any
    ) -> list[float | None]:
        """Rewards of a batch, in its order; None where there is none."""
        batch = self._batch(prompts, completions, completion_ids, given["columns"])
        judgement = self._function.judge_batch(batch)
        log(self.__name__, judgement, given)
        _log_failures(judgement, given)
        self.last = self._table(batch, judgement, given)
        return judgement.rewards

    def _batch(
        self, prompts: list[Any], completions: list[Any], ids: list[list[int]], columns: Sequence[str | None]
    ) -> Batch:
        said = [json.loads(text) if text else {} for text in columns]
        names = self._columns.union(*said)
        batch = batch_of(
            prompts,
            [self._opened(completion) for completion in completions],
            {name: [row.get(name) for row in said] for name in sorted(names)},
            n_tokens=[len(tokens) for tokens in ids],
            caller="the trainer",
        )
        finish = ["stop" if tokens and tokens[-1] in self.policy.ends else "length" for tokens in ids]
        known = {"finish_reason": pa.array(finish), "model": pa.array([self.policy.model] * len(ids))}
        return replace(batch, fields={**batch.fields, **known})

    def _opened(self, completion: list[dict[str, Any]]) -> list[dict[str, Any]]:
        turn, *rest = completion
        return [{**turn, "content": with_opening(self.policy.prompt_end, turn.get("content") or "")}, *rest]

    def _table(self, batch: Batch, judgement: Judgement, given: Mapping[str, Any]) -> pa.Table:
        fields = {
            "text": "completion",
            "reasoning": "reasoning",
            "finish_reason": "finish_reason",
            "n_tokens": "n_tokens",
        }
        columns = {
            "prompt_id": pa.array(given["prompt_id"], pa.string()),
            "columns": pa.array(given["columns"], pa.string()),
            **{name: batch.fields[field] for name, field in fields.items()},
        }
        for place, scorer in enumerate(self.reward.scorers):
            found = judgement.outcomes[scorer.name]
            columns[f"status{place}"] = pa.array([str(outcome.status) for outcome in found], pa.string())
            columns[f"value{place}"] = pa.array([outcome.value for outcome in found], pa.float64())
            columns[f"reason{place}"] = pa.array([outcome.reason for outcome in found], pa.string())
            columns[f"seconds{place}"] = pa.array([outcome.seconds for outcome in found], pa.float64())
        return pa.table(columns)


def _log_failures(judgement: Judgement, given: Mapping[str, Any]) -> None:
    """Shares of failures, by scorer and status, to TRL's log."""
    metric = given.get("log_metric")
    if metric is None or not judgement.rewards:
        return
    for name, found in judgement.outcomes.items():
        for status in FAILED:
            metric(f"scorers/{name}/{status}", sum(outcome.status is status for outcome in found) / len(found))
