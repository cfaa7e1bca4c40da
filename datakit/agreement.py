"""How far people agree with a reward, and with each other."""

from collections import Counter
from itertools import combinations

import duckdb
import polars as pl

from datakit.datasets import Dataset
from datakit.groups import create_groups
from datakit.rewarding import create_graded
from rewards.spec import Reward
from schemas.options import GroupOptions
from schemas.report import Table

_RATINGS = """
    SELECT r.name AS rater, s.candidate_id::VARCHAR AS candidate, s.value AS rating
    FROM newest_scores s JOIN scorers r USING (scorer_id)
    WHERE r.kind = 'human' AND s.status = 'ok' AND NOT ends_with(r.name, ': flag')
        AND s.candidate_id IN (SELECT candidate_id FROM groups)
"""
_PREFERENCES = """
    SELECT r.name AS rater, least(left_id, right_id)::VARCHAR AS one, greatest(left_id, right_id)::VARCHAR AS other,
        CASE WHEN verdict = 'tie' THEN 0 WHEN (verdict = 'left') = (left_id < right_id) THEN 1 ELSE -1 END AS verdict
    FROM comparisons c JOIN scorers r USING (scorer_id)
    WHERE r.kind = 'human' AND c.status = 'ok' AND c.prompt_id IN (SELECT prompt_id FROM groups)
"""
"""verdict: 1 where `one` is better, -1 where `other` is, 0 for a tie."""


def agreement_tables(
    con: duckdb.DuckDBPyConnection, dataset: Dataset, reward: Reward | None
) -> tuple[dict[str, int], tuple[Table, ...]]:
    """Counts and tables of what people said of the answers of a data set."""
    create_groups(con, dataset, GroupOptions())
    ratings: pl.DataFrame = con.execute(f"{_RATINGS} ORDER BY ALL").pl()
    preferences: pl.DataFrame = con.execute(f"{_PREFERENCES} ORDER BY ALL").pl()
    counts = {
        "ratings": ratings.height,
        "preferences": preferences.height,
        "raters": pl.concat([ratings["rater"], preferences["rater"]]).n_unique(),
    }
    tables = []
    if reward is not None:
        create_graded(con, reward)
        rewards: pl.DataFrame = con.execute("SELECT candidate_id::VARCHAR AS candidate, reward FROM graded").pl()
        rewards = rewards.drop_nulls()
        tables += [_rated(ratings, rewards), _preferred(preferences, rewards)]
    tables.append(_between(ratings, preferences))
    return counts, tuple(table for table in tables if table.rows)


def _rated(ratings: pl.DataFrame, rewards: pl.DataFrame) -> Table:
    """Rank correlation of each rater's ratings with the reward."""
    both = ratings.join(rewards, on="candidate")
    rows = tuple(
        (str(rater), some.height, _spearman(some["rating"], some["reward"]))
        for (rater,), some in both.group_by("rater", maintain_order=True)
    )
    return Table(title="ratings against the reward", columns=("rater", "answers", "Spearman"), rows=rows)


def _preferred(preferences: pl.DataFrame, rewards: pl.DataFrame) -> Table:
    """On what share of each rater's preferences the reward says the same; ties of either side apart."""
    both = preferences.join(rewards.rename({"candidate": "one", "reward": "left"}), on="one").join(
        rewards.rename({"candidate": "other", "reward": "right"}), on="other"
    )
    signed = both.with_columns(said=(pl.col("left") - pl.col("right")).sign().cast(pl.Int64))
    rows = []
    for (rater,), some in signed.group_by("rater", maintain_order=True):
        decided = some.filter((pl.col("verdict") != 0) & (pl.col("said") != 0))
        agree = (decided["verdict"] == decided["said"]).sum()
        tied = some.filter(pl.col("verdict") == 0).height
        undecided = some.filter((pl.col("verdict") != 0) & (pl.col("said") == 0)).height
        share = agree / decided.height if decided.height else None
        rows.append((str(rater), some.height, tied, undecided, agree, decided.height - agree, share))
    columns = ("rater", "pairs", "a tie to the rater", "a tie to the reward", "agree", "disagree", "share that agrees")
    return Table(title="preferences against the reward", columns=columns, rows=tuple(rows))


def _between(ratings: pl.DataFrame, preferences: pl.DataFrame) -> Table:
    """Two raters at a time: Cohen's kappa over preferences, rank correlation of ratings."""
    raters = sorted({*ratings["rater"], *preferences["rater"]})
    rows = []
    for one, other in combinations(raters, 2):
        judged = _shared(preferences, one, other, ["one", "other"])
        rated = _shared(ratings, one, other, ["candidate"])
        if judged.height or rated.height:
            kappa = _kappa(judged["verdict"], judged["verdict_right"])
            rows.append(
                (one, other, judged.height, kappa, rated.height, _spearman(rated["rating"], rated["rating_right"]))
            )
    columns = ("rater", "other rater", "pairs", "kappa", "answers", "Spearman")
    return Table(title="between raters", columns=columns, rows=tuple(rows))


def _shared(frame: pl.DataFrame, one: str, other: str, on: list[str]) -> pl.DataFrame:
    first, second = (frame.filter(pl.col("rater") == name) for name in (one, other))
    return first.join(second, on=on)


def _spearman(one: pl.Series, other: pl.Series) -> float | None:
    """Spearman's rank correlation; None where there are fewer than two values, or all are equal."""
    if len(one) < 2 or one.n_unique() < 2 or other.n_unique() < 2:
        return None
    found = pl.select(pl.corr(one.rank(), other.rank())).item()
    return round(float(found), 4)


def _kappa(one: pl.Series, other: pl.Series) -> float | None:
    """Cohen 1960, A coefficient of agreement for nominal scales; None where chance alone agrees always, or never."""
    pairs = list(zip(one, other, strict=True))
    if not pairs:
        return None
    observed = sum(a == b for a, b in pairs) / len(pairs)
    often = [Counter(verdicts) for verdicts in zip(*pairs, strict=True)]
    expected = sum(often[0][verdict] * often[1][verdict] for verdict in often[0]) / len(pairs) ** 2
    return None if expected == 1 else round((observed - expected) / (1 - expected), 4)
