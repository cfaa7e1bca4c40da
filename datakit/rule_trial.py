"""Rules tried on a few answers: what they read, what they say, how long they take. Nothing is stored.

The answers are copied to a store of their own, which is thrown away; the rules run there as they do in `score`.
"""

import tempfile
from dataclasses import replace
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
from rewards.plugins import rules_in
from rewards.scorer import Scorer
from rewards.spec import Reward, RewardSpec, ScorerEntry, load_reward, reward_of
from schemas.errors import ConfigError, NotFoundError, RuleError, StageStopped
from schemas.identity import content_id
from schemas.options import GroupOptions, IngestOptions, RewardOptions, ScoreOptions, TrialOptions
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


def try_rules(rules: RewardOptions, options: TrialOptions, limits: ScoreOptions, *, store: Store) -> Report:
    """Run rules on the first answers of a file or a data set; one that cannot run does not keep others from it.

    Args:
        rules: files of rules, or a reward spec.
        options: on what, and on how many answers.
        limits: time and memory of a row.
        store: where a data set that is named lies; it is not written.

    Raises:
        NotFoundError: there is neither such a file nor such a data set.
        ConfigError: it has no answers, or the spec is wrong.
        RuleError: a file cannot be loaded, or no rule of it can run.
    """
    alone, refused = _each_alone(rules)
    with tempfile.TemporaryDirectory(prefix="datakit-rules-") as folder:
        trial = Store(Path(folder) / "trial.duckdb")
        dataset = _copied(trial, options, store)
        scored: list[Report] = []
        tables: list[Table] = []
        for name, reward in alone.items():
            try:
                scored.append(score(str(dataset), limits, reward=reward, groups=GroupOptions(), store=trial))
            except (RuleError, StageStopped) as error:
                refused[name] = str(error)
                continue
            with trial.read() as con:
                tables.append(_outcomes(con, dataset, reward.scorers[0]))
        if not scored:
            raise RuleError("; ".join(refused.values()))
        if len(tables) > 1 and not refused:
            with trial.read() as con:
                tables.append(_rewards(con, dataset, load_reward(rules)))
    failures = sum(report.counts["failures"] for report in scored)
    notes = [f"{name} was not tried: {why}" for name, why in refused.items()]
    if failures:
        notes.append("an error or a timeout is no zero: such an answer has no reward")
    return Report(
        stage="rules test",
        counts={"answers": scored[0].counts["candidates"], "rules": len(scored) + len(refused), "failures": failures},
        notes=tuple(notes),
        tables=tuple(tables),
        needs_attention=failures > 0 or bool(refused),
    )


def _each_alone(options: RewardOptions) -> tuple[dict[str, Reward], dict[str, str]]:
    """A reward of each rule by itself, and why a rule has none."""
    if options.reward is not None:
        whole = load_reward(options)
        formulas = [
            replace(whole.formula, parts=(part,), weights=((0, 1.0),), bounds=()) for part in whole.formula.parts
        ]
        return {
            scorer.name: replace(whole, scorers=(scorer,), formula=formula)
            for scorer, formula in zip(whole.scorers, formulas, strict=True)
        }, {}
    alone: dict[str, Reward] = {}
    refused: dict[str, str] = {}
    for name, path in [(one.name, file) for file in options.rules for one in rules_in(file)]:
        spec = RewardSpec(name=name, rules=(path,), scorers=(ScorerEntry(rule=name),))
        try:
            alone[name] = reward_of(spec, where=str(path))
        except RuleError as error:
            refused[name] = str(error).removeprefix(f"{path}: scorers[0]: ")
    return alone, refused


def _copied(trial: Store, options: TrialOptions, store: Store) -> Dataset:
    """Fill the trial's store with the first answers.

    Raises:
        NotFoundError: there is neither such a file nor such a data set.
        ConfigError: it has no answers.
    """
    path = Path(options.on)
    if path.exists():
        store = Store(trial.path.with_name("file.duckdb"))
        ingest(path, IngestOptions(name="file", limit=READ * options.limit), store=store)
    elif not store.path.exists():
        raise NotFoundError(f"--on {path}: no such file, nor a store {store.path} with a data set of that name")
    with store.read() as con:
        dataset = datasets.get(con, "file" if path.exists() else options.on)
        few = _few(con, dataset, options)
    with trial.write() as con:
        for table, rows in few.items():
            insert(con, table, rows)
        if options.completion is not None:
            _answer(con, dataset, options.completion)
    return dataset


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
