"""Rewards of all candidates of a data set at once: the arithmetic of rewards/spec.py as one SQL query.

The property test in tests/datakit/test_rewarding.py holds the two together, bit by bit.
"""

import duckdb

from datakit.inputs import inputs_hash_sql
from rewards.arithmetic import COARSE, EPSILON, LARGEST, SCALE
from rewards.spec import Reward


def create_graded(con: duckdb.DuckDBPyConnection, reward: Reward) -> None:
    """Make the temporary relation `graded` from the view `groups`: one row a candidate.

    Its columns are those of `groups` without prompt_id (`position` stands for it), recipe_id and columns, and
        mask: bit i is set where scorer i of the reward was ok,
        failed: the first requirement (its place in `reward.bounds`) that the candidate fails,
        ungraded: why there is no reward, `failed_scorer`, `reward_overflow` or `not_scored` (an ENUM in this order),
        reward: the reward,
        level: the reward, or its normalised form where the spec asks for one.

    Raises:
        ConfigError: there are requirements but no `required_reward`, and a value is outside 0..1.
    """
    level = ", reward AS level" if reward.spec.normalise == "none" else ""
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE graded_candidates AS {_graded_sql(reward)};
        CREATE OR REPLACE TEMP VIEW graded AS SELECT *{level} FROM graded_candidates
    """)
    if _needs_range(reward):
        outside = con.execute(
            "SELECT outside.scorer, outside.value FROM graded WHERE outside IS NOT NULL ORDER BY ALL LIMIT 1"
        ).fetchone()
        if outside:
            raise reward.out_of_range(*outside)


def missing_scores(con: duckdb.DuckDBPyConnection) -> int:
    """How many candidates of `graded` have no reward because no score is stored for them, or no scorer applied."""
    row = con.execute("SELECT count(*) FROM graded WHERE ungraded = 'not_scored'").fetchone()
    return int(row[0]) if row else 0


def rounded_sql(value: str) -> str:
    """`rewards.arithmetic.rounded` of a DOUBLE expression."""
    scale = _double(SCALE)
    return f"if(abs({value}) < {_double(COARSE)}, floor({value} * {scale} + {_double(0.5)}) / {scale}, {value})"


def _graded_sql(reward: Reward) -> str:
    """Narrow columns: the table has a row for each candidate, and everything after it reads it several times."""
    places = range(len(reward.scorers))
    joins = "\n".join(_join(reward, place) for place in places)
    ok = [f"coalesce(s{place}.status = 'ok', false)" for place in places]
    mask = " + ".join(f"if({ok[place]}, {1 << place}::BIGINT, 0)" for place in places)
    broken = " OR ".join(f"coalesce(s{place}.status IN ('error', 'timeout'), false)" for place in places)
    missing = " OR ".join(f"s{place}.status IS NULL" for place in places)
    counted = " OR ".join(ok[place] for place, _ in reward.weights)
    total = " + ".join(
        ["0::DOUBLE", *(f"if({ok[p]}, {_double(w)} * s{p}.value, 0::DOUBLE)" for p, w in reward.weights)]
    )
    weight = " + ".join(["0::DOUBLE", *(f"if({ok[p]}, {_double(w)}, 0::DOUBLE)" for p, w in reward.weights)])
    value = f"({total}) / ({weight})" if reward.spec.combine == "mean" else total
    bits = "UTINYINT" if len(reward.scorers) <= 8 else "BIGINT"
    return f"""
        WITH judged AS (
            SELECT g.* EXCLUDE (columns, recipe_id, prompt_id) REPLACE (g.position::INTEGER AS position),
                ({mask})::{bits} AS mask, {_failed(reward, ok)} AS failed,
                CASE WHEN {broken} THEN 'failed_scorer' WHEN {missing} THEN 'not_scored' END AS broken,
                {counted} AS counted, {value} AS value {_outside(reward, ok, f"{broken} OR {missing}")}
            FROM groups g {joins}
        ), settled AS (
            SELECT * EXCLUDE (counted, broken),
                CASE WHEN broken IS NOT NULL THEN broken WHEN failed IS NOT NULL THEN NULL
                     WHEN NOT counted THEN 'not_scored'
                     WHEN NOT abs(value) <= {_double(LARGEST)} THEN 'reward_overflow' END AS ungraded
            FROM judged
        ), rewarded AS (
            SELECT * EXCLUDE (value) REPLACE (
                    if(ungraded IS NULL, failed, NULL) AS failed,
                    ungraded::ENUM('failed_scorer', 'reward_overflow', 'not_scored') AS ungraded
                ), CASE WHEN ungraded IS NOT NULL THEN NULL
                     WHEN failed IS NOT NULL THEN {_double(reward.spec.required_reward or 0.0)}
                     ELSE {rounded_sql("value")} END AS reward
            FROM settled
        )
        {_levels(reward.spec.normalise)}
    """


def _join(reward: Reward, place: int) -> str:
    scorer = reward.scorers[place]
    return f"""LEFT JOIN scores s{place} ON s{place}.candidate_id = g.candidate_id
        AND s{place}.scorer_id = '{scorer.scorer_id}'
        AND s{place}.inputs_hash = {inputs_hash_sql(scorer, "g.columns")}"""


def _failed(reward: Reward, ok: list[str]) -> str:
    cases = [
        f"WHEN {ok[place]} AND s{place}.value < {_double(bound)} THEN {index}"
        for index, (place, bound) in enumerate(reward.bounds)
    ]
    return f"CASE {' '.join(cases)} END::TINYINT" if cases else "NULL::TINYINT"


def _needs_range(reward: Reward) -> bool:
    """Whether the default of `required_reward`, 0, has to be the lowest reward there is."""
    return bool(reward.bounds) and reward.spec.required_reward is None


def _outside(reward: Reward, ok: list[str], unrewarded: str) -> str:
    """A column for a value that is outside 0..1 where it must not be, and its scorer."""
    if not _needs_range(reward):
        return ""
    cases = [
        f"WHEN {ok[place]} AND s{place}.value NOT BETWEEN 0 AND 1 THEN {{'scorer': {place}, 'value': s{place}.value}}"
        for place, _ in reward.weights
    ]
    return f", CASE WHEN {unrewarded} THEN NULL {' '.join(cases)} END AS outside"


def _levels(normalise: str) -> str:
    """The last step: sums over sorted lists, so that the result does not depend on the order of the rows."""
    if normalise == "none":
        return "FROM rewarded"
    if normalise == "rank":
        return """
            SELECT *, CASE WHEN reward IS NULL THEN NULL
                WHEN count(reward) OVER whole = 1 THEN 0.5::DOUBLE
                ELSE (rank() OVER upward - 1 + (count(*) OVER (PARTITION BY position, reward) - 1) / 2)
                     / (count(reward) OVER whole - 1) END AS level
            FROM rewarded
            WINDOW whole AS (PARTITION BY position),
                   upward AS (PARTITION BY position ORDER BY reward NULLS LAST)
        """
    spread = "sqrt(list_sum(list_transform(rewards, lambda r: (r - mean) ** 2)) / (n - 1))"
    z = f"(reward - mean) / ({spread} + {_double(EPSILON)})"
    return f"""
        SELECT r.*, CASE WHEN reward IS NULL THEN NULL WHEN spread = 0 THEN 0::DOUBLE
            ELSE {rounded_sql(z)} END AS level
        FROM rewarded r LEFT JOIN (
            SELECT position, list_sum(rewards) / n AS mean, * EXCLUDE (position) FROM (
                SELECT position, list(reward ORDER BY reward) AS rewards, count(*)::DOUBLE AS n,
                    max(reward) - min(reward) AS spread
                FROM rewarded WHERE reward IS NOT NULL GROUP BY position
            )
        ) USING (position)
    """


def _double(value: float) -> str:
    """A DOUBLE literal; a bare one would be a DECIMAL."""
    return f"'{value!r}'::DOUBLE"
