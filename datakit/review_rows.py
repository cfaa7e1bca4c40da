"""What a person reviews: a sample of prompts, each with one answer or two, and what the reward says of these."""

import hashlib
import json
from dataclasses import dataclass
from typing import Any

import duckdb

from datakit import datasets
from datakit.datasets import Dataset
from datakit.groups import create_groups
from datakit.rewarding import create_graded
from datakit.show_cells import text_of
from rewards.spec import Reward
from schemas.errors import ConfigError
from schemas.options import GroupOptions, ReviewOptions

SIDES = 2


@dataclass(frozen=True, slots=True)
class Item:
    """A prompt with the answers that are to be reviewed, in the order in which they are shown."""

    prompt_id: str
    turns: list[dict[str, str]]
    """role, text."""
    answers: list[dict[str, Any]]
    """id, text, and with a reward: reward, outcomes."""


def sample_items(
    con: duckdb.DuckDBPyConnection, dataset: Dataset, options: ReviewOptions, reward: Reward | None
) -> list[Item]:
    """Draw prompts and answers; the same seed draws the same ones.

    Of a set of pairs both sides are shown. Of a group two answers with different texts are drawn: with a reward, the
    best and the worst for every other prompt, so that the whole range is seen.

    Raises:
        ConfigError: there is nothing to review.
    """
    create_groups(con, _with_groups(con, dataset), GroupOptions(), features="text")
    if reward is not None:
        create_graded(con, reward)
    con.execute(f"CREATE OR REPLACE TEMP TABLE offered AS {_OFFERED.get(dataset.kind, _GROUPED)}", _values(dataset))
    drawn = con.execute(
        """
        SELECT prompt_id::VARCHAR FROM offered GROUP BY prompt_id
        ORDER BY count(DISTINCT text) > 1 DESC, md5(prompt_id::VARCHAR || $seed) LIMIT $sample
        """,
        {"seed": str(options.seed), "sample": options.sample},
    ).fetchall()
    if not drawn:
        raise ConfigError(f"{dataset} has no answers to review")
    return [_item(con, prompt_id, place, options.seed, reward) for place, (prompt_id,) in enumerate(drawn)]


_OFFERED = {
    "pairs": """
        SELECT DISTINCT p.prompt_id, c.candidate_id, c.text
        FROM pairs p JOIN candidates c ON c.candidate_id IN (p.chosen_id, p.rejected_id)
        WHERE p.dataset = $name AND p.version = $version
    """,
    "selection": """
        SELECT s.prompt_id, s.candidate_id, c.text FROM selections s JOIN candidates c USING (candidate_id)
        WHERE s.dataset = $name AND s.version = $version
    """,
}
"""The answers that may be drawn, by the kind of the data set."""
_GROUPED = "SELECT prompt_id, candidate_id, text FROM groups"


def _values(dataset: Dataset) -> dict[str, Any]:
    return {"name": dataset.name, "version": dataset.version} if dataset.kind in _OFFERED else {}


def _with_groups(con: duckdb.DuckDBPyConnection, dataset: Dataset) -> Dataset:
    """The data set whose groups have the answers: of pairs and selections, the one that they were made from."""
    if dataset.kind not in _OFFERED:
        return dataset
    return datasets.find(con, str(dataset.config.get("source"))) or dataset


def _item(con: duckdb.DuckDBPyConnection, prompt_id: str, place: int, seed: int, reward: Reward | None) -> Item:
    rewards = "LEFT JOIN graded g USING (candidate_id)" if reward else ""
    rows = con.execute(
        f"""
        SELECT o.candidate_id::VARCHAR, any_value(o.text), {"any_value(g.reward)" if reward else "NULL"}
        FROM offered o {rewards} WHERE o.prompt_id = ?::UUID GROUP BY o.candidate_id
        """,
        [prompt_id],
    ).fetchall()
    turns = con.execute("SELECT messages FROM prompts WHERE prompt_id = ?::UUID", [prompt_id]).fetchall()
    chosen = _two(sorted(rows, key=lambda row: _shuffled(row[0], seed)), widest=reward is not None and place % 2 == 0)
    return Item(
        prompt_id=prompt_id,
        turns=[{"role": turn["role"], "text": text_of(turn.get("content"))} for turn in json.loads(turns[0][0])],
        answers=[
            {"id": key, "text": text, "reward": value, "outcomes": _outcomes(con, key, reward)}
            for key, text, value in sorted(chosen, key=lambda row: _shuffled(row[0], seed))
        ],
    )


Row = tuple[str, str, float | None]
"""Candidate, text, reward."""


def _two(rows: list[Row], *, widest: bool) -> list[Row]:
    """Two answers with different texts, or the only one: the first ones, or those furthest apart in reward."""
    rewarded = [row for row in rows if row[2] is not None]
    if widest and rewarded:
        first = max(rewarded, key=lambda row: row[2] or 0.0)
        rows = [first, *sorted(rewarded, key=lambda row: row[2] or 0.0)]
    others = [row for row in rows if row[1].strip() != rows[0][1].strip()]
    return [rows[0], *others[: SIDES - 1]]


def _shuffled(key: str, seed: int) -> str:
    return hashlib.md5(f"{key}{seed}".encode(), usedforsecurity=False).hexdigest()


def _outcomes(con: duckdb.DuckDBPyConnection, candidate: str, reward: Reward | None) -> list[dict[str, Any]]:
    """What each scorer of the reward says of an answer."""
    if reward is None:
        return []
    ids = [scorer.scorer_id for scorer in reward.scorers]
    found = {
        scorer_id: {"status": status, "value": value, "reason": reason or ""}
        for scorer_id, status, value, reason in con.execute(
            "SELECT scorer_id::VARCHAR, status, value, reason FROM newest_scores "
            "WHERE candidate_id = ?::UUID AND list_contains(?, scorer_id::VARCHAR)",
            [candidate, ids],
        ).fetchall()
    }
    missing = {"status": "not scored", "value": None, "reason": ""}
    return [{"scorer": scorer.name, **found.get(scorer.scorer_id, missing)} for scorer in reward.scorers]
