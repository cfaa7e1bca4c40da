"""The answers of an evaluation with what was said of them, in an order that depends on their ids alone."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from datakit.datasets import Dataset
from datakit.evaluate_models import Subject
from datakit.groups import create_groups
from datakit.scored import STATUSES, Numbers, Places, read_scored
from datakit.shortfall import samples_sql
from rewards.degeneration import degeneration_in
from rewards.live import last_user_turn
from rewards.refusal import refusal_in
from rewards.spec import Reward
from schemas.options import GroupOptions

FAILED = (STATUSES.index("error"), STATUSES.index("timeout"))
NOT_RUN = -1


@dataclass(frozen=True)
class Answers:
    """n answers to the prompts, sorted by prompt and id."""

    frame: pl.DataFrame
    """candidate_id, text, chars, n_tokens, truncated, refuses, degenerate: a row an answer."""
    prompt: Places
    """(n,) place of the prompt in `prompts`."""
    model: Places
    """(n,) place of the model among those evaluated."""
    prompts: pl.DataFrame
    """prompt_id and messages (JSON) of every prompt that some model answered."""
    models: int
    """Number of models."""

    def by_prompt(self, values: Numbers) -> Numbers:
        """The mean of a number over each model's answers to each prompt: (prompts, models), NaN of none.

        Args:
            values: (n,) NaN where an answer has none, which is left out.
        """
        there = ~np.isnan(values)
        cells = (self.prompt * self.models + self.model)[there]
        size = len(self.prompts) * self.models
        many = np.bincount(cells, minlength=size)
        sums = np.bincount(cells, weights=values[there], minlength=size)
        means: Numbers = np.divide(sums, many, out=np.full(size, np.nan), where=many > 0)
        return means.reshape(len(self.prompts), self.models)


@dataclass(frozen=True)
class Judgement:
    """What a reward says of the answers, in their order: n answers, k scorers."""

    reward: Reward
    rewards: Numbers
    """(n,) NaN where there is none."""
    values: Numbers
    """(n, k) after clip and scale; NaN where the scorer was not ok."""
    statuses: npt.NDArray[np.int8]
    """(n, k) place in `scored.STATUSES`; -1 where it was not run."""


def evaluated(subjects: Sequence[Subject]) -> GroupOptions:
    """The answers that the models gave for evaluation."""
    return GroupOptions(recipe=tuple(subject.recipe.recipe_id for subject in subjects), origin=("evaluate",))


def read_answers(con: duckdb.DuckDBPyConnection, data: Dataset, subjects: Sequence[Subject]) -> Answers:
    """Read the models' answers; of each as many to a prompt as were asked for, whatever else is stored."""
    create_groups(con, data, evaluated(subjects))
    frame: pl.DataFrame = con.execute(f"""
        SELECT candidate_id::VARCHAR AS candidate_id, c.prompt_id::VARCHAR AS prompt_id,
            g.recipe_id::VARCHAR AS recipe_id, c.text, length(c.text)::DOUBLE AS chars, c.n_tokens::DOUBLE AS n_tokens,
            coalesce(c.finish_reason = 'length', false) AS truncated
        FROM groups g JOIN candidates c USING (candidate_id)
        WHERE c.sample_index < {samples_sql(subjects[0].generation.n, "g.columns")}
        ORDER BY c.prompt_id, candidate_id
    """).pl()
    prompts: pl.DataFrame = con.execute("""
        SELECT prompt_id::VARCHAR AS prompt_id, messages::VARCHAR AS messages FROM prompts
        SEMI JOIN (SELECT DISTINCT prompt_id FROM groups) USING (prompt_id) ORDER BY prompts.prompt_id
    """).pl()
    prompts = prompts.filter(pl.col("prompt_id").is_in(frame["prompt_id"].unique().implode()))
    places = {prompt_id: place for place, prompt_id in enumerate(prompts["prompt_id"])}
    models = {subject.recipe.recipe_id: place for place, subject in enumerate(subjects)}
    prompt = np.array([places[one] for one in frame["prompt_id"]], dtype=np.int64)
    asked = [last_user_turn(json.loads(messages)) or "" for messages in prompts["messages"]]
    return Answers(
        frame=frame.drop("prompt_id", "recipe_id").with_columns(
            refuses=pl.Series([bool(refusal_in(text)) for text in frame["text"]], dtype=pl.Boolean),
            degenerate=pl.Series(
                [bool(degeneration_in(text, asked[at])) for text, at in zip(frame["text"], prompt, strict=True)],
                dtype=pl.Boolean,
            ),
        ),
        prompt=prompt,
        model=np.array([models[one] for one in frame["recipe_id"]], dtype=np.int64),
        prompts=prompts,
        models=len(subjects),
    )


def read_judgement(
    con: duckdb.DuckDBPyConnection, data: Dataset, reward: Reward, subjects: Sequence[Subject], answers: Answers
) -> Judgement:
    """Read what a reward says of these answers.

    Raises:
        ConfigError: the reward does not fit its values.
    """
    scored = read_scored(con, data, reward, evaluated(subjects), benign={}, sample=1)
    found = pl.DataFrame({"candidate_id": scored.ids}).with_row_index("row")
    rows = answers.frame.join(found, on="candidate_id", how="left", maintain_order="left")["row"].to_numpy()
    return Judgement(reward, scored.rewards[rows], scored.values[rows], scored.statuses[rows])
