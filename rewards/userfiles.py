"""Users' own Python files: loaded by path under private module names, so that no name of theirs can hide ours.

The directory of a user's file becomes a private package. Its modules import their siblings through an `__import__` of
their own, so the directory is never on `sys.path`, two directories may hold files of the same name, and a `rewards.py`,
`train.py` or `json.py` beside the user's file hides neither our packages nor the standard library.
"""

import builtins
import hashlib
import importlib
import importlib.machinery
import importlib.util
import itertools
import sys
import traceback
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from schemas.errors import RuleError

PREFIX = "_datakit_user_"
OURS = frozenset({"datakit", "rewards", "schemas", "train"})

_numbers = itertools.count()
_directories: dict[str, "UserDirectory"] = {}  # by private package name
_loaded: dict[Path, ModuleType] = {}  # user files by path; valid as long as no file of their directory changed


def digest(data: bytes) -> str:
    """How a file's content is named."""
    return hashlib.sha256(data).hexdigest()


@dataclass(eq=False)
class UserDirectory:
    """The directory of one user file, as a private package."""

    package: str
    path: Path
    frozen: Mapping[Path, bytes] = field(default_factory=dict)
    """Content of files that counts instead of the disk's."""
    sources: dict[Path, bytes] = field(default_factory=dict)
    """What was compiled, by file: the disk may have moved on since."""

    def read(self, file: Path) -> bytes | None:
        """Content of a file; None where there is none."""
        if file in self.frozen:
            return self.frozen[file]
        return file.read_bytes() if file.is_file() else None

    def has(self, name: str) -> bool:
        """Whether `import name` in a file of this directory means a sibling of it.

        Ours and the standard library's names never do. A plain folder (no `__init__.py`) only does where nothing
        installed has its name, as in Python itself.
        """
        if name in OURS or name in sys.stdlib_module_names:
            return False
        spec = importlib.machinery.PathFinder.find_spec(name, [str(self.path)])
        if spec is None:
            return False
        return spec.loader is not None or (name not in sys.modules and importlib.util.find_spec(name) is None)

    def import_(
        self,
        name: str,
        globals: Mapping[str, object] | None = None,
        locals: Mapping[str, object] | None = None,
        fromlist: Sequence[str] | None = (),
        level: int = 0,
    ) -> ModuleType:
        """`__import__` of the directory's modules."""
        top = name.partition(".")[0]
        if level or not self.has(top):
            return builtins.__import__(name, globals, locals, fromlist or (), level)
        module = builtins.__import__(f"{self.package}.{name}", globals, locals, fromlist or (), 0)
        return module if fromlist else sys.modules[f"{self.package}.{top}"]


class _Loader(importlib.machinery.SourceFileLoader):
    """Compiles from source each time (a cached .pyc may be a second older than an edit) and remembers the source."""

    def __init__(self, fullname: str, path: str, directory: UserDirectory) -> None:
        super().__init__(fullname, path)
        self.directory = directory

    def get_code(self, fullname: str) -> CodeType:
        file, frozen = Path(self.path), self.directory.frozen
        source = frozen[file] if file in frozen else self.get_data(self.path)
        self.directory.sources[file] = source
        code: CodeType = self.source_to_code(source, self.path)
        return code

    def exec_module(self, module: ModuleType) -> None:
        module.__dict__["__builtins__"] = {**vars(builtins), "__import__": self.directory.import_}
        super().exec_module(module)


class _Finder:
    """Finds the modules of the private packages, and nothing else."""

    @classmethod
    def find_spec(
        cls, fullname: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> importlib.machinery.ModuleSpec | None:
        directory = _directories.get(fullname.partition(".")[0])
        if directory is None or path is None:
            return None
        spec = importlib.machinery.PathFinder.find_spec(fullname, path, target)
        if spec is not None and spec.origin and isinstance(spec.loader, importlib.machinery.SourceFileLoader):
            spec.loader = _Loader(fullname, spec.origin, directory)
        return spec


def directory_of(module_name: str) -> UserDirectory | None:
    """The user's directory that a module belongs to; None for every module that was not loaded from here."""
    return _directories.get(module_name.partition(".")[0])


def load_user_file(path: Path, frozen: Mapping[Path, bytes] | None = None) -> ModuleType:
    """Load a Python file of the user; the same module again as long as it and its siblings are unchanged.

    Args:
        path: the file.
        frozen: content of files, by absolute path, that counts instead of the disk's.

    Raises:
        RuleError: it does not exist or cannot be imported; one line with file and line number.
    """
    path = path.absolute()
    directory = UserDirectory(f"{PREFIX}{next(_numbers)}", path.parent, frozen or {})
    if directory.read(path) is None:
        raise RuleError(f"no file {path}")
    known = _loaded.get(path)
    if known is not None and all(directory.read(file) == source for file, source in sources_of(known).items()):
        return known
    module = _execute(path, directory)
    _loaded[path] = module
    return module


def sources_of(module: ModuleType) -> dict[Path, bytes]:
    """What was compiled for a user's file and those beside it, by path."""
    return _directories[module.__name__.partition(".")[0]].sources


def _execute(path: Path, directory: UserDirectory) -> ModuleType:
    if _Finder not in sys.meta_path:
        sys.meta_path.insert(0, _Finder)
    package = ModuleType(directory.package, f"Files of {directory.path}")
    package.__path__ = [str(directory.path)]
    sys.modules[directory.package] = package
    _directories[directory.package] = directory
    name = f"{directory.package}.{path.stem if path.stem.isidentifier() else 'file'}"
    loader = _Loader(name, str(path), directory)
    spec = importlib.util.spec_from_file_location(name, path, loader=loader)
    assert spec is not None  # noqa: S101  (a loader was given)
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        loader.exec_module(module)
    except (Exception, SystemExit) as error:
        _forget(directory)
        raise RuleError(_where(error, path, directory)) from error
    return module


def _forget(directory: UserDirectory) -> None:
    del _directories[directory.package]
    for name in [name for name in sys.modules if name.partition(".")[0] == directory.package]:
        del sys.modules[name]


def _where(error: BaseException, path: Path, directory: UserDirectory) -> str:
    """One line: the innermost line of the user's that failed, and why."""
    if isinstance(error, SyntaxError):
        return f"{error.filename or path}:{error.lineno or 1}: syntax error: {error.msg}"
    frames = [f for f in traceback.extract_tb(error.__traceback__) if Path(f.filename).is_relative_to(directory.path)]
    place = f"{frames[-1].filename}:{frames[-1].lineno}" if frames else f"{path}:1"
    text = " ".join(str(error).split()) or "no message"
    hint = ""
    if isinstance(error, ModuleNotFoundError):
        hint = "; a file can import installed packages and the files beside it"
    return f"{place}: {type(error).__name__}: {text}{hint}"


def source_of(module_name: str, file: str) -> str | None:
    """The source that a module of a user's directory was compiled from."""
    directory = directory_of(module_name)
    source = directory.sources.get(Path(file)) if directory else None
    return importlib.util.decode_source(source) if source is not None else None


def files_of(module_name: str) -> dict[str, str]:
    """Path and digest of every file loaded so far for a module's directory."""
    directory = directory_of(module_name)
    return {str(file): digest(source) for file, source in directory.sources.items()} if directory else {}


def attributes(module: ModuleType) -> dict[str, Any]:
    """A module's own names, without Python's."""
    return {name: value for name, value in vars(module).items() if not (name.startswith("__") and name.endswith("__"))}
