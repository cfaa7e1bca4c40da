"""Stage clean: an SFT set without the rows that are not worth training on, and why each of them went.

A version records every step. Where the first steps of a config are those of the newest version, what they dropped is
read from its ledger; only the filters from the first changed one on run again.
"""

import json
from collections.abc import Sequence
from typing import Any

import duckdb
import polars as pl

from datakit import datasets
from datakit.clean_rows import features_of, has_unanswered, read_rewards, read_rows
from datakit.clean_store import Cleaned, publish, stored_drops
from datakit.cleaning import Recipe, code_digest, load_recipe
from datakit.datasets import Dataset
from datakit.derived import check_name, grade
from datakit.filter import DROPPED
from datakit.progress import track
from datakit.repairing import repair_rows
from datakit.store import Store
from rewards.spec import Reward
from schemas.errors import ConfigError
from schemas.identity import canonical_json
from schemas.options import CleanOptions, GroupOptions
from schemas.report import Report, Table, counted


def clean(
    dataset: str, options: CleanOptions, *, store: Store, reward: Reward | None = None, name: str | None = None
) -> Report:
    """Repair and filter the rows of an SFT set, into a new version of another one.

    Args:
        dataset: its name (`name[@version]`).
        options: the steps, and whether only to try them.
        store: where everything is kept.
        reward: what filters by reward go by; its scores must be stored already.
        name: name of the clean set (default: the set's name and `-clean`).

    Raises:
        NotFoundError: there is no such data set.
        ConfigError: the config, a filter's option or the name does not fit.
    """
    recipe = load_recipe(options.config)
    with store.read() as con:
        source = datasets.get(con, dataset)
        if has_unanswered(con, source):
            recipe = recipe.with_conversation()
        name = check_name(con, name or f"{source.name}-clean", "examples")
        if name == source.name:
            raise ConfigError(f"{name} is the set to be cleaned; name the clean one otherwise (--as)")
        wanted = {column for step in recipe.filters for column in step.variant.reads}
        by_reward = [step.name for step in recipe.filters if step.variant.by_reward()]
        if by_reward and reward is None:
            raise ConfigError(f"filter {by_reward[0]} goes by the reward; name one with --reward or --rules")
        graded = grade(con, source, reward, GroupOptions()) if reward is not None and by_reward else {}
        config = _config(source, recipe, graded)
        newest = datasets.find(con, name)
        if newest is not None and newest.config == config and not options.dry_run:
            note = f"nothing to do: {newest} is just this already"
            return Report(stage="clean", dataset=name, version=newest.version, notes=(note,))
        rows = read_rows(con, source)
        rewards = read_rewards(con) if graded else None
        if rewards is not None and rewards["reward"].null_count() == len(rewards):
            raise ConfigError(f"no row of {source} has a reward; run `datakit score {source.name}` with the same rules")
        known = _known(con, newest, config)
    repaired = repair_rows(rows, [(step.name, step.variant) for step in recipe.repairs])
    del rows  # gigabytes, of millions of rows
    features = features_of(repaired.rows, wanted, rewards)
    drops = _filter(features, recipe, known)
    cleaned = Cleaned(name, source, config, repaired, drops, [step.variant.allowed() for step in recipe.filters])
    report = Report(
        stage="clean",
        dataset=None if options.dry_run else name,
        counts=cleaned.counts(),
        reasons=cleaned.reasons(),
        notes=_notes(options, recipe, len(known)),
        tables=(_repairs_table(cleaned, recipe), waterfall(recipe, cleaned)),
        needs_attention=cleaned.counts()["kept"] == 0,
    )
    return report if options.dry_run else publish(store, cleaned, report)


def _config(source: Dataset, recipe: Recipe, graded: dict[str, Any]) -> dict[str, Any]:
    """What the clean set depends on."""
    rewards = {"reward_id": graded["reward_id"], "rewards": graded["inputs"]} if graded else {}
    config = {
        "source": str(source),
        "repairs": [step.identity() for step in recipe.repairs],
        "filters": [step.identity() for step in recipe.filters],
        "code": code_digest(),
        **rewards,
    }
    parsed: dict[str, Any] = json.loads(canonical_json(config))
    return parsed


def _known(con: duckdb.DuckDBPyConnection, newest: Dataset | None, config: dict[str, Any]) -> list[pl.DataFrame]:
    """What the first filters dropped, as far as the newest version began with the same ones."""
    if newest is None or any(newest.config.get(key) != config.get(key) for key in config.keys() - {"filters"}):
        return []
    same = 0
    for before, now in zip(newest.config.get("filters", []), config["filters"], strict=False):
        if before != now:
            break
        same += 1
    return stored_drops(con, newest.run_id, same)


def _filter(features: pl.DataFrame, recipe: Recipe, known: Sequence[pl.DataFrame]) -> list[pl.DataFrame]:
    """What each filter drops of the rows that the filters before it left."""
    drops = list(known)
    left = features.filter(~pl.col("row").is_in(_rows_of(known).implode()))
    with track("filtering", len(recipe.filters)) as bar:
        bar.advance(len(known))
        for step in recipe.filters[len(known) :]:
            dropped = step.variant.drop(left.select("row", *step.variant.reads))
            drops.append(dropped.select(pl.col(name).cast(kind) for name, kind in DROPPED.items()).sort("row"))
            left = left.filter(~pl.col("row").is_in(drops[-1]["row"].implode()))
            bar.advance()
    return drops


def _rows_of(drops: Sequence[pl.DataFrame]) -> pl.Series:
    return pl.concat([pl.DataFrame(schema=DROPPED), *drops])["row"]


def _notes(options: CleanOptions, recipe: Recipe, reused: int) -> tuple[str, ...]:
    notes = []
    if reused:
        first = "nothing" if reused == len(recipe.filters) else recipe.filters[reused].name
        notes.append(f"{counted(reused, 'filters')} as before; {first} was computed anew from there on")
    if options.dry_run:
        notes.append("dry run: nothing was stored")
    return tuple(notes)


def _repairs_table(cleaned: Cleaned, recipe: Recipe) -> Table:
    changed = dict(cleaned.repaired.changes.group_by("repair").agg(pl.col("row").n_unique()).iter_rows())
    rows = tuple((step.name, changed.get(step.name, 0)) for step in recipe.repairs)
    return Table(title="repairs", columns=("repair", "rows changed"), rows=rows)


def waterfall(recipe: Recipe, cleaned: Cleaned) -> Table:
    """Filter by filter: rows in, dropped and left."""
    left, rows = cleaned.repaired.rows.height, []
    for step, dropped in zip(recipe.filters, cleaned.drops, strict=True):
        rows.append((step.name, step.variant.allowed(), left, dropped.height, left - dropped.height))
        left -= dropped.height
    return Table(title="filters", columns=("filter", "kept is", "in", "dropped", "left"), rows=tuple(rows))
