"""Fingerprint of a rule: the code that decides, and nothing else.

Two rules have the same fingerprint if they are the same syntax tree (comments, formatting, docstrings and annotations
of parameters do not count), with the same options and constants, and if the same holds for every function, class and
constant of the user's own files that they use, however far away. What lies in installed packages counts by package
name and version, the standard library by Python's version without the patch release. A rule's `version=` stands for
all of its code. Built-in rules are treated like a user's own, so an upgrade that leaves a rule alone scores nothing
again.

Constants count by value. What has no value that is the same in every process (a client, a model, a lock) counts by its
type and by the statement that assigns it.
"""

import ast
import enum
import functools
import inspect
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import CodeType, ModuleType
from typing import Any

from rewards import syntax
from rewards.origin import FileOrigin
from rewards.packages import Owner, files_of_import, owner_of, token_of
from rewards.rule import Rule
from rewards.userfiles import attributes
from schemas.errors import RuleError
from schemas.identity import content_id

Tree = Any  # JSON

_OF_MODULES = frozenset(
    {
        "__name__",
        "__file__",
        "__package__",
        "__spec__",
        "__loader__",
        "__path__",
        "__cached__",
        "__doc__",
        "__builtins__",
    }
)
"""Names that say where a module lies, not what it does."""


def fingerprint_of(
    rule: Rule, *, options: Mapping[str, object] | None = None, constants: Mapping[str, object] | None = None
) -> str:
    """The fingerprint of a rule with these options and constants, the same in every process and on every machine.

    Raises:
        RuleError: something that the rule uses is nested too deeply to be described.
    """
    walk = _Walk(str(Path(rule.origin.path).parent) if isinstance(rule.origin, FileOrigin) else "")
    try:
        if rule.version is not None:
            code: Tree = ["version", rule.version]
        else:
            nullable = [[i.name, i.nullable, i.required] for i in rule.inputs]
            code = ["code", rule.form.value, nullable, walk.value(rule.function)]
        return content_id([code, walk.value(dict(options or {})), walk.value(dict(constants or {}))])
    except RecursionError as error:
        raise RuleError(
            f"rule {rule.name}: a value that it uses is nested too deeply for a fingerprint; state @rule(version=...)"
        ) from error


class _Walk:
    """Describes values as JSON; a thing met again is described by the order in which it was first met."""

    def __init__(self, here: str) -> None:
        self._here = here  # the folder of the user's file: a path in it is the same on every machine
        self._seen: dict[int, int] = {}
        self._kept: list[object] = []  # an id is only good while its object lives
        self._files: set[Path] = set()
        self._open: set[int] = set()  # containers being described: one may hold itself

    def value(self, value: Any, assigned: Iterable[str] = ()) -> Tree:
        """Describe any value; `assigned` are the statements that made it, if it is a global."""
        tree = _plain(value, self._here) or self._container(value, list(assigned))
        if tree is not None:
            return tree
        if id(value) in self._seen:
            return ["seen", self._seen[id(value)]]
        self._seen[id(value)] = len(self._seen)
        self._kept.append(value)
        return self._object(value, list(assigned))

    def _container(self, value: Any, assigned: list[str]) -> Tree | None:
        kind = type(value).__name__
        if owner_of(type(value).__module__) is Owner.USER or id(value) in self._open:
            return None
        self._open.add(id(value))
        try:
            return self._items(value, kind, assigned)
        finally:
            self._open.discard(id(value))

    def _items(self, value: Any, kind: str, assigned: list[str]) -> Tree | None:
        if isinstance(value, Mapping):
            # sorted, since a dict made from a set has another order in each process; a literal's order is in `assigned`
            items = [[self.value(key), self.value(item)] for key, item in value.items()]
            return ["mapping", kind, sorted(items, key=repr), assigned]
        if isinstance(value, set | frozenset):
            return ["set", kind, sorted((self.value(item) for item in value), key=repr)]
        if isinstance(value, list | tuple) or kind == "deque":
            return ["sequence", kind, [self.value(item) for item in value]]
        return None

    def _object(self, value: Any, assigned: list[str]) -> Tree:
        if isinstance(value, ModuleType):
            return self._module(value)
        if isinstance(value, functools.partial):
            return ["partial", self.value(value.func), self.value(value.args), self.value(value.keywords)]
        if inspect.ismethod(value):
            return ["method", self.value(value.__func__), self.value(value.__self__)]
        if isinstance(value, staticmethod | classmethod):
            return self.value(value.__func__)
        if isinstance(value, property):
            return ["property", [self.value(part) for part in (value.fget, value.fset, value.fdel)]]
        if inspect.isclass(value) or inspect.isroutine(value) or hasattr(value, "__wrapped__"):
            return self._code(value)
        return self._instance(value, assigned)

    def _module(self, module: ModuleType) -> Tree:
        """A module used as a value: all of it."""
        if owner_of(module.__name__) is not Owner.USER:
            return token_of(module.__name__, "")
        return ["module", {name: self._global(vars(module), name) for name in sorted(attributes(module))}]

    def _code(self, value: Any) -> Tree:
        target = inspect.unwrap(value)
        module = str(getattr(target, "__module__", None) or "builtins")
        qualname = str(getattr(target, "__qualname__", type(target).__name__))
        if owner_of(module) is not Owner.USER:
            return token_of(module, qualname)
        names = _names_of(target)
        node = syntax.class_node(target) if inspect.isclass(target) else syntax.function_node(target)
        if node is None:
            return ["compiled", qualname, self._compiled(target), self._defaults(target)]
        syntax.strip(node, lambda name: _is_the_decorator(_lookup(name, names)))
        uses = {path: self._path(path, names) for path in syntax.free_names(node, modules=_modules(names))}
        known = {path: tree for path, tree in uses.items() if tree is not None}
        return ["code", qualname, ast.unparse(node), known, self._imports(node, target), self._defaults(target)]

    def _imports(self, node: ast.AST, target: Any) -> Tree:
        """What the code imports when it runs. Not executed here, so a file of the user's counts as a whole."""
        module = str(target.__module__)
        file = getattr(sys.modules.get(module), "__file__", None) or "."
        return [self._imported(name, level, module, Path(file)) for name, level in syntax.imports(node)]

    def _imported(self, name: str, level: int, importer: str, file: Path) -> Tree:
        files = files_of_import(name, level, importer, file)
        if not files:
            return token_of(name.partition(".")[0], "")
        trees = []
        for own in files:
            if own in self._files:
                continue
            self._files.add(own)
            node = syntax.module_node(own.read_text(encoding="utf-8"))
            syntax.strip(node, lambda name: name.rpartition(".")[2] == "rule")
            inner = [self._imported(name, level, importer, own) for name, level in syntax.imports(node)]
            trees.append([ast.unparse(node), inner])
        return ["files", name, trees]

    def _defaults(self, target: Any) -> Tree:
        defaults = getattr(target, "__defaults__", None), getattr(target, "__kwdefaults__", None)
        return [self.value(part) for part in defaults]

    def _compiled(self, target: Any) -> Tree:
        """Bytecode, for what has no source (typed at a prompt, or made by exec)."""
        if inspect.isclass(target):
            own = {k: v for k, v in vars(target).items() if inspect.isroutine(v) or _plain(v) is not None}
            return {key: self.value(own[key]) for key in sorted(own) if key not in ("__module__", "__doc__")}
        code = getattr(target, "__code__", None)
        if code is None:
            return ["opaque"]
        names = _names_of(target)
        used = {name: self._path(name, names) for name in sorted(_code_names(code))}
        return [_bytecode(code), {name: tree for name, tree in used.items() if tree is not None}]

    def _path(self, path: str, names: Mapping[str, Any]) -> Tree | None:
        """What a dotted name means, if anything (a built-in name means nothing of the user's)."""
        first, *rest = path.split(".")
        if first not in names or path.rpartition(".")[2] in _OF_MODULES:
            return None
        scope: Mapping[str, Any] = names
        name = first
        for attribute in rest:
            module = scope[name]
            scope, name = vars(module), attribute
            if name not in scope:
                return ["missing"]
        return self._global(scope, name)

    def _global(self, scope: Mapping[str, Any], name: str) -> Tree:
        return self.value(scope[name], syntax.assignments(scope, name))

    def _instance(self, value: Any, assigned: list[str]) -> Tree:
        kind = type(value)
        if isinstance(value, enum.Enum):
            return ["enum", self.value(kind), value.name]
        if owner_of(kind.__module__) is not Owner.USER:
            return ["object", token_of(kind.__module__, kind.__qualname__), assigned]
        slots = {s: getattr(value, s) for s in getattr(kind, "__slots__", ()) if hasattr(value, s)}
        state = {**getattr(value, "__dict__", {}), **slots}
        return ["object", self.value(kind), {key: self.value(state[key]) for key in sorted(state)}, assigned]


def _plain(value: object, here: str = "") -> Tree | None:
    """Constants that Python writes down exactly."""
    if isinstance(value, str) and here and value.startswith(here) and not isinstance(value, enum.Enum):
        return ["here", ascii(value.removeprefix(here))]
    if value is None or isinstance(value, bool | int | float | complex | str | bytes | range | slice):
        # ascii: lone surrogates have no UTF-8; the type, so that 1, 1.0 and True differ
        return [type(value).__name__, ascii(value)] if not isinstance(value, enum.Enum) else None
    kind = type(value)
    if kind.__module__ in ("datetime", "decimal", "fractions", "uuid"):
        return [kind.__name__, ascii(value)]
    if kind.__module__ == "re":
        return ["pattern", ascii(getattr(value, "pattern", "")), int(getattr(value, "flags", 0))]
    if kind.__module__.partition(".")[0] == "pathlib":
        return ["path", _plain(str(value), here)]
    return None


def _names_of(target: Any) -> dict[str, Any]:
    """The names that code sees: its module's, and those that a closure holds."""
    if inspect.isclass(target):
        module = sys.modules.get(target.__module__)
        return dict(vars(module)) if module else {}
    names = dict(getattr(target, "__globals__", {}))
    code = getattr(target, "__code__", None)
    for name, cell in zip(code.co_freevars if code else (), target.__closure__ or (), strict=False):
        try:
            names[name] = cell.cell_contents
        except ValueError:  # not assigned yet
            names.pop(name, None)
    return names


def _modules(names: Mapping[str, Any]) -> Callable[[str], bool]:
    """Whether a dotted name is a module of the user's own, so that its attributes are worth following."""

    def is_own_module(path: str) -> bool:
        found = _lookup(path, names)
        return isinstance(found, ModuleType) and owner_of(found.__name__) is Owner.USER

    return is_own_module


def _lookup(path: str, names: Mapping[str, Any]) -> object:
    first, *rest = path.split(".")
    found = names.get(first)
    for attribute in rest:
        found = getattr(found, attribute, None)
    return found


def _is_the_decorator(value: object) -> bool:
    return getattr(value, "__module__", None) == "rewards.rule" and getattr(value, "__name__", None) == "rule"


def _code_names(code: CodeType) -> set[str]:
    inner = (const for const in code.co_consts if isinstance(const, CodeType))
    return set(code.co_names).union(code.co_freevars, *(_code_names(part) for part in inner))


def _bytecode(code: CodeType) -> Tree:
    constants = [_bytecode(c) if isinstance(c, CodeType) else ascii(c) for c in code.co_consts]
    return [code.co_code.hex(), list(code.co_names), list(code.co_varnames), constants]
