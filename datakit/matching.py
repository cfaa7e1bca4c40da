"""From graded candidates to pairs that keep every guarantee (DESIGN section 6), all groups at once.

Works on the temporary table `graded` (datakit/rewarding.py over `ANSWER_FEATURES`) and leaves behind

    comparable  the candidates that a strategy may see: one a distinct answer, judged by the same scorers
    proposals   what the strategy chose, each with the reason why it is no pair, or null
    unpaired    the prompts that have no pair, each with the truest reason
"""

import duckdb
import polars as pl

from datakit.reasons import PAIR_CHECKS, Reason
from datakit.rewarding import rounded_sql
from datakit.strategy import SqlStrategy, Strategy
from schemas.errors import RuleError
from schemas.options import PairOptions

CHUNK = 1_000_000
"""Candidates that a strategy in Polars sees at once: bounds its memory, whatever the data set's size."""


def create_comparable(con: duckdb.DuckDBPyConnection, options: PairOptions) -> None:
    """Make the view `comparable`: what is left after NULL rewards, empty, cut-off and identical answers.

    Of answers that are equal after strip one stays: a choosable one, then the smallest id. Where the candidates of
    a prompt were judged by different scorers, the largest set with the same ones stays.
    """
    lowest = "" if options.min_chosen_reward is None else f"AND reward >= '{options.min_chosen_reward!r}'::DOUBLE"
    whole = "" if options.allow_truncated == "both" else "AND NOT truncated"
    cut = "AND NOT truncated" if options.allow_truncated == "none" else ""
    con.execute(f"""
        CREATE OR REPLACE TEMP VIEW usable AS
        SELECT *, may_win AND failed IS NULL {whole} {lowest} AS choosable
        FROM (
            SELECT *, {_drawn_by(options.chosen_recipe)} AS may_win, {_drawn_by(options.rejected_recipe)} AS rejectable
            FROM graded
        )
        WHERE reward IS NOT NULL AND NOT empty {cut};
        CREATE OR REPLACE TEMP TABLE surplus AS
        WITH entangled AS (
            SELECT position FROM usable GROUP BY position
            HAVING min(mask) != max(mask) OR list_unique(list(answer)) < count(*)
        ), counted AS (
            SELECT position, mask, candidate_id, row_number() OVER (
                PARTITION BY position, mask, answer ORDER BY choosable DESC, candidate_id
            ) > 1 AS copy
            FROM usable SEMI JOIN entangled USING (position)
        ), largest AS (
            SELECT position, arg_min(mask, (-n, mask)) AS mask FROM (
                SELECT position, mask, count(*) FILTER (NOT copy) AS n FROM counted GROUP BY ALL
            ) GROUP BY position
        )
        SELECT c.candidate_id, copy
        FROM counted c JOIN largest l USING (position) WHERE copy OR c.mask != l.mask;
        CREATE OR REPLACE TEMP VIEW comparable AS
        FROM usable ANTI JOIN surplus USING (candidate_id);
    """)


def _drawn_by(recipes: tuple[str, ...]) -> str:
    """SQL: whether a candidate was drawn by one of these recipes; true where none is named."""
    if not recipes:
        return "true"
    ids = ", ".join(f"'{recipe}'" for recipe in recipes)
    return f"candidate_id IN (SELECT candidate_id FROM candidates WHERE recipe_id IN ({ids}))"


def create_proposals(con: duckdb.DuckDBPyConnection, strategy: Strategy, options: PairOptions) -> None:
    """Run the strategy, and make the table `proposals`: ids, rewards, lengths, margin, and `refused`, a reason or null.

    What a strategy may not do (cross prompts, pair equal answers, choose what is not choosable) is no proposal.
    """
    con.execute("""
        CREATE OR REPLACE TEMP TABLE chosen_pairs (chosen_id UUID, rejected_id UUID);
        CREATE OR REPLACE TEMP VIEW offered AS
        SELECT position AS prompt_id, candidate_id, level AS reward, chars, choosable, rejectable FROM comparable
    """)
    if isinstance(strategy, SqlStrategy):
        query = strategy.query("offered")
        con.execute(f"INSERT INTO chosen_pairs SELECT DISTINCT chosen_id, rejected_id FROM ({query})")
    else:
        _choose_in_chunks(con, strategy)
    ratio = "" if options.max_length_ratio is None else _length_ratio(options.max_length_ratio)
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE proposals AS
        SELECT *, CASE WHEN margin < '{options.min_margin!r}'::DOUBLE THEN '{Reason.MARGIN_TOO_SMALL}' {ratio}
            END AS refused, false AS checked
        FROM (
            SELECT c.position, chosen_id, rejected_id,
                c.reward AS chosen_reward, r.reward AS rejected_reward,
                c.chars AS chosen_chars, r.chars AS rejected_chars,
                {rounded_sql("(c.level - r.level)")} AS margin
            FROM chosen_pairs JOIN usable c ON c.candidate_id = chosen_id JOIN usable r ON r.candidate_id = rejected_id
            WHERE c.position = r.position AND c.choosable AND r.rejectable AND chosen_id != rejected_id
                AND chosen_id NOT IN (SELECT candidate_id FROM surplus)
                AND rejected_id NOT IN (SELECT candidate_id FROM surplus)
        )
    """)


def _choose_in_chunks(con: duckdb.DuckDBPyConnection, strategy: Strategy) -> None:
    prompts, candidates = con.execute("SELECT coalesce(max(position), 0), count(*) FROM graded").fetchall()[0]
    step = max(1, prompts * CHUNK // max(1, candidates))
    texts = "JOIN (SELECT candidate_id, text FROM candidates) USING (candidate_id)" if strategy.reads_text else ""
    for start in range(0, prompts, step):
        group = con.execute(
            f"SELECT * REPLACE (candidate_id::VARCHAR AS candidate_id) FROM offered {texts} "
            "WHERE prompt_id > ? AND prompt_id <= ?",
            [start, start + step],
        ).pl()
        found = strategy.pair(group.lazy()).select("chosen_id", "rejected_id").collect(engine="streaming")
        _check(found, group)
        con.register("found", found)
        con.execute("INSERT INTO chosen_pairs SELECT DISTINCT chosen_id::UUID, rejected_id::UUID FROM found")
        con.unregister("found")


def _check(found: pl.DataFrame, group: pl.DataFrame) -> None:
    """Pairs must be of two known answers to one prompt; a side that is null is no pair.

    Raises:
        RuleError: something else was proposed.
    """
    prompts = group.select("candidate_id", "prompt_id")
    judged = (
        found.drop_nulls()
        .join(prompts, left_on="chosen_id", right_on="candidate_id", how="left")
        .join(prompts, left_on="rejected_id", right_on="candidate_id", how="left", suffix="_of_rejected")
        .with_columns(
            wrong=pl.when(pl.col("prompt_id").is_null() | pl.col("prompt_id_of_rejected").is_null())
            .then(pl.lit("an answer that it was not given"))
            .when(pl.col("prompt_id") != pl.col("prompt_id_of_rejected"))
            .then(pl.lit("answers to different prompts"))
            .when(pl.col("chosen_id") == pl.col("rejected_id"))
            .then(pl.lit("an answer and itself"))
        )
        .drop_nulls("wrong")
    )
    for row in judged.head(1).iter_rows(named=True):
        more = f" (and {judged.height - 1} more)" if judged.height > 1 else ""
        raise RuleError(f"the strategy pairs {row['wrong']}: {row['chosen_id']} over {row['rejected_id']}{more}")


def _length_ratio(ratio: float) -> str:
    return (
        f"WHEN greatest(chosen_chars, rejected_chars) > '{ratio!r}'::DOUBLE * least(chosen_chars, rejected_chars) "
        f"THEN '{Reason.LENGTH_RATIO}'"
    )


def keep_widest(con: duckdb.DuckDBPyConnection, most: int) -> None:
    """Make the table `pairs_found`: of each prompt the pairs that passed, at most `most`, the widest margins first."""
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE pairs_found AS
        SELECT * EXCLUDE (refused, checked) FROM proposals JOIN places USING (position) WHERE refused IS NULL
        QUALIFY row_number() OVER (PARTITION BY position ORDER BY margin DESC, chosen_id, rejected_id) <= {most}
    """)


def create_unpaired(con: duckdb.DuckDBPyConnection, options: PairOptions) -> None:
    """Make the table `unpaired`: prompt_id, reason and detail of every prompt of the data set without a pair."""
    order = " ".join(f"WHEN '{reason}' THEN {place}" for place, reason in enumerate(PAIR_CHECKS))
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE unpaired AS
        WITH alone AS (
            SELECT prompt_id, position FROM places ANTI JOIN pairs_found USING (position)
        ), rows AS (
            FROM graded SEMI JOIN alone USING (position)
        ), drawn AS (
            SELECT position, count(*) AS n, count(reward) AS rewarded,
                count(*) FILTER (ungraded = 'failed_scorer') AS failures, min(ungraded) AS ungraded,
                count(*) FILTER (reward IS NOT NULL AND NOT empty) AS written
            FROM rows GROUP BY position
        ), usable_rows AS (
            SELECT position, count(*) AS whole, count(DISTINCT answer) AS answers
            FROM usable SEMI JOIN alone USING (position) GROUP BY position
        ), compared AS (
            SELECT position, count(*) AS peers, min(level) AS low, max(level) AS high,
                count(*) FILTER (failed IS NULL) AS sound,
                count(*) FILTER (failed IS NULL AND (NOT truncated OR {options.allow_truncated == "both"})) AS finished,
                count(*) FILTER (choosable) AS choosable, count(*) FILTER (may_win) AS may_win,
                count(*) FILTER (rejectable) AS rejectable,
                max(level) FILTER (choosable) AS best
            FROM comparable SEMI JOIN alone USING (position) GROUP BY position
        ), refusals AS (
            SELECT position, arg_max(refused, CASE refused {order} END) AS refused
            FROM proposals WHERE refused IS NOT NULL GROUP BY position
        )
        SELECT prompt_id, {_REASON.format(min_margin=repr(options.min_margin))} AS reason, {_DETAIL} AS detail
        FROM alone LEFT JOIN drawn USING (position) LEFT JOIN usable_rows USING (position)
        LEFT JOIN compared USING (position) LEFT JOIN refusals USING (position)
    """)


_REASON = f"""CASE
    WHEN n IS NULL THEN '{Reason.NO_CANDIDATES}'
    WHEN n = 1 THEN '{Reason.ONE_CANDIDATE}'
    WHEN rewarded < 2 THEN ungraded::VARCHAR
    WHEN written < 2 THEN '{Reason.EMPTY_TEXT}'
    WHEN coalesce(whole, 0) < 2 THEN '{Reason.TRUNCATED}'
    WHEN answers < 2 THEN '{Reason.IDENTICAL_TEXTS}'
    WHEN peers < 2 THEN '{Reason.DIFFERENT_SCORERS}'
    WHEN may_win = 0 OR rejectable = 0 THEN '{Reason.RECIPE_MISSING}'
    WHEN sound = 0 THEN '{Reason.FAILED_REQUIREMENT}'
    WHEN low = high THEN '{Reason.ALL_TIED}'
    WHEN finished = 0 THEN '{Reason.TRUNCATED}'
    WHEN choosable = 0 THEN '{Reason.CHOSEN_REWARD_TOO_LOW}'
    WHEN {rounded_sql("(best - low)")} < '{{min_margin}}'::DOUBLE THEN '{Reason.MARGIN_TOO_SMALL}'
    ELSE coalesce(refused, '{Reason.NOT_PROPOSED}') END"""

_DETAIL = """CASE
    WHEN n IS NULL THEN NULL
    WHEN rewarded < 2 THEN concat('candidates: ', n, ', failed scorer: ', failures, ', with a reward: ', rewarded)
    WHEN peers IS NULL OR peers < 2 THEN concat('candidates: ', n, ', with a reward: ', rewarded, ', not empty: ',
        written, ', not cut off: ', coalesce(whole, 0), ', different: ', coalesce(answers, 0))
    ELSE concat('compared: ', peers, ', rewards: ', low, ' to ', high, ', best that may be chosen: ', best) END"""
