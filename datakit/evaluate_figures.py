"""The numbers of an evaluation: means with intervals, differences paired by prompt, lengths and defects."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from datakit.bootstrap import DIGITS, Estimate, estimates
from datakit.evaluate_rows import FAILED, NOT_RUN, Answers, Judgement
from datakit.scored import Mask, Numbers

MATCHED = 0.2
"""Two models' answers to a prompt are as long as each other if their mean lengths differ by less than this share of the
longer one."""


@dataclass(frozen=True, slots=True)
class Mean:
    """How a model does by a scorer, or by the reward in all."""

    model: int
    """Its place."""
    scorer: str | None
    """None: the reward."""
    estimate: Estimate
    answers: int
    """Answers with a value."""
    skipped: int
    """Answers that the scorer does not apply to."""
    failed: int
    """Answers on which it ended in an error or a time-out, or was not run: no zeros, but left out."""


@dataclass(frozen=True, slots=True)
class Difference:
    """A model against the first one, prompt by prompt, on the prompts that both have a value for."""

    model: int
    scorer: str | None
    difference: Estimate
    """Of the mean values a prompt."""
    wins: Estimate
    """Share of the prompts on which its mean is higher; a tie counts half."""
    matched: Estimate
    """The difference on the prompts to which both answer at like length."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The models by one reward."""

    name: str
    is_guard: bool
    means: tuple[Mean, ...]
    """Those of the reward first, then scorer by scorer, each in the models' order."""
    differences: tuple[Difference, ...]

    @property
    def total(self) -> tuple[Difference, ...]:
        """The differences by the reward in all."""
        return tuple(one for one in self.differences if one.scorer is None)


@dataclass(frozen=True, slots=True)
class Style:
    """How a model's answers are, whatever they are worth."""

    model: int
    answers: int
    chars: float | None
    """Mean length."""
    tokens: float | None
    """Mean length, of the answers whose tokens were counted."""
    truncated: float | None
    """Share that max_tokens cut off."""
    refusing: float | None
    degenerate: float | None


def compare(answers: Answers, judgement: Judgement, *, is_guard: bool) -> Comparison:
    """Means and differences by a reward and by each of its scorers."""
    chars = answers.by_prompt(answers.frame["chars"].to_numpy())
    parts = _parts(judgement)
    tables = [answers.by_prompt(values) for _, values in parts]
    columns = [column for table in tables for column in _columns(table, chars)]
    found = iter(estimates(np.column_stack(columns)))
    means, differences = list[Mean](), list[Difference]()
    for place, (scorer, values) in enumerate(parts):
        counts = _counts(answers, judgement, place - 1 if place else None, values)
        means += [Mean(model, scorer, next(found), *counts[model]) for model in range(answers.models)]
        differences += [
            Difference(model, scorer, next(found), next(found), next(found)) for model in range(1, answers.models)
        ]
    return Comparison(judgement.reward.name, is_guard, tuple(means), tuple(differences))


def styles(answers: Answers) -> tuple[Style, ...]:
    """Lengths and shares of each model's answers."""
    found = []
    for model in range(answers.models):
        own = answers.frame.filter(answers.model == model)
        names = ("chars", "n_tokens", "truncated", "refuses", "degenerate")
        found.append(Style(model, own.height, *(_mean(own[name].cast(float).to_numpy()) for name in names)))
    return tuple(found)


def _parts(judgement: Judgement) -> list[tuple[str | None, Numbers]]:
    """The reward and its scorers, with their values."""
    names = [scorer.name for scorer in judgement.reward.scorers]
    return [(None, judgement.rewards), *((name, judgement.values[:, place]) for place, name in enumerate(names))]


def _columns(table: Numbers, chars: Numbers) -> Iterator[Numbers]:
    """What is estimated of a table (prompts, models): each model's values, then three columns a model but the first."""
    yield from table.T
    for model in range(1, table.shape[1]):
        gap = np.round(table[:, model] - table[:, 0], DIGITS)
        yield gap
        yield np.where(np.isnan(gap), np.nan, (np.sign(gap) + 1) / 2)
        yield np.where(alike(chars[:, model], chars[:, 0]), gap, np.nan)


def alike(one: Numbers, other: Numbers) -> Mask:
    """Whether lengths differ by less than `MATCHED` of the longer one; two empty answers are alike."""
    longer = np.maximum(one, other)
    found: Mask = (np.abs(one - other) < MATCHED * longer) | (longer == 0)
    return found


def _counts(answers: Answers, judgement: Judgement, scorer: int | None, values: Numbers) -> list[tuple[int, int, int]]:
    """Of each model: answers with a value, skipped, failed; the three add up to its answers."""
    statuses = judgement.statuses if scorer is None else judgement.statuses[:, [scorer]]
    there = ~np.isnan(values)
    failed = ~there & np.isin(statuses, (*FAILED, NOT_RUN)).any(axis=1)
    kinds = (there, ~there & ~failed, failed)
    return [
        tuple(int((kind & own).sum()) for kind in kinds)  # type: ignore[misc]
        for own in (answers.model == model for model in range(answers.models))
    ]


def _mean(values: Numbers) -> float | None:
    """The mean of the numbers that are there."""
    found = values[~np.isnan(values)]
    return round(float(found.mean()), DIGITS) if len(found) else None
