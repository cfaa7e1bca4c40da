"""Where a dialect's rewards come from: a reward in this process, or a service."""

import os
import threading
import weakref
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol, TypeGuard

from rewards.engine import Limits
from rewards.item_judge import Judge, Scored, result_of
from rewards.origin import frozen
from rewards.plugins import find_rule
from rewards.rule import Rule, rule_of
from rewards.scorer import Scorer, bind
from rewards.spec import Reward, RewardSpec, load_reward, reward_of, reward_of_scorer
from rewards.spec_file import SUFFIXES, split_name
from schemas.errors import ConfigError
from schemas.options import RewardOptions
from schemas.service import ItemResult, RewardItem

Judged = Callable[..., Any] | Rule | Scorer | Reward | RewardSpec | Path | str
"""A rule (the function, or a built-in rule's name), a reward, the path of a spec (.yaml, .yaml:name) or of a file of
rules (.py). Dialects also take a service's address (http://...) and any `Source`."""


class Source(Protocol):
    """Where rewards come from: a reward in this process, or a service (rewards/client.py)."""

    @property
    def name(self) -> str:
        """What a trainer logs it under."""

    def score(self, items: Sequence[RewardItem]) -> list[ItemResult]:
        """What becomes of items: one result each, in order."""


def source_of(judge: "Judged | Source", *, limits: Limits | None = None, trainer: str, setting: str) -> Source:
    """The source that a judge stands for.

    Args:
        judge: what judges; or a source, such as `rewards.client.RewardClient`, which is returned as it is.
        limits: time and memory that a rule may use, and how many workers there are.
        trainer: whose dialect asks, for messages.
        setting: the trainer's own setting that normalises rewards over a group.

    Raises:
        RuleError: a rule cannot be loaded, or its options do not fit.
        ConfigError: the reward asks for what a trainer does itself.
    """
    remote = service_of(judge)
    if remote is not None:
        return remote
    reward = reward_from(judge) or reward_of_scorer(scorer_of(judge, None, None))
    refuse_normalised(reward, trainer, setting)
    return LocalReward(reward, limits or Limits())


def service_of(judge: Any) -> Source | None:
    """The source that a judge is already, or that an address names; None if it is neither.

    Raises:
        ConfigError: the address is none.
    """
    if isinstance(judge, str) and judge.startswith(("http://", "https://")):
        from rewards.client import RewardClient  # needs httpx, which a reward of rules does without

        return RewardClient(judge)
    return judge if _scores(judge) else None


def _scores(judge: Any) -> TypeGuard[Source]:
    return not isinstance(judge, type) and callable(getattr(judge, "score", None))


def reward_from(judge: Any) -> Reward | None:
    """The reward that a judge names; None if it is a single rule.

    Raises:
        RuleError: a rule cannot be loaded, or its options do not fit.
        ConfigError: the spec is wrong.
    """
    match judge:
        case Reward():
            return judge
        case RewardSpec():
            return reward_of(judge)
        case Path() | str() if split_name(Path(judge))[0].suffix in SUFFIXES:
            return load_reward(RewardOptions(reward=Path(judge)))
        case Path() | str() if Path(judge).suffix == ".py":
            return load_reward(RewardOptions(rules=(Path(judge),)))
        case _:
            return None


def scorer_of(judge: Any, options: Mapping[str, object] | None, inputs: Mapping[str, object] | None) -> Scorer:
    """The scorer of a single rule.

    Raises:
        RuleError: it cannot be loaded, or its options do not fit.
    """
    if isinstance(judge, Scorer):
        return judge
    if isinstance(judge, str | Path):
        judge = find_rule(str(judge), [])
    return bind(judge if isinstance(judge, Rule) else rule_of(judge), options=options, inputs=inputs)


def frozen_scorer(scorer: Scorer) -> Scorer:
    """With the code as it is now, whatever happens to its files while the trainer runs; picklable."""
    return replace(scorer, rule=replace(scorer.rule, origin=frozen(scorer.rule.origin)))


def refuse_normalised(reward: Reward, trainer: str, setting: str) -> None:
    """Check that a reward leaves to the trainer what needs the whole group.

    Raises:
        ConfigError: it does not.
    """
    if reward.spec.normalise != "none":
        raise ConfigError(
            f"reward {reward.name!r} asks for normalise: {reward.spec.normalise}; in {trainer} leave it out "
            f"of the spec and set {setting}"
        )


class LocalReward:
    """A reward in this process: rules in killable workers that start with the first call; picklable."""

    def __init__(self, reward: Reward, limits: Limits) -> None:
        self.name = reward.name
        self._judge: Judge | None = None
        self._made = (replace(reward, scorers=tuple(map(frozen_scorer, reward.scorers))), limits)
        self._lock = threading.Lock()  # trainers call from several threads, a pool judges one batch at a time
        self._owner = 0

    def __reduce__(self) -> tuple[type["LocalReward"], tuple[Reward, Limits]]:
        return LocalReward, self._made

    def score(self, items: Sequence[RewardItem]) -> list[ItemResult]:
        """See `Source.score`."""
        found: dict[int, Scored] = {}
        with self._lock:
            judge = self._started()
            for block in judge.run(items):
                found.update(block)
        names = [scorer.name for scorer in judge.reward.scorers]
        return [result_of(item, found[place], names) for place, item in enumerate(items)]

    def _started(self) -> Judge:
        if self._judge is None or self._owner != os.getpid():  # a forked process has no part in its parent's workers
            self._judge, self._owner = Judge(*self._made), os.getpid()
            weakref.finalize(self, _end, self._judge, self._owner)
        return self._judge


def _end(judge: Judge, owner: int) -> None:
    if owner == os.getpid():
        judge.close()
