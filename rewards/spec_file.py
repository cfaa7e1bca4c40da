"""Reading reward specs: files of one reward or of several, and what they include."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from rewards.model_settings import ModelSettings
from rewards.spec_models import NamedRule, NamedSpecs, Requirement, RewardSpec, ScorerEntry, SpecFields
from rewards.yaml_file import read_yaml
from schemas.errors import ConfigError, did_you_mean
from schemas.parse import parse

SUFFIXES = (".yaml", ".yml")

E = TypeVar("E", bound=NamedRule)


@dataclass(frozen=True, slots=True)
class SpecFile:
    """A spec with all that it includes, and where each part of it stands."""

    spec: RewardSpec
    where: str
    """The file, and in a file of several rewards which."""
    folder: Path
    """What `file.py:function` is relative to."""
    scorers: tuple[str, ...]
    """Where each scorer stands."""
    require: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Parts:
    """What a file and its includes list, each entry with where it stands."""

    own: SpecFields
    where: str
    rules: tuple[Path, ...]
    models: Mapping[str, ModelSettings]
    scorers: tuple[tuple[str, ScorerEntry], ...]
    require: tuple[tuple[str, Requirement], ...]


def split_name(path: Path) -> tuple[Path, str | None]:
    """`rewards.yaml:helpful` as the file and the name of the reward in it."""
    file, colon, name = str(path).rpartition(":")
    return (Path(file), name) if colon and Path(file).suffix in SUFFIXES else (path, None)


def read_spec(path: Path) -> RewardSpec:
    """Read a spec file (`file.yaml` or `file.yaml:name`) with its includes; its paths become relative to where it lies.

    Raises:
        ConfigError: it cannot be read, or is no spec.
    """
    return read_spec_file(path).spec


def read_spec_file(path: Path) -> SpecFile:
    """Read a spec, and remember where its parts stand.

    Raises:
        ConfigError: it cannot be read, is no spec, or includes itself.
    """
    parts = _collected(path, ())
    file, _ = split_name(path)
    fields = {name: getattr(parts.own, name) for name in SpecFields.model_fields}
    fields |= {
        "name": parts.own.name or file.stem,
        "include": (),
        "rules": parts.rules,
        "models": parts.models,
        "scorers": tuple(entry for _, entry in parts.scorers),
        "require": tuple(entry for _, entry in parts.require),
    }
    return SpecFile(
        parse(RewardSpec, fields, parts.where),
        parts.where,
        file.parent,
        tuple(where for where, _ in parts.scorers),
        tuple(where for where, _ in parts.require),
    )


def _collected(path: Path, above: tuple[Path, ...]) -> _Parts:
    """What a file lists, after what it includes.

    Args:
        path: the file, perhaps with a name.
        above: the files that include it, the outermost first.
    """
    file, name = split_name(path)
    here = Path(f"{file.resolve()}:{name}" if name else file.resolve())
    if here in above:
        chain = " -> ".join(one.name for one in (*above[above.index(here) :], here))
        raise ConfigError(f"{above[-1]}: `include` comes back to where it began: {chain}")
    own, where = _own(file, name, whole=not above)
    rules = tuple(file.parent / rule for rule in own.rules)
    scorers = _listed(own.scorers, f"{where}: scorers")
    require = _listed(own.require, f"{where}: require")
    if above:  # what is included keeps to its own folder
        scorers = tuple((place, _anchored(entry, rules, file.parent)) for place, entry in scorers)
        require = tuple((place, _anchored(entry, rules, file.parent)) for place, entry in require)
    models = {name: settings.under(file.parent) for name, settings in own.models.items()}
    parts = _Parts(own, where, (), {}, (), ())
    for included in own.include:
        parts = _over(parts, _collected(file.parent / included, (*above, here)))
    return _over(parts, _Parts(own, where, rules, models, scorers, require))


def _own(file: Path, name: str | None, *, whole: bool) -> tuple[SpecFields, str]:
    """A file's own fields, and where they stand."""
    data = read_yaml(file, "reward spec")
    if not isinstance(data, Mapping):
        raise ConfigError(f"{file}: a reward spec is a mapping with `scorers:`, found {type(data).__name__}")
    if "rewards" in data:
        return _named(parse(NamedSpecs, data, str(file)), file, name, whole=whole)
    own = _parsed(data, str(file), whole=whole)
    if name not in (None, own.name or file.stem):
        raise ConfigError(f"{file}: no reward {name!r}; the file is one reward, {own.name or file.stem!r}")
    return own, str(file)


def _named(several: NamedSpecs, file: Path, name: str | None, *, whole: bool) -> tuple[SpecFields, str]:
    if name is None and len(several.rewards) > 1:
        names = ", ".join(several.rewards)
        raise ConfigError(f"{file} has several rewards; choose one, {file}:NAME; there are: {names}")
    name = name or next(iter(several.rewards))
    if name not in several.rewards:
        raise ConfigError(f"{file}: no reward {name!r}; {did_you_mean(name, several.rewards)}")
    where = f"{file}: rewards.{name}"
    own = _parsed(several.rewards[name], where, whole=whole and not several.include)
    shared = {
        "name": own.name or name,
        "include": (*several.include, *own.include),
        "rules": (*several.rules, *own.rules),
        "models": {**several.models, **own.models},
    }
    return own.model_copy(update=shared), where


def _parsed(data: Mapping[str, Any], where: str, *, whole: bool) -> SpecFields:
    """A spec; one that is included, or includes others, may have no scorer of its own."""
    return parse(RewardSpec if whole and not data.get("include") else SpecFields, data, where)


def _listed(entries: Sequence[E], where: str) -> tuple[tuple[str, E], ...]:
    return tuple((f"{where}[{place}]", entry) for place, entry in enumerate(entries))


def _anchored(entry: E, rules: Sequence[Path], folder: Path) -> E:
    """An entry whose `file.py:function` means the same from everywhere."""
    file, _, function = entry.rule.rpartition(":")
    if not file:
        return entry
    path = folder / file
    known = [rule for rule in rules if rule.name == file]
    if path not in rules and len(known) == 1:
        path = known[0]
    return entry.model_copy(update={"rule": f"{path.absolute()}:{function}"})


def _over(base: _Parts, more: _Parts) -> _Parts:
    """Lists one after the other; an entry of the same name takes the place of the earlier one."""
    return _Parts(
        base.own,
        base.where,
        (*base.rules, *more.rules),
        {**base.models, **more.models},
        _replaced(base.scorers, more.scorers),
        _replaced(base.require, more.require),
    )


def _replaced(base: Sequence[tuple[str, E]], more: Sequence[tuple[str, E]]) -> tuple[tuple[str, E], ...]:
    left = list(more)
    joined = []
    for old in base:
        new = next((item for item in left if item[1].label == old[1].label), None)
        if new is not None:
            left.remove(new)
        joined.append(new or old)
    return (*joined, *left)
