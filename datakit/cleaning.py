"""What `datakit clean` does, as its YAML file says it: repairs, then filters, each in the order in which it is written.

repairs: [placeholder_input, white_space]
filters:
  - empty_output
  - length: {unit: tokens, max: 500, tokenizer: models/SmolLM2}
"""

from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any, Generic, TypeVar

from datakit.filter import Filter
from datakit.manifest import digest
from datakit.repair import Repair
from rewards.plugins import variant_class
from rewards.yaml_file import read_yaml
from schemas.base import Frozen
from schemas.errors import ConfigError
from schemas.identity import content_id
from schemas.parse import parse

V = TypeVar("V", Filter, Repair)

Entry = str | dict[str, dict[str, Any] | None]
"""A variant by its name, or `name: {option: value}`."""


class CleanFile(Frozen):
    """The YAML file."""

    repairs: tuple[Entry, ...] = (
        "unicode",
        "invisible",
        "line_breaks",
        "html_entities",
        "white_space",
        "blank_lines",
        "placeholder_input",
    )
    """Changes of the texts."""
    filters: tuple[Entry, ...] = (
        "conversation",
        "empty_output",
        "url_only",
        "boilerplate",
        "refusal",
        "unfinished",
        "echo",
        "repetition",
        "duplicate",
        "near_duplicate",
    )
    """Reasons to drop a row."""


@dataclass(frozen=True, slots=True)
class Step(Generic[V]):
    """A filter or a repair with its options."""

    name: str
    variant: V

    def identity(self) -> dict[str, Any]:
        """What the result of the step depends on: its options, and the content of the files that they name."""
        named = {field: _paths_in(value) for field, value in self.variant}
        options = self.variant.model_dump(mode="json", exclude={field for field, paths in named.items() if paths})
        files = [[path.name, _digest(path)] for paths in named.values() for path in paths]
        depends = self.variant.depends() if isinstance(self.variant, Filter) else ""
        return {"name": self.name, **_given(options=options), **_given(files=files, depends=depends)}


@dataclass(frozen=True, slots=True)
class Recipe:
    """All steps of a cleaning."""

    repairs: tuple[Step[Repair], ...]
    filters: tuple[Step[Filter], ...]

    def with_conversation(self) -> "Recipe":
        """The recipe for a set with rows that nobody answers: these go as broken conversations, whatever is asked."""
        name = "conversation"
        if any(step.name == name for step in self.filters):
            return self
        first = Step(name, variant_class("datakit.filters", name, Filter)())  # type: ignore[type-abstract]
        return Recipe(self.repairs, (first, *self.filters))


def load_recipe(path: Path | None) -> Recipe:
    """The steps that a YAML file names, or the default ones. Paths in it are relative to the file.

    Raises:
        ConfigError: it cannot be read, or names something that does not exist.
    """
    given = {} if path is None else read_yaml(path, "cleaning config")
    where = str(path) if path else "the default cleaning"
    file = parse(CleanFile, given or {}, where)
    folder = path.parent if path else Path()
    return Recipe(
        tuple(_steps(file.repairs, Repair, f"{where}: repairs", folder)),  # type: ignore[type-abstract]
        tuple(_steps(file.filters, Filter, f"{where}: filters", folder)),  # type: ignore[type-abstract]
    )


def _steps(entries: Iterable[Entry], base: type[V], where: str, folder: Path) -> Iterable[Step[V]]:
    package = "datakit.filters" if base is Filter else "datakit.repairs"
    for number, entry in enumerate(entries):
        if isinstance(entry, dict) and len(entry) != 1:
            raise ConfigError(f"{where}[{number}]: found {len(entry)} names, write one a list item")
        name, options = next(iter(entry.items())) if isinstance(entry, dict) else (entry, None)
        variant = parse(variant_class(package, name, base), options or {}, f"{where}[{number}] {name}")
        moved = {field: _moved(value, folder) for field, value in variant if _moved(value, folder) != value}
        yield Step(name, variant.model_copy(update=moved))


def _moved(value: Any, folder: Path) -> Any:
    """A path, a tuple of them, or `file.py:function`, taken from the folder of the file that names it."""
    if isinstance(value, str) and ".py:" in value:
        return str(folder / value)
    if isinstance(value, tuple):
        return tuple(_moved(item, folder) for item in value)
    return folder / value if isinstance(value, Path) else value


def _paths_in(value: Any) -> list[Path]:
    return [item for item in (value if isinstance(value, tuple) else (value,)) if isinstance(item, Path)]


def _digest(path: Path) -> str:
    """SHA-256 of a file, of a tokenizer's in its directory, or of all files of another directory.

    What is not there is said by the step itself.
    """
    file = path / "tokenizer.json" if path.is_dir() else path
    if file.is_file():
        return digest(file)
    inside = sorted(one for one in path.rglob("*") if one.is_file()) if path.is_dir() else []
    return content_id([[str(one.relative_to(path)), digest(one)] for one in inside]) if inside else ""


@cache
def code_digest() -> str:
    """What repairs and filters find may change with any line of ours, and with the libraries behind them."""
    root = Path(__file__).parent
    ours = sorted([*root.glob("*.py"), *root.glob("filters/*.py"), *root.glob("repairs/*.py")])
    ours += sorted((root.parent / "rewards").glob("*.py"))
    versions = [[name, version(name)] for name in ("ftfy", "polars", "rensa", "duckdb")]
    return content_id([versions, [[path.name, digest(path)] for path in ours]])


def _given(**values: Any) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value}
