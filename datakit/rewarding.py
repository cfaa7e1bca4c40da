"""Rewards of all candidates of a data set at once: the arithmetic of rewards/formula.py as one SQL query.

The property test in tests/datakit/test_rewarding.py holds the two together, bit by bit.
"""

import duckdb

from datakit.conditions import condition_sql
from datakit.inputs import inputs_hash_sql
from rewards.arithmetic import COARSE, EPSILON, LARGEST, SCALE, Adjustment
from rewards.formula import Formula
from rewards.spec import Reward

_GROUPS = "(SELECT * EXCLUDE (recipe_id, prompt_id) REPLACE (position::INTEGER AS position) FROM groups)"
"""Narrow columns: the table has a row for each candidate, and everything after it reads it several times."""


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
    formula = reward.formula
    level = ", reward AS level" if formula.normalise == "none" else ""
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE graded_candidates AS {graded_sql(formula, _GROUPS, "position")};
        CREATE OR REPLACE TEMP VIEW graded AS SELECT *{level} FROM graded_candidates
    """)
    if formula.needs_range:
        outside = con.execute(
            "SELECT outside.scorer, outside.value FROM graded WHERE outside IS NOT NULL ORDER BY ALL LIMIT 1"
        ).fetchone()
        if outside:
            raise formula.out_of_range(*outside)


def missing_scores(con: duckdb.DuckDBPyConnection) -> int:
    """How many candidates of `graded` have no reward because no score is stored for them, or no scorer applied."""
    row = con.execute("SELECT count(*) FROM graded WHERE ungraded = 'not_scored'").fetchone()
    return int(row[0]) if row else 0


def rounded_sql(value: str) -> str:
    """`rewards.arithmetic.rounded` of a DOUBLE expression."""
    scale = _double(SCALE)
    return f"if(abs({value}) < {_double(COARSE)}, floor({value} * {scale} + {_double(0.5)}) / {scale}, {value})"


def graded_sql(formula: Formula, groups: str, group: str) -> str:
    """The query that `create_graded` runs; `level` is missing where nothing is normalised.

    Args:
        formula: the reward.
        groups: a relation with a row a candidate: candidate_id, `columns` and others, which are kept.
        group: its columns, separated by commas, that are equal within a prompt's group.
    """
    places = range(len(formula.parts))
    joins = "\n".join(join_scores(formula, place) for place in places)
    asked = [f"{condition_sql(part.when, 'g.columns')} AND " if part.when else "" for part in formula.parts]
    ok = [f"coalesce({asked[place]}s{place}.status = 'ok', false)" for place in places]
    mask = " + ".join(f"if({ok[place]}, {1 << place}::BIGINT, 0)" for place in places)
    broken = " OR ".join(f"coalesce({asked[place]}s{place}.status IN ('error', 'timeout'), false)" for place in places)
    missing = " OR ".join(f"({asked[place]}s{place}.status IS NULL)" for place in places)
    counted = " OR ".join(ok[place] for place, _ in formula.weights)
    bits = "UTINYINT" if len(formula.parts) <= 8 else "BIGINT"
    required = _double(formula.required_reward or 0.0)
    return f"""
        WITH judged AS (
            SELECT g.* EXCLUDE (columns),
                ({mask})::{bits} AS mask, {_failed(formula, ok)} AS failed,
                CASE WHEN {broken} THEN 'failed_scorer' WHEN {missing} THEN 'not_scored' END AS broken,
                {counted} AS counted, {_value(formula, ok)} AS value {_outside(formula, ok, f"{broken} OR {missing}")}
            FROM {groups} g {joins}
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
                     WHEN failed IS NOT NULL THEN {required}
                     ELSE {rounded_sql("value")} END AS reward
            FROM settled
        )
        {_levels(formula.normalise, group)}
    """


def join_scores(formula: Formula, place: int) -> str:
    """The clause that joins the outcomes of a scorer, as `s0`, `s1` ..., to a relation g of candidates and columns."""
    part = formula.parts[place]
    return f"""LEFT JOIN scores s{place} ON s{place}.candidate_id = g.candidate_id
        AND s{place}.scorer_id = '{part.scorer_id}'
        AND s{place}.inputs_hash = {inputs_hash_sql(part, "g.columns")}"""


def _value(formula: Formula, ok: list[str]) -> str:
    """The sums, in the formula's order."""
    terms = [
        f"if({ok[place]}, {_double(weight)} * {_adjusted(formula, place)}, 0::DOUBLE)"
        for place, weight in formula.weights
    ]
    total = " + ".join(["0::DOUBLE", *terms])
    if formula.combination == "sum":
        return total
    weights = [f"if({ok[place]}, {_double(weight)}, 0::DOUBLE)" for place, weight in formula.weights]
    return f"({total}) / ({' + '.join(['0::DOUBLE', *weights])})"


def _adjusted(formula: Formula, place: int) -> str:
    return adjusted_sql(formula.parts[place].adjustment, f"s{place}.value")


def adjusted_sql(adjustment: Adjustment, value: str) -> str:
    """`Adjustment.apply` of a DOUBLE expression."""
    if adjustment.clip is not None:
        low, high = (_double(end) for end in adjustment.clip)
        value = f"(CASE WHEN {value} < {low} THEN {low} WHEN {value} > {high} THEN {high} ELSE {value} END)"
    if adjustment.source is None:
        return value
    (start, end), (first, last) = adjustment.source, adjustment.target
    share = f"(({value} - {_double(start)}) / {_double(end - start)})"
    return f"({_double(first)} * ({_double(1.0)} - {share}) + {_double(last)} * {share})"


def _failed(formula: Formula, ok: list[str]) -> str:
    cases = [
        f"WHEN {ok[place]} AND s{place}.value < {_double(bound)} THEN {index}"
        for index, (place, bound) in enumerate(formula.bounds)
    ]
    return f"CASE {' '.join(cases)} END::TINYINT" if cases else "NULL::TINYINT"


def _outside(formula: Formula, ok: list[str], unrewarded: str) -> str:
    """A column for a value that is outside 0..1 where it must not be, and its scorer."""
    if not formula.needs_range:
        return ""
    cases = [
        f"WHEN {ok[place]} AND {_adjusted(formula, place)} NOT BETWEEN 0 AND 1 "
        f"THEN {{'scorer': {place}, 'value': {_adjusted(formula, place)}}}"
        for place, _ in formula.weights
    ]
    return f", CASE WHEN {unrewarded} THEN NULL {' '.join(cases)} END AS outside"


def _levels(normalise: str, group: str) -> str:
    """The last step: sums over sorted lists, so that the result does not depend on the order of the rows."""
    if normalise == "none":
        return "FROM rewarded"
    if normalise == "rank":
        return f"""
            SELECT *, CASE WHEN reward IS NULL THEN NULL
                WHEN count(reward) OVER whole = 1 THEN 0.5::DOUBLE
                ELSE (rank() OVER upward - 1 + (count(*) OVER (PARTITION BY {group}, reward) - 1) / 2)
                     / (count(reward) OVER whole - 1) END AS level
            FROM rewarded
            WINDOW whole AS (PARTITION BY {group}),
                   upward AS (PARTITION BY {group} ORDER BY reward NULLS LAST)
        """
    spread = "sqrt(list_sum(list_transform(rewards, lambda r: (r - mean) ** 2)) / (n - 1))"
    z = f"(reward - mean) / ({spread} + {_double(EPSILON)})"
    return f"""
        SELECT r.*, CASE WHEN reward IS NULL THEN NULL WHEN spread = 0 THEN 0::DOUBLE
            ELSE {rounded_sql(z)} END AS level
        FROM rewarded r LEFT JOIN (
            SELECT {group}, list_sum(rewards) / n AS mean, * EXCLUDE ({group}) FROM (
                SELECT {group}, list(reward ORDER BY reward) AS rewards, count(*)::DOUBLE AS n,
                    max(reward) - min(reward) AS spread
                FROM rewarded WHERE reward IS NOT NULL GROUP BY {group}
            )
        ) USING ({group})
    """


def _double(value: float) -> str:
    """A DOUBLE literal; a bare one would be a DECIMAL."""
    return f"'{value!r}'::DOUBLE"
