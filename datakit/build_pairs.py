"""Stage build-pairs: preference pairs from scored groups, with the guarantees of DESIGN section 6."""

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import duckdb
import pyarrow as pa

from datakit import datasets
from datakit.datasets import Dataset
from datakit.derived import Draft, Plan, check_name, fetch_rows, grade, publish, stored_version
from datakit.groups import recipes_of
from datakit.matching import create_comparable, create_proposals, create_unpaired, keep_widest
from datakit.pair_texts import VERDICTS, TextChecks, apply_verdicts, write_unchecked
from datakit.rewarding import missing_scores
from datakit.store import Store
from datakit.strategy import Strategy, load_strategy
from rewards.spec import Reward
from rewards.tokens import ChatTokenizer, load_tokenizer
from schemas.errors import ConfigError
from schemas.options import GroupOptions, PairOptions
from schemas.report import Report, Table


def build_pairs(
    dataset: str,
    options: PairOptions,
    *,
    reward: Reward,
    groups: GroupOptions,
    store: Store,
    name: str | None = None,
) -> Report:
    """Make a data set of preference pairs, a new version each time that something changed.

    Args:
        dataset: name of the prompts (`name[@version]`).
        options: strategy and what every pair must satisfy.
        reward: what the candidates' scores are combined to.
        groups: which candidates form the groups.
        store: where everything is kept.
        name: name of the pair set (default: the prompts' name and `-pairs`).

    Raises:
        NotFoundError: there is no such data set.
        ConfigError: the strategy, the tokenizer or the name does not fit.
    """
    tokenizer = load_tokenizer(options.tokenizer) if options.tokenizer else None
    checks = TextChecks(options.min_distance, tokenizer, options.max_length)
    strategy = load_strategy(options)
    verdicts = VERDICTS.empty_table()
    with TemporaryDirectory(prefix="datakit-") as folder:
        texts = Path(folder) / "texts.parquet"
        while True:  # until all that the strategy proposes is checked: twice, unless answers arrive meanwhile
            with store.read() as con:
                source = datasets.get(con, dataset)
                plan = _plan(con, source, options, reward, name)
                config = grade(con, source, reward, groups)
                options = _with_recipes(con, source, options, config["recipes"])
                create_comparable(con, options)
                create_proposals(con, strategy, options)
                apply_verdicts(con, verdicts)
                if not write_unchecked(con, checks, texts):
                    config |= _how(strategy, options, tokenizer)
                    draft = _draft(con, plan, config, options)
                    break
            verdicts = pa.concat_tables([verdicts, checks.run(texts)])
    return publish(store, plan, draft)


def _plan(
    con: duckdb.DuckDBPyConnection, source: Dataset, options: PairOptions, reward: Reward, name: str | None
) -> Plan:
    name = check_name(con, name or f"{source.name}-pairs", "pairs")
    settings = {"dataset": str(source), **options.model_dump(mode="json")}
    return Plan("build-pairs", "pairs", "pairs", name, source, reward, settings)


def _with_recipes(
    con: duckdb.DuckDBPyConnection, source: Dataset, options: PairOptions, known: list[str]
) -> PairOptions:
    """The options with whole ids of the sides' recipes.

    Raises:
        ConfigError: a recipe is not among those that form the groups.
    """
    sides = {}
    for side in ("chosen_recipe", "rejected_recipe"):
        named = getattr(options, side)
        sides[side] = tuple(recipes_of(con, source, named)) if named else ()
        for recipe in set(sides[side]) - set(known):
            flag = side.replace("_", "-")
            raise ConfigError(f"--{flag} {recipe}: not among the recipes of the groups; name it with --recipe too")
    return options.model_copy(update=sides)


def _how(strategy: Strategy, options: PairOptions, tokenizer: ChatTokenizer | None) -> dict[str, Any]:
    """What the pairs depend on beside the candidates: the tokenizer by its content, wherever it lies."""
    shared = options.model_dump(mode="json", exclude={"strategy", "option", "tokenizer"})
    return {
        "strategy": {"name": options.strategy.rpartition("/")[2], **strategy.model_dump(mode="json")},
        "options": {**shared, "tokenizer": tokenizer.fingerprint if tokenizer else None},
    }


def _draft(con: duckdb.DuckDBPyConnection, plan: Plan, config: dict[str, Any], options: PairOptions) -> Draft:
    keep_widest(con, options.max_pairs_per_prompt)
    create_unpaired(con, options)
    pairs = fetch_rows(
        con,
        """
        SELECT md5('["' || prompt_id || '","' || chosen_id || '","' || rejected_id || '"]')::UUID AS pair_id,
            prompt_id, chosen_id, rejected_id, chosen_reward, rejected_reward, margin
        FROM pairs_found ORDER BY position, chosen_id, rejected_id
    """,
    )
    unpaired = con.execute(
        "SELECT reason, detail, prompt_id::VARCHAR AS item_id FROM unpaired ORDER BY ALL"
    ).to_arrow_table()
    counts = _counts(con)
    missing = missing_scores(con)
    note = f"{missing} of {counts['candidates']} candidates have no score; run `datakit score {plan.source}`"
    return Draft(
        config=config,
        rows=pairs,
        constants={"reward_id": plan.reward.reward_id, "strategy": config["strategy"]["name"]},
        dropped=unpaired,
        counts=counts,
        tables=(_figures(con),),
        notes=(note,) if missing else (),
        stored=stored_version(con, plan, config, pairs),
    )


def _counts(con: duckdb.DuckDBPyConnection) -> dict[str, int]:
    """prompts = prompts_with_pairs + the prompts of the ledger."""
    row = con.execute("""
        SELECT (SELECT count(*) FROM places), (SELECT count(*) FROM graded),
            (SELECT count(reward) FROM graded), (SELECT count(*) FROM surplus WHERE copy),
            (SELECT count(DISTINCT position) FROM pairs_found), (SELECT count(*) FROM pairs_found)
    """).fetchall()[0]
    names = ("prompts", "candidates", "with_reward", "identical_texts_collapsed", "prompts_with_pairs", "pairs")
    return dict(zip(names, row, strict=True))


def _figures(con: duckdb.DuckDBPyConnection) -> Table:
    """What to look at before training: length differences (Cohen's d with the pooled deviation) and spread."""
    lengths = con.execute("""
        SELECT avg(chosen_chars), avg(rejected_chars),
            (avg(chosen_chars) - avg(rejected_chars))
                / nullif(sqrt((var_samp(chosen_chars) + var_samp(rejected_chars)) / 2), 0),
            avg(margin)
        FROM pairs_found
    """).fetchall()[0]
    spread = con.execute("""
        SELECT avg((low = high)::INT) FROM (
            SELECT min(reward) AS low, max(reward) AS high FROM graded GROUP BY position HAVING count(reward) > 1
        )
    """).fetchall()[0]
    labels = (
        "mean length of chosen (characters)",
        "mean length of rejected (characters)",
        "standardised difference of the lengths (Cohen's d)",
        "mean margin",
        "share of groups without spread",
    )
    rows = tuple((label, _short(value)) for label, value in zip(labels, (*lengths, *spread), strict=True))
    return Table(title="Pairs", columns=("figure", "value"), rows=rows)


def _short(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
