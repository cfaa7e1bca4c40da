"""Syntax trees of functions and classes that are already loaded: finding, cleaning, and the names that they use."""

import ast
import functools
import linecache
import symtable
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from rewards.userfiles import source_of

FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda
Definition = ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef


def function_node(function: Any) -> ast.AST | None:
    """A copy of the tree of a function; None where the source is not to be had."""
    code = getattr(function, "__code__", None)
    source = _source(getattr(function, "__module__", ""), code.co_filename) if code else None
    if code is None or source is None:
        return None
    kinds = (ast.Lambda,) if code.co_name == "<lambda>" else (ast.FunctionDef, ast.AsyncFunctionDef)
    found = [
        node
        for node in ast.walk(_tree(source))
        if isinstance(node, kinds) and _first_line(node) == code.co_firstlineno
        if isinstance(node, ast.Lambda) or node.name == code.co_name
    ]
    if not found:
        return None
    # several lambdas on one line cannot be told apart: all of them count
    return _copy(found[0]) if len(found) == 1 else _copy(ast.Tuple([n for n in found if isinstance(n, ast.expr)]))


def class_node(kind: type) -> ast.AST | None:
    """A copy of the tree of a class; None where the source is not to be had."""
    file = getattr(sys.modules.get(kind.__module__), "__file__", None) or _notebook_file(kind)
    source = _source(kind.__module__, file) if file else None
    if source is None:
        return None
    scope: ast.AST = _tree(source)
    for name in kind.__qualname__.split("."):
        if name == "<locals>":
            continue
        inside = [n for n in ast.walk(scope) if isinstance(n, Definition) and n.name == name]
        if not inside:
            return None
        scope = inside[-1]
    return _copy(scope)


def strip(node: ast.AST, is_rule: Callable[[str], bool]) -> None:
    """Remove what decides nothing: docstrings, annotations of parameters and results, and the rule's decorator."""
    for part in ast.walk(node):
        if isinstance(part, ast.arg):
            part.annotation = None
        if isinstance(part, ast.FunctionDef | ast.AsyncFunctionDef):
            part.returns = None
        if isinstance(part, Definition):
            part.decorator_list = [d for d in part.decorator_list if not is_rule(_decorator(d))]
            if ast.get_docstring(part, clean=False) is not None:
                part.body = part.body[1:] or [ast.Pass()]


def free_names(node: ast.AST, modules: Callable[[str], bool]) -> list[str]:
    """Names that the code takes from outside, sorted; `helpers.f` where `helpers` is a module to look into."""
    source = ast.unparse(node)
    free = set(_outside(symtable.symtable(source, "<rule>", "exec")))
    chains = {_longest(chain, modules) for chain in _chains(ast.parse(source))}
    return sorted({chain for chain in chains if chain.partition(".")[0] in free})


def assignments(scope: Mapping[str, Any], name: str) -> list[str]:
    """The statements at the top of a module that give a global its value, as source."""
    file = scope.get("__file__")
    source = _source(str(scope.get("__name__", "")), str(file)) if file else None
    if source is None:
        return []
    return [
        ast.unparse(node)
        for node in _tree(source).body
        if isinstance(node, ast.Assign | ast.AnnAssign | ast.AugAssign) and name in _targets(node)
    ]


def imports(node: ast.AST) -> list[tuple[str, int]]:
    """Modules that the code itself imports when it runs, with the dots of a relative import; sorted."""
    found: set[tuple[str, int]] = set()
    for part in ast.walk(node):
        if isinstance(part, ast.Import):
            found.update((alias.name, 0) for alias in part.names)
        elif isinstance(part, ast.ImportFrom):
            start = f"{part.module}." if part.module else ""
            # `from a import b`: b may be a module of the package a
            found.update((start + alias.name, part.level) for alias in part.names)
            if part.module:
                found.add((part.module, part.level))
    return sorted(found)


def module_node(source: str) -> ast.Module:
    """A copy of the tree of a whole file."""
    return ast.parse(ast.unparse(_tree(source)))


def _targets(node: ast.Assign | ast.AnnAssign | ast.AugAssign) -> set[str]:
    targets = node.targets if isinstance(node, ast.Assign) else [node.target]
    return {part.id for target in targets for part in ast.walk(target) if isinstance(part, ast.Name)}


def _source(module: str, file: str) -> str | None:
    known = source_of(module, file)
    return known if known is not None else "".join(linecache.getlines(file)) or None


def _notebook_file(kind: type) -> str | None:
    """The cell that a class of a notebook was defined in, as its methods know it."""
    codes = (getattr(value, "__code__", None) for value in vars(kind).values())
    return next((code.co_filename for code in codes if code is not None), None)


@functools.lru_cache(maxsize=64)
def _tree(source: str) -> ast.Module:
    return ast.parse(source)


def _copy(node: ast.AST) -> ast.AST:
    statement = ast.Expr(node) if isinstance(node, ast.expr) else node
    body = [statement] if isinstance(statement, ast.stmt) else []
    return ast.parse(ast.unparse(ast.Module(body, []))).body[0]


def _first_line(node: FunctionNode) -> int:
    decorators = [] if isinstance(node, ast.Lambda) else node.decorator_list
    return min(part.lineno for part in (node, *decorators))


def _decorator(node: ast.expr) -> str:
    """Name of a decorator, with or without arguments."""
    return _dotted(node.func if isinstance(node, ast.Call) else node)


def _dotted(node: ast.AST) -> str:
    """`a.b.c`; empty for anything but names and attributes."""
    if isinstance(node, ast.Attribute):
        start = _dotted(node.value)
        return f"{start}.{node.attr}" if start else ""
    return node.id if isinstance(node, ast.Name) else ""


def _outside(table: symtable.SymbolTable) -> Iterator[str]:
    top = table.get_type() == "module"
    for symbol in table.get_symbols():
        if symbol.is_referenced() and (symbol.is_global() or (top and not symbol.is_assigned())):
            yield symbol.get_name()
    for child in table.get_children():
        yield from _outside(child)


def _chains(tree: ast.AST) -> Iterator[str]:
    """Every name, with the attributes right behind it: `a.b.c` of `a.b.c(x)`."""
    for child in ast.iter_child_nodes(tree):
        chain = _dotted(child)
        yield from [chain] if chain else _chains(child)


def _longest(chain: str, modules: Callable[[str], bool]) -> str:
    """The part of a chain up to and including the first thing that is not a module of the user's."""
    parts = chain.split(".")
    for length in range(1, len(parts)):
        if not modules(".".join(parts[:length])):
            return ".".join(parts[:length])
    return chain
