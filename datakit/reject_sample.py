"""Stage reject-sample: the best answers of each group, as a data set of examples (rejection sampling)."""

from typing import Any

import duckdb

from datakit import datasets
from datakit.derived import Draft, Plan, check_name, fetch_rows, grade, publish, stored_version
from datakit.reasons import Reason
from datakit.rewarding import missing_scores, rounded_sql
from datakit.store import Store
from rewards.spec import Reward
from schemas.options import GroupOptions, SelectOptions
from schemas.report import Report, Table


def reject_sample(
    dataset: str,
    options: SelectOptions,
    *,
    reward: Reward,
    groups: GroupOptions,
    store: Store,
    name: str | None = None,
) -> Report:
    """Keep the best answers of each group, a new version each time that something changed.

    Of a group of n answers max(1, round(share * n)) are kept, or `best`, each above the group's mean or not below the
    floor; a group whose rewards are all equal is kept only with a floor.

    Args:
        dataset: name of the prompts (`name[@version]`).
        options: how many, and what each must satisfy.
        reward: what the candidates' scores are combined to.
        groups: which candidates form the groups.
        store: where everything is kept.
        name: name of the selection (default: the prompts' name and `-best`).

    Raises:
        NotFoundError: there is no such data set.
        ConfigError: the name does not fit.
    """
    with store.read() as con:
        source = datasets.get(con, dataset)
        name = check_name(con, name or f"{source.name}-best", "selection")
        settings = {"dataset": str(source), **options.model_dump(mode="json")}
        plan = Plan("reject-sample", "selection", "selections", name, source, reward, settings)
        config = grade(con, source, reward, groups)
        config["options"] = options.model_dump(mode="json")
        _create_selected(con, options)
        draft = _draft(con, plan, config, options)
    return publish(store, plan, draft)


def _create_selected(con: duckdb.DuckDBPyConnection, options: SelectOptions) -> None:
    """Make the tables `peers` (what is compared: the largest set judged by the same scorers) and `selected`."""
    floor = "NULL" if options.floor is None else f"'{options.floor!r}'::DOUBLE"
    enough = f"high > low AND {rounded_sql('(reward - mean)')} > 0" if options.floor is None else f"reward >= {floor}"
    most = str(options.best) if options.best else f"greatest(1, round_even('{options.share!r}'::DOUBLE * n, 0))"
    whole = "true" if options.allow_truncated else "NOT truncated"
    con.execute(f"""
        CREATE OR REPLACE TEMP TABLE peers AS
        WITH sets AS (
            SELECT position, mask, count(*) AS size, list_sum(list(reward ORDER BY reward)) / count(*) AS mean,
                min(reward) AS low, max(reward) AS high
            FROM graded WHERE reward IS NOT NULL GROUP BY ALL
        ), largest AS (
            SELECT position, arg_min({{'mask': mask, 'mean': mean, 'low': low, 'high': high}}, (-size, mask)) AS peer
            FROM sets GROUP BY position
        ), drawn AS (SELECT position, count(*) AS n FROM graded GROUP BY position)
        SELECT g.*, l.peer.mean, l.peer.low, l.peer.high, d.n,
            failed IS NULL AS sound, NOT empty AS written, {whole} AS whole
        FROM graded g JOIN largest l USING (position) JOIN drawn d USING (position)
        WHERE g.reward IS NOT NULL AND g.mask = l.peer.mask;
        CREATE OR REPLACE TEMP TABLE selected AS
        SELECT position, candidate_id, reward, chars, row_number() OVER best_first AS rank
        FROM (
            FROM peers WHERE sound AND written AND whole AND {enough}
            QUALIFY row_number() OVER (PARTITION BY position, answer ORDER BY reward DESC, candidate_id) = 1
        )
        WINDOW best_first AS (PARTITION BY position ORDER BY reward DESC, candidate_id)
        QUALIFY row_number() OVER best_first <= {most};
    """)


def _draft(con: duckdb.DuckDBPyConnection, plan: Plan, config: dict[str, Any], options: SelectOptions) -> Draft:
    rows = fetch_rows(
        con,
        """
        SELECT prompt_id, candidate_id, reward, rank::INTEGER AS rank
        FROM selected JOIN places USING (position) ORDER BY position, rank
    """,
    )
    dropped = con.execute(f"""
        WITH alone AS (
            SELECT prompt_id, position FROM places ANTI JOIN selected USING (position)
        ), drawn AS (
            SELECT position, count(*) AS n, count(reward) AS rewarded,
                min(ungraded) AS ungraded
            FROM graded SEMI JOIN alone USING (position) GROUP BY position
        ), compared AS (
            SELECT position, count(*) FILTER (written) AS written, count(*) FILTER (written AND whole) AS whole,
                count(*) FILTER (written AND whole AND sound) AS sound, min(low) AS low, max(high) AS high
            FROM peers SEMI JOIN alone USING (position) GROUP BY position
        )
        SELECT {_reason(options)} AS reason,
            concat('candidates: ', n, ', with a reward: ', rewarded, ', from ', low, ' to ', high) AS detail,
            prompt_id::VARCHAR AS item_id
        FROM alone LEFT JOIN drawn USING (position) LEFT JOIN compared USING (position) ORDER BY ALL
    """).to_arrow_table()
    counts = _counts(con)
    missing = missing_scores(con)
    note = f"{missing} of {counts['candidates']} candidates have no score; run `datakit score {plan.source}`"
    return Draft(
        config=config,
        rows=rows,
        constants={},
        dropped=dropped,
        counts=counts,
        tables=(_figures(con),),
        notes=(note,) if missing else (),
        stored=stored_version(con, plan, config, rows),
    )


def _reason(options: SelectOptions) -> str:
    tied = f"WHEN low = high THEN if(n = 1, '{Reason.ONE_CANDIDATE}', '{Reason.ALL_TIED}')"
    last = Reason.NOT_ABOVE_MEAN if options.floor is None else Reason.BELOW_FLOOR
    return f"""CASE
        WHEN n IS NULL THEN '{Reason.NO_CANDIDATES}'
        WHEN rewarded = 0 THEN ungraded::VARCHAR
        WHEN written = 0 THEN '{Reason.EMPTY_TEXT}'
        WHEN whole = 0 THEN '{Reason.TRUNCATED}'
        WHEN sound = 0 THEN '{Reason.FAILED_REQUIREMENT}'
        {tied if options.floor is None else ""}
        ELSE '{last}' END"""


def _counts(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """prompts = prompts_with_answers + the prompts of the ledger."""
    row = con.execute("""
        SELECT (SELECT count(*) FROM places), (SELECT count(*) FROM graded),
            (SELECT count(reward) FROM graded), (SELECT count(DISTINCT position) FROM selected),
            (SELECT count(*) FROM selected)
    """).fetchall()[0]
    names = ("prompts", "candidates", "with_reward", "prompts_with_answers", "answers")
    return dict(zip(names, row, strict=True))


def _figures(con: duckdb.DuckDBPyConnection) -> Table:
    row = con.execute("""
        SELECT (SELECT avg(reward) FROM graded), (SELECT avg(reward) FROM selected),
            (SELECT avg(chars) FROM graded), (SELECT avg(chars) FROM selected)
    """).fetchall()[0]
    reward, kept_reward, chars, kept_chars = (None if value is None else round(value, 4) for value in row)
    return Table(
        title="Selection",
        columns=("mean", "all candidates", "kept"),
        rows=(("reward", reward, kept_reward), ("length (characters)", chars, kept_chars)),
    )
