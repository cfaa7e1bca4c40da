"""The page about an evaluation: what is written where. Its template lies beside; it escapes every text."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2
import numpy as np

from datakit.evaluate_charts import difference_sections, length_histograms, mean_sections
from datakit.evaluate_figures import Comparison, Style
from datakit.evaluate_models import Subject
from datakit.evaluate_prompts import Asked
from datakit.evaluate_rows import Answers, Judgement
from datakit.evaluate_tables import ALL, interval, title, verdicts
from datakit.report_page import clip, number, percent, visible
from datakit.scored import Numbers, Places
from rewards.live import last_user_turn
from schemas.options import EvaluateOptions
from schemas.report import counted

EXAMPLES = 8
"""Prompts whose answers are shown."""
LONGEST = 4000
"""Characters of a prompt or an answer that are shown."""


@dataclass(frozen=True, slots=True)
class Said:
    """A model's answer that is shown: the one whose reward is nearest to the mean of its answers to the prompt."""

    model: int
    text: str
    reward: float | None
    mean: float | None
    """Of all its answers to the prompt."""
    answers: int
    """How many these are."""


@dataclass(frozen=True, slots=True)
class Example:
    """A prompt with an answer of each model that answered it."""

    prompt: str
    turns: int
    said: tuple[Said, ...]


@dataclass(frozen=True)
class Evaluation:
    """All that the page shows."""

    subjects: Sequence[Subject]
    asked: Asked
    options: EvaluateOptions
    answers: Answers
    judgement: Judgement
    """By the reward."""
    comparisons: Sequence[Comparison]
    styles: Sequence[Style]


def render(found: Evaluation) -> str:
    """The page as HTML."""
    page: str = _template().render(
        found=found,
        labels=[subject.label for subject in found.subjects],
        lines=list(verdicts(found.subjects, found.comparisons, found.styles)),
        means=[(title(one), mean_sections(one)) for one in found.comparisons],
        differences=[(title(one), difference_sections(one)) for one in found.comparisons if one.differences],
        histograms=length_histograms(found.answers),
        examples=examples(found.answers, found.judgement.rewards),
        series=["after"],
        all=ALL,
        longest=LONGEST,
    )
    return page


def examples(answers: Answers, rewards: Numbers) -> list[Example]:
    """The prompts on which the models' mean rewards differ most; of one model, those on which it does worst."""
    means = answers.by_prompt(rewards)
    several = np.isfinite(means).sum(axis=1) > (1 if answers.models > 1 else 0)
    places = np.flatnonzero(several)
    chosen = places[np.argsort(-_rank(means[places]), kind="stable")][:EXAMPLES]
    return [_example(answers, rewards, means, int(place)) for place in chosen]


def _rank(means: Numbers) -> Numbers:
    """How far the models are apart, or how low the only one is."""
    ranked: Numbers = np.nanmax(means, axis=1) - np.nanmin(means, axis=1) if means.shape[1] > 1 else -means[:, 0]
    return ranked


def _example(answers: Answers, rewards: Numbers, means: Numbers, place: int) -> Example:
    messages = json.loads(answers.prompts["messages"][place])
    said = []
    for model in range(answers.models):
        rows = np.flatnonzero((answers.prompt == place) & (answers.model == model))
        if len(rows):
            row = _nearest(rewards, rows, means[place, model])
            shown = str(answers.frame["text"][row])
            said.append(Said(model, shown, _plain(rewards[row]), _plain(means[place, model]), len(rows)))
    return Example(last_user_turn(messages) or "", len(messages), tuple(said))


def _nearest(rewards: Numbers, rows: Places, mean: float) -> int:
    """The row whose reward is nearest to the mean; the first one where none has a reward."""
    gaps = np.abs(rewards[rows] - mean)
    return int(rows[0] if np.isnan(gaps).all() else rows[np.nanargmin(gaps)])


def _plain(value: float) -> float | None:
    return None if np.isnan(value) else float(value)


def short(value: float | None) -> str:
    """A figure as people read it."""
    return "" if value is None else f"{value:.3g}"


@cache
def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        px="{:.4g}".format,
        number=number,
        percent=percent,
        counted=counted,
        clip=clip,
        visible=visible,
        interval=interval,
        short=short,
    )
    return environment.get_template("evaluate.html.jinja")
