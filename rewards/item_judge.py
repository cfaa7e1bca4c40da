"""Judging items that clients and trainers hand over: what is wrong with one is its own outcome and nobody else's."""

from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import pyarrow as pa

from rewards.engine import Limits, RulePool
from rewards.formula import SKIPPED
from rewards.live import Batch, batch_of
from rewards.model_process import ModelProcess
from rewards.origin import frozen
from rewards.outcome import Outcome, Status
from rewards.plugins import find_rule
from rewards.rule import TRAINER_INPUTS, Form
from rewards.scorer import Scorer, bind
from rewards.spec import Reward
from schemas.errors import ConfigError, RuleError, StageStopped, UserError
from schemas.service import ItemResult, RewardItem

Shape = tuple[frozenset[str], bool, bool, bool, bool]
"""The columns that an item has, and whether it tells tools, finish_reason, n_tokens and model."""


@dataclass(frozen=True, slots=True)
class Scored:
    """What became of one item."""

    reward: float | None
    outcomes: tuple[Outcome, ...]
    """One a scorer, in the order of the reward's scorers."""
    reason: str = ""
    """Why there is no reward."""
    failed: str | None = None
    """The requirement that it does not meet."""

    @property
    def lasts(self) -> bool:
        """Whether it would be the same again; an error may be a matter of the moment."""
        return all(outcome.status in (Status.OK, Status.SKIP) for outcome in self.outcomes)


def failure(reward: Reward, reason: str, status: Status = Status.ERROR) -> Scored:
    """An item that no scorer can judge."""
    return Scored(None, (Outcome(status, reason=reason),) * len(reward.scorers), "failed_scorer")


def told_of(item: RewardItem, scored: Scored, names: Sequence[str], *, cached: bool = False) -> dict[str, Any]:
    """What is told of an item, as the fields of an `ItemResult`: a service answers thousands of times a second.

    Args:
        item: the item.
        scored: what became of it.
        names: the scorers' names, in the order of the outcomes.
        cached: whether an equal item was judged before.
    """
    outcomes = {
        name: {"status": said.status.value, "value": said.value, "reason": said.reason, "seconds": said.seconds}
        for name, said in zip(names, scored.outcomes, strict=True)
    }
    return {
        "id": item.id,
        "reward": scored.reward,
        "reason": scored.reason,
        "failed": scored.failed,
        "outcomes": outcomes,
        "cached": cached,
    }


def result_of(item: RewardItem, scored: Scored, names: Sequence[str], *, cached: bool = False) -> ItemResult:
    """What is told of an item: see `told_of`."""
    return ItemResult.model_validate(told_of(item, scored, names, cached=cached))


Block = list[tuple[int, Scored]]
"""Places of a batch, and what became of the items there."""


class Judge:
    """A reward with worker processes of its own; one batch at a time."""

    def __init__(self, reward: Reward, limits: Limits, models: ModelProcess | None = None) -> None:
        # the code as it is now, whatever happens to its files while the service runs
        scorers = tuple(replace(s, rule=replace(s.rule, origin=frozen(s.rule.origin))) for s in reward.scorers)
        self.reward = replace(reward, scorers=scorers)
        self._pool = RulePool(limits, models)

    def warm(self) -> None:
        """Start the worker processes, with a rule that does next to nothing, and load the reward models.

        Raises:
            StageStopped: the processes do not start.
            UserError: a model cannot be loaded.
        """
        rows = 32 * self._pool.workers
        for _ in self._pool.judge(bind(find_rule("has_code_block", [])), pa.table({"completion": [""] * rows})):
            pass
        trial = RewardItem(prompt="?", completion="!")
        for scorer in self.reward.scorers:
            if scorer.rule.form is Form.MODEL:
                for _ in self._pool.judge(scorer, batch_from(_shape(trial), [trial]).table(scorer)):
                    pass

    def close(self) -> None:
        """End the worker processes."""
        self._pool.close()

    def run(self, items: Sequence[RewardItem]) -> Generator[Block, None, None]:
        """Judge items; every one exactly once, as (place, what became of it), in blocks as they finish.

        An empty block is a sign of life: the caller may stop between any two.
        """
        groups: dict[Shape, list[int]] = {}
        for place, item in enumerate(items):
            groups.setdefault(_shape(item), []).append(place)
        for shape, places in groups.items():
            yield from self._group(shape, [items[place] for place in places], places)

    def _group(self, shape: Shape, items: list[RewardItem], places: list[int]) -> Iterator[Block]:
        """Items of one shape, so that which columns there are depends on no other item."""
        scorers = self.reward.scorers
        try:
            batch = batch_from(shape, items)
            asked = batch.asked_by([scorer.when for scorer in scorers], len(items))
        except RuleError as error:
            yield [(place, failure(self.reward, str(error))) for place in places]
            return
        found = [[SKIPPED] * len(scorers) for _ in items]
        for index, scorer in enumerate(scorers):
            last = index == len(scorers) - 1
            meant = [row for row, columns in enumerate(asked) if scorer.when.holds(columns)]
            if last and len(meant) < len(items):
                left = set(range(len(items))).difference(meant)
                yield [(places[row], self._combined(found[row], asked[row])) for row in sorted(left)]
            for block in self._outcomes(scorer, batch, meant):
                for row, outcome in block:
                    found[row][index] = outcome
                yield [(places[row], self._combined(found[row], asked[row])) for row, _ in block] if last else []

    def _outcomes(self, scorer: Scorer, batch: Batch, rows: list[int]) -> Iterator[list[tuple[int, Outcome]]]:
        if not rows:
            return
        try:
            table = batch.table(scorer)
        except RuleError as error:
            yield [(row, Outcome(Status.ERROR, reason=str(error))) for row in rows]
            return
        parts = [rows]
        while parts:
            part = parts.pop()
            left = dict.fromkeys(part)
            try:
                for block in self._judge(scorer, table if len(part) == len(table) else table.take(part), part):
                    for row, _ in block:
                        del left[row]
                    yield block
            except (UserError, StageStopped) as error:
                again = list(left)
                if len(again) > 1 and scorer.rule.form is Form.COLUMNAR:  # the values of one row spoil the others' type
                    parts += [again[: len(again) // 2], again[len(again) // 2 :]]
                else:
                    yield [(row, Outcome(Status.ERROR, reason=str(error))) for row in again]

    def _judge(self, scorer: Scorer, table: pa.Table, rows: list[int]) -> Iterator[list[tuple[int, Outcome]]]:
        for block in self._pool.judge(scorer, table):
            columns = (block.rows, block.status, block.value, block.reason, block.seconds)
            yield [
                (rows[row], Outcome(Status(status), value, reason or "", seconds or 0.0))
                for row, status, value, reason, seconds in zip(*(c.to_pylist() for c in columns), strict=True)
            ]

    def _combined(self, outcomes: list[Outcome], columns: dict[str, Any]) -> Scored:
        try:
            combined = self.reward.combine(outcomes, columns)
        except ConfigError as error:  # of this item's values
            return Scored(None, tuple(outcomes), str(error))
        return Scored(combined.reward, tuple(outcomes), combined.reason, combined.failed)


def _shape(item: RewardItem) -> Shape:
    return (
        frozenset(item.columns),
        item.tools is not None,
        item.finish_reason is not None,
        item.n_tokens is not None,
        item.model is not None,
    )


def batch_from(shape: Shape, items: Sequence[RewardItem]) -> Batch:
    """Items of one shape as the tables that rules are run on."""
    columns, tools, finish_reason, n_tokens, model = shape
    given: dict[str, list[Any]] = {
        name: [item.columns[name] for item in items] for name in sorted(columns.difference(TRAINER_INPUTS))
    }
    if tools:
        given["tools"] = [item.tools for item in items]
    batch = batch_of(
        [item.prompt if item.prompt is not None else item.messages or [] for item in items],
        [item.completion for item in items],
        given,
        n_tokens=[item.n_tokens or 0 for item in items] if n_tokens else None,
        caller="the request",
    )
    told = dict(batch.fields)
    if finish_reason:
        told["finish_reason"] = pa.array([item.finish_reason for item in items], pa.string())
    if model:
        told["model"] = pa.array([item.model for item in items], pa.string())
    return replace(batch, fields=told)
