"""What is evaluated: model directories, hub names, and directories of LoRA adapters."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from datakit.recipes import Recipe, recipes_of
from schemas.errors import ConfigError, NotFoundError, UserError
from schemas.options import EvaluateOptions, GenerateOptions

ADAPTER = "adapter_config.json"
"""What a directory that PEFT wrote holds."""
_SHARED = (GenerateOptions.model_fields.keys() & EvaluateOptions.model_fields.keys()) - {"temperature", "adapter"}


@dataclass(frozen=True, slots=True)
class Subject:
    """A model under evaluation."""

    given: str
    """As it was named."""
    label: str
    """As it is called in tables: the end of its path by which it is told from the others."""
    generation: GenerateOptions
    recipe: Recipe
    folders: tuple[Path, ...]
    """Directories that its answers come from; none for a name on a hub or a server."""


def subjects_of(models: Sequence[str], options: EvaluateOptions) -> tuple[Subject, ...]:
    """The models of a command, the one that the others are compared with first.

    Raises:
        NotFoundError: no such directory.
        ConfigError: an adapter that does not name its base, or settings that do not fit each other.
        UserError: no model, or one model twice.
    """
    if not models:
        raise UserError("no model to evaluate; name one or several")
    found = [_subject(given, label, options) for given, label in zip(models, labels(models), strict=True)]
    for place, subject in enumerate(found):
        for other in found[:place]:
            if other.recipe.recipe_id == subject.recipe.recipe_id:
                same = "is given twice" if other.given == subject.given else f"is the same model as {other.given}"
                raise UserError(f"{subject.given} {same}; name every model once")
    return tuple(found)


def labels(models: Sequence[str]) -> list[str]:
    """Short names: the last parts of a directory's path, as many as tell it from the others; hub names as they are."""
    parts = [Path(name).resolve().parts if Path(name).is_dir() else (name,) for name in models]
    for size in range(1, max(map(len, parts), default=0) + 1):
        short = ["/".join(one[-size:]) for one in parts]
        if len(set(short)) == len(set(parts)):
            return short
    return list(models)


def _subject(given: str, label: str, options: EvaluateOptions) -> Subject:
    folder = Path(given)
    base, adapter = given, options.adapter
    if (folder / ADAPTER).is_file():
        if adapter is not None:
            raise ConfigError(f"{given} is an adapter itself; leave out --adapter {adapter}, or name the base instead")
        base, adapter = _base_of(folder), given
    shared = {name: getattr(options, name) for name in _SHARED}
    generation = GenerateOptions(model=(base,), adapter=adapter, temperature=(options.temperature,), **shared)
    try:
        [recipe] = recipes_of(generation)
    except NotFoundError as error:
        about = f"adapter {given}: its base: " if adapter == given else ""
        raise NotFoundError(f"{about}{error}") from error
    folders = tuple(Path(name).resolve() for name in (adapter, base) if name is not None and Path(name).is_dir())
    return Subject(given, label, generation, recipe, folders)


def _base_of(folder: Path) -> str:
    """The model that an adapter was trained on."""
    try:
        base = json.loads((folder / ADAPTER).read_text(encoding="utf-8")).get("base_model_name_or_path")
    except (ValueError, AttributeError) as error:
        raise ConfigError(f"{folder / ADAPTER} is no JSON object: {error}") from error
    if not isinstance(base, str) or not base:
        raise ConfigError(f"{folder / ADAPTER} does not name its base (base_model_name_or_path); add it")
    return base
