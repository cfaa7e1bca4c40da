"""Whose code a module is: the user's, an installed package's, Python's, or our framework's."""

import importlib.metadata
import importlib.util
import site
import sys
import sysconfig
from enum import StrEnum
from functools import cache
from pathlib import Path

from rewards.userfiles import OURS, directory_of


class Owner(StrEnum):
    """Whose code it is, which decides how it enters a fingerprint."""

    USER = "user"
    """The user's own files, and our built-in rules: by their code."""
    PACKAGE = "package"
    """By name and version of the package."""
    PYTHON = "python"
    """By Python's version, without the patch release."""
    FRAMEWORK = "datakit"
    """The decorator and the outcome types: not at all, they decide nothing."""


_FRAMEWORK = ("rewards", "rewards.rule", "rewards.outcome", "schemas", "datakit", "train")


@cache
def owner_of(module: str) -> Owner:
    """Whose code a module is."""
    top = module.partition(".")[0]
    if directory_of(module) is not None or module in ("__main__", "__mp_main__"):
        return Owner.USER
    if module in _FRAMEWORK or top in ("schemas", "datakit", "train"):
        return Owner.FRAMEWORK
    if top == "rewards":
        return Owner.USER
    if top in sys.stdlib_module_names:
        return Owner.PYTHON
    file = getattr(sys.modules.get(module), "__file__", None)
    if file is None:
        return Owner.PACKAGE
    return Owner.PACKAGE if is_installed(file) else Owner.USER


def is_installed(file: str) -> bool:
    """Whether a file lies where packages are installed; a package under development does not."""
    return any(Path(file).is_relative_to(place) for place in _installed())


def token_of(module: str, qualname: str) -> list[str]:
    """How something that is not the user's enters a fingerprint."""
    match owner_of(module):
        case Owner.PYTHON:
            return ["python", f"{sys.version_info.major}.{sys.version_info.minor}", f"{module}:{qualname}"]
        case Owner.FRAMEWORK:
            return ["datakit", f"{module}:{qualname}"]
        case _:
            return ["package", *_distribution(module.partition(".")[0]), f"{module}:{qualname}"]


def files_of_import(name: str, level: int, importer: str, file: Path) -> list[Path]:
    """The user's own files that an import statement would run; none if it means an installed package.

    Args:
        name: the dotted name.
        level: dots of a relative import.
        importer: module that the statement belongs to.
        file: file that the statement is in.
    """
    parts = name.split(".")
    if not level and parts[0] in OURS:  # a built-in rule is one file; the rest is the framework
        bases = [Path(__file__).parents[1].joinpath(*parts)] if name.startswith("rewards.rules.") else []
        return [path for base in bases if (path := base.with_name(f"{base.name}.py")).is_file()]
    start = file.parents[level - 1] if level else _root_of(parts[0], importer)
    if start is None:
        return []
    bases = [start.joinpath(*parts[:length]) for length in range(1, len(parts) + 1)]
    found = [path for base in bases for path in (base.with_name(f"{base.name}.py"), base / "__init__.py")]
    return [path for path in found if path.is_file()]


def _root_of(top: str, importer: str) -> Path | None:
    """Folder in which a top-level module of the user's lies."""
    directory = directory_of(importer)
    if directory is not None and directory.has(top):
        return directory.path
    try:
        spec = importlib.util.find_spec(top)
    except (ImportError, ValueError):
        return None
    if top in sys.stdlib_module_names or spec is None or spec.origin is None or is_installed(spec.origin):
        return None
    origin = Path(spec.origin)
    return origin.parent.parent if origin.name == "__init__.py" else origin.parent


@cache
def _installed() -> tuple[str, ...]:
    paths = [sysconfig.get_path(name) for name in ("purelib", "platlib", "stdlib")]
    return tuple({*paths, *site.getsitepackages(), site.getusersitepackages()})


@cache
def _distribution(top: str) -> tuple[str, str]:
    """Name and version of the package that installed a top-level module."""
    try:
        return top, importlib.metadata.version(top)
    except importlib.metadata.PackageNotFoundError:
        names = importlib.metadata.packages_distributions().get(top, [])
    return (names[0], importlib.metadata.version(names[0])) if names else (top, "")
