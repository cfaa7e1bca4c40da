"""Rules tried on a few answers: what they read, what they say, how long they take. Nothing is stored.

The answers are copied to a store of their own, which is thrown away; the rules run there as they do in `score`.
"""

import tempfile
from pathlib import Path

import duckdb
import pyarrow as pa

from datakit import datasets
from datakit.answers import ANSWER_FEATURES
from datakit.datasets import Dataset
from datakit.groups import create_groups
from datakit.ingest import ingest
from datakit.inputs import inputs_of
from datakit.rewarding import create_graded
from datakit.score import score
from datakit.show_cells import clip
from datakit.store import Store, insert
from datakit.worklist import quoted
from rewards.scorer import Scorer
from rewards.spec import Reward
from schemas.errors import ConfigError
from schemas.identity import content_id
from schemas.options import GroupOptions, IngestOptions, ScoreOptions, TrialOptions
from schemas.report import Report, Table

CELL = 160
"""Characters of an input that are shown."""
READ = 20
"""Rows of a file that are read for each answer that is wanted: some may be bad, or have no answer."""

_COPIED = {
    "datasets": "FROM datasets WHERE name = '{name}' AND version = {version}",
    "members": "FROM members SEMI JOIN few USING (prompt_id) WHERE dataset = '{name}' AND version = {version}",
    "prompts": "FROM prompts SEMI JOIN few USING (prompt_id)",
    "recipes": "FROM recipes WHERE recipe_id IN (SELECT recipe_id FROM few)",
    "dataset_recipes": "SELECT DISTINCT '{name}' AS dataset, recipe_id FROM few WHERE recipe_id IS NOT NULL",
    "candidates": "FROM candidates SEMI JOIN few USING (candidate_id)",
}
"""What the trial's store gets of each table."""
_GIVEN = content_id(["given on the command line"])


def try_rules(reward: Reward, options: TrialOptions, limits: ScoreOptions, *, store: Store) -> Report:
    """Run the rules of a reward on the first answers of a file or a data set.

    Args:
        reward: the rules.
        options: on what, and on how many answers.
        limits: time and memory of a row.
        store: where a data set that is named lies; it is not written.

    Raises:
        NotFoundError: there is neither such a file nor such a data set.
        ConfigError: it has no answers.
        RuleError: a rule reads a column that it does not have.
    """
    with tempfile.TemporaryDirectory(prefix="datakit-rules-") as folder:
        trial, name = Store(Path(folder) / "trial.duckdb"), options.on
        if Path(name).exists():
            store, rows = Store(Path(folder) / "file.duckdb"), IngestOptions(name="file", limit=READ * options.limit)
            name = ingest(Path(name), rows, store=store).dataset or ""
        with store.read() as con:
            dataset = datasets.get(con, name)
            few = _few(con, dataset, options)
        with trial.write() as con:
            for table, copied in few.items():
                insert(con, table, copied)
            if options.completion is not None:
                _answer(con, dataset, options.completion)
        scored = score(str(dataset), limits, reward=reward, groups=GroupOptions(), store=trial)
        with trial.read() as con:
            tables = [_outcomes(con, dataset, scorer) for scorer in reward.scorers]
            tables += [_rewards(con, dataset, reward)] if len(tables) > 1 else []
    failures = scored.counts["failures"]
    return Report(
        stage="rules test",
        counts={"answers": scored.counts["candidates"], "rules": len(reward.scorers), "failures": failures},
        notes=("an error or a timeout is no zero: such an answer has no reward",) if failures else (),
        tables=tuple(tables),
        needs_attention=failures > 0,
    )


def _few(con: duckdb.DuckDBPyConnection, dataset: Dataset, options: TrialOptions) -> dict[str, pa.Table]:
    """Rows of the store, by table: of the first answers, or of the first prompts if the answer is given.

    Raises:
        ConfigError: there are none.
    """
    create_groups(con, dataset, GroupOptions(), features="sample_index")
    first = "prompt_id, candidate_id, recipe_id FROM groups ORDER BY position, sample_index, candidate_id"
    if options.completion is not None:
        first = "prompt_id, NULL::UUID AS candidate_id, NULL::UUID AS recipe_id FROM dataset_prompts ORDER BY position"
    con.execute(f"CREATE OR REPLACE TEMP TABLE few AS SELECT {first} LIMIT {options.limit}")
    if not con.execute("FROM few LIMIT 1").fetchone():
        raise ConfigError(f"{options.on} has no answers for the rules to judge; give one with --completion TEXT")
    name = dataset.name.replace("'", "''")
    return {
        table: con.execute(query.format(name=name, version=dataset.version)).to_arrow_table()
        for table, query in _COPIED.items()
    }


def _answer(con: duckdb.DuckDBPyConnection, dataset: Dataset, text: str) -> None:
    """Give every prompt the same answer."""
    con.execute("INSERT INTO recipes VALUES (?, 'given', NULL, NULL)", [_GIVEN])
    con.execute("DELETE FROM dataset_recipes; DELETE FROM candidates")
    con.execute("INSERT INTO dataset_recipes VALUES (?, ?)", [dataset.name, _GIVEN])
    con.execute(
        """
        INSERT INTO candidates BY NAME SELECT prompt_id AS candidate_id, prompt_id, ?::UUID AS recipe_id,
            0 AS sample_index, 'sample' AS origin, ? AS text, ?::UUID AS run_id FROM prompts
        """,
        [_GIVEN, text, dataset.run_id],
    )


def _outcomes(con: duckdb.DuckDBPyConnection, dataset: Dataset, scorer: Scorer) -> Table:
    """What a rule read and said, an answer a row."""
    inputs = inputs_of(scorer)
    create_groups(con, dataset, GroupOptions(), features=", ".join(filter(None, ["sample_index", inputs.features])))
    read = "".join(f"{source.sql} AS {quoted(source.name)}, " for source in inputs.sources)
    rows = con.execute(f"""
        SELECT row_number() OVER in_order, {read} s.status, s.value, s.reason, round(1000 * s.seconds, 3)
        FROM groups g JOIN scores s USING (candidate_id) {inputs.joins}
        WHERE s.scorer_id = '{scorer.scorer_id}'
        WINDOW in_order AS (ORDER BY g.position, g.sample_index, candidate_id) ORDER BY 1
    """).fetchall()
    names = tuple(source.name for source in inputs.sources)
    cells = tuple(tuple(clip(value, CELL) for value in row) for row in rows)
    return Table(title=scorer.name, columns=("answer", *names, "outcome", "value", "reason", "ms"), rows=cells)


def _rewards(con: duckdb.DuckDBPyConnection, dataset: Dataset, reward: Reward) -> Table:
    """What the outcomes come to."""
    create_groups(con, dataset, GroupOptions(), features=f"sample_index, {ANSWER_FEATURES}")
    create_graded(con, reward)
    rows = con.execute("""
        SELECT row_number() OVER in_order, reward, ungraded FROM graded
        WINDOW in_order AS (ORDER BY position, sample_index, candidate_id) ORDER BY 1
    """).fetchall()
    return Table(title=f"reward {reward.name}", columns=("answer", "reward", "why none"), rows=tuple(rows))
