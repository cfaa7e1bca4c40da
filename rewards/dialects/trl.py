"""TRL: rules and rewards as reward functions of GRPO, RLOO and the other online trainers (INTEROP section 2).

    from rewards.dialects import trl
    trainer = GRPOTrainer(model, reward_funcs=trl(mentions), ...)
    trainer = GRPOTrainer(model, reward_funcs=trl("reward.yaml"), ...)
    trainer = GRPOTrainer(model, reward_funcs=trl("http://127.0.0.1:8000"), ...)    # of `datakit serve`

Rules run in worker processes as everywhere else: what raises, hangs or dies costs the trainer that one completion,
whose reward is None (TRL masks it), and never becomes a 0.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from rewards.dialect import Shim, item_of, outcome_of, sample_columns
from rewards.engine import Limits
from rewards.formula import SKIPPED
from rewards.live import Batch, Workers, batch_of
from rewards.outcome import Outcome, Status
from rewards.rule import TRAINER_INPUTS
from rewards.scorer import Scorer
from rewards.source import Judged, Source, frozen_scorer, refuse_normalised, reward_from, scorer_of, service_of
from rewards.spec import Reward
from schemas.errors import ConfigError

logger = logging.getLogger(__name__)

SHIM = Shim(
    trainer="TRL",
    use="from {module} import reward\ntrainer = GRPOTrainer(..., reward_funcs=reward)",
    body="""
reward = trl(JUDGE)
""",
)


def trl(
    judge: Judged | Source,
    *,
    options: Mapping[str, object] | None = None,
    inputs: Mapping[str, object] | None = None,
    limits: Limits | None = None,
) -> "TrlReward | TrlService":
    """A reward function for TRL.

    Args:
        judge: a rule (the function itself, or a built-in rule's name), a reward, or the path of a spec (.yaml, or
            .yaml:name) or of a file of rules (.py). A reward of several scorers is one function, never several with
            weights: trainers sum around a missing value, which would turn a rule that does not apply into a 0.
            Also a service's address (http://...), or a `rewards.client.RewardClient`.
        options: the rule's keyword-only parameters.
        inputs: where the rule's inputs come from: parameter: column, or parameter: {"constant": value}.
        limits: time and memory that a rule may use, and how many workers there are.

    Raises:
        RuleError: the rule cannot be loaded, or its options do not fit.
        ConfigError: the reward asks for what a trainer does itself.
    """
    service = service_of(judge)
    reward = None if service else reward_from(judge)
    if (options or inputs) and (service or reward):
        raise ConfigError("options and inputs belong to a rule; a reward states them in its spec")
    if service is not None:
        return TrlService(service)
    if reward is None:
        return TrlReward(scorer_of(judge, options, inputs), limits or Limits())
    refuse_normalised(reward, "TRL", "scale_rewards in GRPOConfig")
    return TrlReward(reward, limits or Limits())


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a reward says of a batch of completions."""

    outcomes: Mapping[str, list[Outcome]]
    """By scorer: one a completion, `skip` where the scorer is not meant for its prompt."""
    rewards: list[float | None]


class TrlReward:
    """A reward function as TRL calls it; picklable, so that it also works in a trainer's worker processes."""

    def __init__(self, judge: Scorer | Reward, limits: Limits) -> None:
        self.__name__ = judge.name
        """What TRL logs it under."""
        self.judge = judge
        self.limits = limits
        self.scorers = tuple(map(frozen_scorer, judge.scorers if isinstance(judge, Reward) else (judge,)))
        self._workers = Workers(limits)

    def __reduce__(self) -> tuple[type["TrlReward"], tuple[Scorer | Reward, Limits]]:
        scorers = self.scorers
        judge = replace(self.judge, scorers=scorers) if isinstance(self.judge, Reward) else scorers[0]
        return TrlReward, (judge, self.limits)

    def __call__(self, prompts: list[Any], completions: list[Any], **given: Any) -> list[float | None]:
        """Rewards of a batch, in its order; None where there is none.

        Raises:
            RuleError: a rule reads a column that the data set does not have.
        """
        ids = given.get("completion_ids")
        batch = batch_of(
            prompts,
            completions,
            {name: values for name, values in given.items() if name not in (*TRAINER_INPUTS, "prompt")},
            n_tokens=[len(tokens) for tokens in ids] if ids is not None else None,
            caller="TRL",
        )
        judgement = self.judge_batch(batch)
        log(self.__name__, judgement, given)
        return judgement.rewards

    def judge_batch(self, batch: Batch) -> Judgement:
        """What the scorers say of a batch, and the rewards.

        Raises:
            RuleError: a rule reads a column that the data set does not have.
        """
        asked = batch.asked_by([scorer.when for scorer in self.scorers], batch.size)
        tables = [(scorer, batch.table(scorer)) for scorer in self.scorers]
        outcomes = {scorer.name: self._judged(scorer, table, asked) for scorer, table in tables}
        judged = zip(*outcomes.values(), strict=True)
        return Judgement(
            outcomes, [self._combined(found, columns) for found, columns in zip(judged, asked, strict=True)]
        )

    def _judged(self, scorer: Scorer, table: pa.Table, asked: list[dict[str, Any]]) -> list[Outcome]:
        """One outcome a completion: `skip` for those that the scorer is not meant for, without running it."""
        meant = [row for row, columns in enumerate(asked) if scorer.when.holds(columns)]
        found = [SKIPPED] * len(table)
        if meant:
            few = table if len(meant) == len(table) else table.take(meant)
            for row, outcome in zip(meant, self._workers.judge(scorer, few), strict=True):
                found[row] = outcome
        return found

    def _combined(self, outcomes: Sequence[Outcome], columns: Mapping[str, Any]) -> float | None:
        if isinstance(self.judge, Reward):
            return self.judge.combine(outcomes, columns).reward
        return outcomes[0].value


class TrlService:
    """A service's reward as TRL calls it; picklable."""

    def __init__(self, source: Source) -> None:
        self.__name__ = source.name
        """What TRL logs it under."""
        self.source = source

    def __call__(self, prompts: list[Any], completions: list[Any], **given: Any) -> list[float | None]:
        """Rewards of a batch, in its order; None where there is none.

        Raises:
            ServiceError: the service cannot be reached, or refuses the batch.
        """
        columns = {name: values for name, values in given.items() if name not in (*TRAINER_INPUTS, "prompt")}
        tokens = given.get("completion_ids")
        items = [
            item_of(
                prompt,
                completion,
                sample_columns(columns, row),
                n_tokens=len(tokens[row]) if tokens is not None else None,
            )
            for row, (prompt, completion) in enumerate(zip(prompts, completions, strict=True))
        ]
        results = self.source.score(items)
        names = results[0].outcomes if results else {}
        told = {name: [outcome_of(result.outcomes[name]) for result in results] for name in names}
        judgement = Judgement(told, [result.reward for result in results])
        log(self.__name__, judgement, given)
        return judgement.rewards


def log(name: str, judgement: Judgement, given: Mapping[str, Any]) -> None:
    """Show failures, and in TRL's own log what the scorers said: it only sees the combined reward.

    Args:
        name: the reward function's.
        judgement: of a batch; of an empty one nothing is said.
        given: TRL's `log_metric` and `log_extra`, where it has them.
    """
    metric, extra = given.get("log_metric") or _ignore, given.get("log_extra") or _ignore
    rewards = judgement.rewards
    for scorer, found in judgement.outcomes.items() if rewards else ():
        failed = [o for o in found if o.status in (Status.ERROR, Status.TIMEOUT)]
        if failed:
            logger.warning(
                "rule %s: %d of %d completions failed, their rewards are masked; the first: %s %s",
                *(scorer, len(failed), len(found), failed[0].status, failed[0].reason),
            )
        values = [o.value for o in found if o.value is not None]
        if values:
            metric(f"scorers/{scorer}/mean", sum(values) / len(values))
        metric(f"scorers/{scorer}/failed", len(failed) / len(found))
        extra(f"{scorer}: outcome", [o.value if o.value is not None else str(o.status) for o in found])
        extra(f"{scorer}: reason", [o.reason for o in found])
    if rewards:
        metric(f"rewards/{name}/masked", sum(reward is None for reward in rewards) / len(rewards))


def _ignore(*_: object) -> None:
    """Stands for the trainer's log where there is none."""
