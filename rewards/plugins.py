"""Finding variants by listing their folder, and rules by name in users' files."""

import importlib
import pkgutil
import re
from collections.abc import Callable, Sequence
from pathlib import Path
from types import ModuleType
from typing import Any, TypeVar, cast

from rewards.rule import Rule, is_decorated, rule_of
from rewards.userfiles import load_user_file
from schemas.errors import ConfigError, RuleError, did_you_mean

__all__ = ["find_rule", "load_user_file", "load_variant", "rules_in", "user_function", "variant_class", "variant_names"]

BUILT_IN = "rewards.rules"

T = TypeVar("T")


def variant_names(package: str) -> list[str]:
    """Names of the variants in a package, sorted: one file each; folders and names that begin with `_` are none."""
    paths = importlib.import_module(package).__path__
    found = pkgutil.iter_modules(paths)
    return sorted(module.name for module in found if not module.ispkg and not module.name.startswith("_"))


def load_variant(package: str, name: str) -> ModuleType:
    """The module of a variant.

    Raises:
        ConfigError: there is none of that name.
    """
    names = variant_names(package)
    if name not in names:
        kind = re.sub("ies$", "ys", package.rpartition(".")[2]).removesuffix("s")
        raise ConfigError(f"no {kind} {name!r}; {did_you_mean(name, names)}")
    return importlib.import_module(f"{package}.{name}")


def variant_class(package: str, name: str, base: type[T]) -> type[T]:
    """The one class of a variant's file that derives from `base`.

    Raises:
        ConfigError: there is no variant of that name.
    """
    module = load_variant(package, name)
    own = [value for value in vars(module).values() if isinstance(value, type) and value.__module__ == module.__name__]
    for value in own:
        if issubclass(value, base):
            return value
    raise TypeError(f"{module.__file__} has no subclass of {base.__name__}")


def rules_in(path: Path) -> list[Rule]:
    """The decorated functions of a user's file, in the order of their definition; not those that it imports.

    Raises:
        RuleError: the file cannot be imported, has no rule, or two of one name.
    """
    rules = _decorated(path)
    if not rules:
        raise RuleError(
            f"{path}: no function is decorated with @rule; in a spec, name any other as {path.name}:function"
        )
    return rules


def find_rule(name: str, files: Sequence[Path], folder: Path = Path()) -> Rule:
    """The rule of a name: a decorated function of the files, `file.py:function`, or a built-in.

    Args:
        name: the name.
        files: where decorated functions are looked for; a `file.py` may be one of them, by its name alone.
        folder: what a `file.py` is relative to otherwise: that of the spec.

    Raises:
        RuleError: there is none, or the files hold several.
    """
    file, _, function = name.rpartition(":")
    if file:
        return _function_of(file, function, files, folder)
    found = [rule for path in files for rule in _decorated(path) if rule.name == name]
    if len(found) > 1:
        raise RuleError(f"rule {name!r} is in several files: {', '.join(str(rule.origin) for rule in found)}")
    if found:
        return found[0]
    built_in = variant_names(BUILT_IN)
    if name in built_in:
        return rule_of(getattr(importlib.import_module(f"{BUILT_IN}.{name}"), name))
    known = [rule.name for path in files for rule in _decorated(path)]
    raise RuleError(f"no rule {name!r}; {did_you_mean(name, [*known, *built_in])}")


def _function_of(file: str, function: str, files: Sequence[Path], folder: Path) -> Rule:
    """Any callable of a file, decorated or not, imported or not."""
    path = folder / file
    paths = [path] if path in files else [path for path in files if path.name == file] or [path]
    if len(paths) > 1:
        raise RuleError(f"several files are named {file}: {', '.join(map(str, paths))}; write the path")
    found = user_function(paths[0], function)
    return rule_of(found, name=None if is_decorated(found) else f"{paths[0].name}:{function}")


def user_function(path: Path, name: str) -> Callable[..., Any]:
    """A function of a user's file.

    Raises:
        RuleError: the file cannot be imported, or has no such function.
    """
    module = load_user_file(path)
    found: Any = vars(module).get(name)
    if not callable(found):
        known = [key for key, value in vars(module).items() if _is_function(value)]
        raise RuleError(f"no function {name!r} in {path}; {did_you_mean(name, known)}")
    return cast(Callable[..., Any], found)


def _is_function(value: object) -> bool:
    return callable(value) and not isinstance(value, type)


def _decorated(path: Path) -> list[Rule]:
    module = load_user_file(path)
    own: list[Callable[..., Any]] = []
    for value in vars(module).values():
        is_own = is_decorated(value) and getattr(value, "__module__", None) == module.__name__
        if is_own and not any(value is known for known in own):
            own.append(value)
    rules = [rule_of(function) for function in own]
    names = [rule.name for rule in rules]
    for name in names:
        if names.count(name) > 1:
            raise RuleError(f"{path}: two rules are named {name!r}")
    return rules
