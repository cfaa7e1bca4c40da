"""Where a rule's function comes from, so that a worker process can load the same one again."""

import functools
import inspect
import io
import pickle
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib import import_module
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType
from typing import Any

from rewards import userfiles
from schemas.errors import RuleError


@dataclass(frozen=True, slots=True)
class ModuleOrigin:
    """A function of an installed module: a built-in rule, or one of another package."""

    module: str
    qualname: str

    def __str__(self) -> str:
        return f"{self.module}:{self.qualname}"


@dataclass(frozen=True, slots=True)
class FileOrigin:
    """A function of a user's file."""

    path: str
    qualname: str
    sha256: str
    siblings: tuple[tuple[str, str], ...] = ()
    """Path and sha256 of the files beside it that it had loaded."""
    sources: tuple[tuple[str, bytes], ...] = ()
    """Path and content of these files, where a later edit is to have no effect; see `frozen`."""

    def __str__(self) -> str:
        return f"{self.path}:{self.qualname}"


@dataclass(frozen=True, slots=True)
class PickledOrigin:
    """A function of a notebook, of `__main__`, or a closure: by value."""

    pickled: bytes
    label: str

    def __str__(self) -> str:
        return self.label


@dataclass(frozen=True, slots=True)
class ModelOrigin:
    """A reward model: directories, and no function."""

    folders: tuple[str, ...]

    def __str__(self) -> str:
        return ", ".join(self.folders)


_MAIN = ("__main__", "__mp_main__")

Origin = ModuleOrigin | FileOrigin | PickledOrigin | ModelOrigin


def origin_of(function: Callable[..., Any]) -> Origin:
    """How to find the function again in a fresh interpreter."""
    place = _place(function)
    if place is None:
        return _pickled(function)
    module, qualname = place
    if userfiles.directory_of(module) is None:
        return ModuleOrigin(module, qualname)
    path = str(sys.modules[module].__file__)
    files = userfiles.files_of(module)
    return FileOrigin(path, qualname, files.pop(path), tuple(sorted(files.items())))


def resolve(origin: Origin) -> Callable[..., Any]:
    """The function of an origin, in any process.

    Raises:
        RuleError: the user's file, or one beside it, is no longer what it was; or it is a reward model.
    """
    match origin:
        case ModelOrigin():
            raise RuleError(f"{origin} is a reward model, which is no function")
        case ModuleOrigin():
            return _attribute(import_module(origin.module), origin.qualname, str(origin))
        case FileOrigin():
            sources = {Path(path): content for path, content in origin.sources}
            module = userfiles.load_user_file(Path(origin.path), sources)
            found = userfiles.files_of(module.__name__)
            for path, sha256 in ((origin.path, origin.sha256), *origin.siblings):
                if (found.get(path) or _digest_on_disk(path)) != sha256:
                    raise RuleError(f"{path} was edited during the run; run again to use the new rule")
            return _attribute(module, origin.qualname, str(origin))
        case PickledOrigin():
            import cloudpickle

            loaded: Callable[..., Any] = cloudpickle.loads(origin.pickled)
            return loaded


def frozen(origin: Origin) -> Origin:
    """The same origin, holding the user's files: for a training run, which outlives many an edit of its rules.

    Raises:
        RuleError: a file is no longer what it was.
    """
    if not isinstance(origin, FileOrigin) or origin.sources:
        return origin
    resolve(origin)
    sources = userfiles.sources_of(userfiles.load_user_file(Path(origin.path)))
    return replace(origin, sources=tuple(sorted((str(path), content) for path, content in sources.items())))


def _digest_on_disk(path: str) -> str | None:
    file = Path(path)
    return userfiles.digest(file.read_bytes()) if file.is_file() else None


def _place(function: Callable[..., Any]) -> tuple[str, str] | None:
    """Module and dotted name under which the module holds this very function."""
    module = getattr(function, "__module__", None)
    if module is None or module in _MAIN or module not in sys.modules:
        return None
    qualname = getattr(function, "__qualname__", "")
    if _reach(sys.modules[module], qualname) is function:
        return (module, qualname) if _importable(module) else None
    for name, value in vars(sys.modules[module]).items():  # an instance, or what a factory returned
        if value is function:
            return (module, name) if _importable(module) else None
    return None


def _importable(module: str) -> bool:
    """Whether a fresh interpreter finds the module by its name, or by the file of the user that it is."""
    if userfiles.directory_of(module) is not None:
        return _is_entry(module)
    parts = module.split(".")
    path: Sequence[str] | None = None
    origin: str | None = None
    for length in range(1, len(parts) + 1):
        spec = _find(".".join(parts[:length]), path)
        if spec is None:
            return False
        path, origin = spec.submodule_search_locations, spec.origin
    known = getattr(sys.modules[module], "__spec__", None)
    return known is not None and origin is not None and origin == known.origin


def _find(name: str, path: Sequence[str] | None) -> ModuleSpec | None:
    """Search again; `importlib.util.find_spec` only says what `sys.modules` holds."""
    found = (finder.find_spec(name, path) for finder in sys.meta_path)
    return next((spec for spec in found if spec is not None), None)


def _is_entry(module: str) -> bool:
    """Whether it lies in the user's directory itself, so that it can be loaded by path alone."""
    directory = userfiles.directory_of(module)
    file = getattr(sys.modules[module], "__file__", None)
    return directory is not None and file is not None and Path(file).parent == directory.path


def _reach(root: object, qualname: str) -> object:
    for name in qualname.split("."):
        root = getattr(root, name, None)
    return root


def _attribute(module: object, qualname: str, label: str) -> Callable[..., Any]:
    found = _reach(module, qualname)
    if not callable(found):
        raise RuleError(f"{label} is not a function")
    return found


def _pickled(function: Callable[..., Any]) -> PickledOrigin:
    file = inspect.getsourcefile(function) if inspect.isroutine(function) else None
    label = (
        f"{file or getattr(function, '__module__', '?')}:{getattr(function, '__qualname__', type(function).__name__)}"
    )
    import cloudpickle

    owned = _modules_by_value(function)
    for module in owned:
        cloudpickle.register_pickle_by_value(module)
    try:
        return PickledOrigin(_dumps(function), label)
    except (pickle.PicklingError, TypeError, AttributeError, ValueError, RuntimeError) as error:
        raise RuleError(f"{label} cannot be sent to a worker process: {error}; put the rule in a file") from error
    finally:
        for module in owned:
            cloudpickle.unregister_pickle_by_value(module)


def _dumps(function: Callable[..., Any]) -> bytes:
    import cloudpickle

    table = cloudpickle.Pickler.dispatch_table.new_child({functools._lru_cache_wrapper: _reduce_cached})
    pickler = type("Pickler", (cloudpickle.Pickler,), {"dispatch_table": table})
    buffer = io.BytesIO()
    pickler(buffer).dump(function)
    return buffer.getvalue()


def _reduce_cached(function: Any) -> Any:
    """A function under `functools.cache`, which cloudpickle only knows by its name: by value, with an empty cache."""
    place = _place(function)
    if place is not None and userfiles.directory_of(place[0]) is None:
        return place[1]
    return _cached, (function.__wrapped__, function.cache_parameters())


def _cached(function: Callable[..., Any], parameters: dict[str, Any]) -> Callable[..., Any]:
    cached: Callable[..., Any] = functools.lru_cache(**parameters)(function)
    return cached


def _modules_by_value(function: Callable[..., Any]) -> list[ModuleType]:
    """Modules that no other process could import: those of the user's directory, and the function's own."""
    name = str(getattr(function, "__module__", ""))
    directory = userfiles.directory_of(name)
    if directory is not None:
        return [module for key, module in list(sys.modules.items()) if userfiles.directory_of(key) is directory]
    module = sys.modules.get(name)
    return [module] if module is not None and name not in _MAIN and not _importable(name) else []
