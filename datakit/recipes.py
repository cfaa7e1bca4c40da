"""Recipes: a model at a revision with its sampling settings. Sample i of a prompt is the recipe's i-th draw for it.

The revision of a local model is its content, so retraining into the same folder is a new recipe, and the same model
copied elsewhere is the same one.
"""

from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from datakit.store import insert
from rewards.model_files import content_revision
from schemas.errors import ConfigError, NotFoundError
from schemas.identity import canonical_json, content_id
from schemas.options import GenerateOptions, RecipeOptions

STATED = {"model", "messages", "tools", "n", "seed", "temperature", "top_p", "max_tokens", "stop"}
"""Names that `--sampling` may not take: they are said elsewhere, or would change how many answers come."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """How candidates are drawn."""

    recipe_id: str
    model: str
    revision: str | None
    """Content of a local model, the named revision of another; None where nobody said."""
    options: RecipeOptions


def recipes_of(options: GenerateOptions) -> tuple[Recipe, ...]:
    """The recipes of a command: every model at every temperature.

    Raises:
        ConfigError: greedy decoding with several samples, which would all be equal; or a setting given twice.
        NotFoundError: a path that does not exist.
    """
    if options.n > 1 and 0 in options.temperature:
        raise ConfigError(f"-n {options.n} at temperature 0 draws equal answers; use -n 1 or a temperature above 0")
    for name in options.sampling.keys() & STATED:
        raise ConfigError(f"--sampling {name}=...: give it with the option of its own")
    fields = RecipeOptions.model_fields.keys() - {"temperature"}
    shared = {name: getattr(options, name) for name in fields}
    return tuple(
        _recipe(model, options.model_revision, RecipeOptions(temperature=temperature, **shared))
        for model in dict.fromkeys(options.model)
        for temperature in dict.fromkeys(options.temperature)
    )


def recipe_ids(options: GenerateOptions) -> tuple[str, ...]:
    """Ids of the recipes of a command."""
    return tuple(recipe.recipe_id for recipe in recipes_of(options))


def register(con: duckdb.DuckDBPyConnection, dataset: str | None, recipe: Recipe) -> None:
    """Store the recipe, and that the data set's groups are drawn from it, if one is named."""
    row = {"recipe_id": [recipe.recipe_id], "model": [recipe.model], "revision": [recipe.revision]}
    params = {"params": [canonical_json(recipe.options.model_dump(mode="json"))]}
    insert(con, "recipes", pa.table({**row, **params}), unless=["recipe_id"])
    if dataset is None:
        return
    link = pa.table({"dataset": [dataset], "recipe_id": [recipe.recipe_id]})
    insert(con, "dataset_recipes", link, unless=["dataset", "recipe_id"])


def is_registered(con: duckdb.DuckDBPyConnection, dataset: str, recipe: Recipe) -> bool:
    """Whether `register` has nothing left to do."""
    query = "FROM dataset_recipes SEMI JOIN recipes USING (recipe_id) WHERE dataset = ? AND recipe_id = ?"
    return con.execute(query, [dataset, recipe.recipe_id]).fetchone() is not None


def base_seed(prompt_id: str, recipe: Recipe) -> int:
    """Seed of a prompt's first sample, below 2^30, so that every index fits 31 bits; sample i has this plus i."""
    return int(content_id([prompt_id, recipe.recipe_id])[:8], 16) >> 2


def _recipe(model: str, named_revision: str | None, options: RecipeOptions) -> Recipe:
    local = Path(model).is_dir()
    if not local and _looks_like_a_path(model):
        raise NotFoundError(f"no model directory {model}")
    revision = content_revision(Path(model)) if local else named_revision
    # where the revision is content, neither the model's name nor the adapter's path belongs to the identity
    identity = options.model_dump(mode="json")
    if options.adapter is not None:
        if not Path(options.adapter).is_dir():
            raise NotFoundError(f"no adapter directory {options.adapter}")
        identity["adapter"] = content_revision(Path(options.adapter))
    return Recipe(content_id([None if local else model, revision, identity]), model, revision, options)


def _looks_like_a_path(model: str) -> bool:
    return model.startswith(("/", "./", "../", "~")) or model.count("/") > 1 or Path(model).exists()
