"""Runs the tests of a program, in a cell of their own."""

import ast
import builtins
import os
import sys
from dataclasses import dataclass
from importlib import import_module
from inspect import CO_COROUTINE
from types import FunctionType, MethodType
from typing import Any, NoReturn

from rewards.sandbox.frames import LARGEST, BrokenFrame, receive, send
from rewards.sandbox.operations import OPERATIONS, awaited
from rewards.sandbox.peer import Gone, Peer
from rewards.sandbox.program import READER, WRITER, summary
from rewards.scope import global_names

RESULT = 5
"""Where the verdict goes; the program has no such descriptor."""

_NAME = "tests"
_OFFERED = ("iter", "next", "len", "item", "bool", "plain")
_FUNCTION = (ast.FunctionDef, ast.AsyncFunctionDef)
_PREPARES = (ast.Import, ast.ImportFrom, *_FUNCTION, ast.ClassDef, ast.Assign, ast.AnnAssign, ast.AugAssign)


@dataclass(frozen=True, slots=True)
class Suite:
    """What is to be run."""

    tests: str | list[str]
    entry_point: str = ""
    """The function that is called `candidate` in the tests."""
    prefix: str = ""
    """Code that stood in the prompt: its imports, constants and finished functions count as the tests' own."""
    every: bool = False
    """Go on after a failure."""


def judge(tests: Suite) -> NoReturn:
    """Run the tests against the program at the other end and send the verdict: `passed`, `cases`, `reason`."""
    try:
        send(RESULT, _verdict(tests))
    finally:
        os._exit(0)


def cases_of(tests: str | list[str]) -> list[list[ast.stmt]]:
    """The statements of each case, which passes or fails as a whole.

    Each text of a list is a case. Of a single text each statement is, together with the imports, definitions and
    assignments before it; if it defines `check(candidate)` without calling it, so are the statements of `check`, and
    so is each function `test...()` that nothing calls.

    Raises:
        SyntaxError: the tests are no Python.
    """
    if not isinstance(tests, str):
        return [ast.parse(text).body for text in tests]
    cases: list[list[ast.stmt]] = []
    pending: list[ast.stmt] = []
    for node in _unfolded(ast.parse(tests).body):
        pending.append(node)
        if not isinstance(node, _PREPARES):
            cases.append(pending)
            pending = []
    if cases:
        cases[-1].extend(pending)
    return cases


def _unfolded(body: list[ast.stmt]) -> list[ast.stmt]:
    """The tests with the statements of `check`, or a call of it where these cannot stand alone, and calls of tests."""
    used = {node.id for statement in body for node in ast.walk(statement) if isinstance(node, ast.Name)}
    unused = [node for node in body if isinstance(node, _FUNCTION) and node.name not in used]
    calls = [_call(node) for node in unused if node.name.startswith("test") and not ast.unparse(node.args)]
    check = next((node for node in unused if node.name == "check"), None)
    if check is None:
        return [*body, *calls]
    alone = not any(isinstance(node, ast.Return | ast.Yield | ast.Nonlocal | ast.Global) for node in ast.walk(check))
    if alone and [argument.arg for argument in check.args.args] == ["candidate"]:
        return [*(node for node in body if node is not check), *check.body, *calls]
    return [*body, _call(check, "candidate"), *calls]


def _call(function: ast.FunctionDef | ast.AsyncFunctionDef, *arguments: str) -> ast.stmt:
    waits = "await " if isinstance(function, ast.AsyncFunctionDef) else ""
    return ast.parse(f"{waits}{function.name}({', '.join(arguments)})").body[0]


def _verdict(tests: Suite) -> dict[str, Any]:
    cases = cases_of(tests.tests)
    passed, reason = 0, ""
    peer = Peer(READER, WRITER, _offer)
    try:
        match receive(READER, LARGEST):
            case ["ready"]:
                names = _namespace(tests, [node for case in cases for node in case], peer)
            case ["failed", str(failure)]:
                return {"passed": 0, "cases": len(cases), "reason": failure}
            case _:
                raise Gone
        for case in cases:
            failure = _failure(case, names)
            if peer.gone:
                raise Gone
            passed += not failure
            reason = reason or failure
            if failure and not tests.every:
                break
    except (Gone, BrokenFrame):
        pass  # the guard knows why the program ended
    return {"passed": passed, "cases": len(cases), "reason": reason}


def _failure(case: list[ast.stmt], names: dict[str, Any]) -> str:
    """Run a case: why it failed, or nothing."""
    for node in case:
        try:
            _run(ast.Module([node], type_ignores=[]), names)
        except BaseException as error:  # noqa: BLE001  (foreign code: whatever a test raises is its failure)
            statement = ast.unparse(node).partition("\n")[0][:200]
            return f"{statement}: {summary(error)}"
    return ""


def _run(module: ast.Module, names: dict[str, Any]) -> None:
    """Run code of the tests, which may wait (`assert await f(1) == 2`) where they stand in no function."""
    code = compile(module, _NAME, "exec", flags=ast.PyCF_ALLOW_TOP_LEVEL_AWAIT)
    if code.co_flags & CO_COROUTINE:
        awaited(FunctionType(code, names)())
    else:
        exec(code, names)  # noqa: S102  (tests are code)


def _namespace(tests: Suite, nodes: list[ast.stmt], peer: Peer) -> dict[str, Any]:
    """The names that the tests see.

    First their own and the prefix's, then those built in and the modules of the standard library; the program's come
    last, so that it cannot put an `abs` or a `math` of its own in their place. Only where the tests use nothing else of
    the program's may it define a name that is built in, as some data sets want.
    """
    names: dict[str, Any] = {"__name__": _NAME}
    prefix = [node for node in ast.parse(tests.prefix).body if _is_finished(node, tests.entry_point)]
    module = ast.Module([*prefix, *nodes], type_ignores=[])
    modules = _modules_used(module)
    wanted = global_names(ast.unparse(module))[1] - modules - {"candidate"}
    own = {name for name in wanted if not hasattr(builtins, name)} | {name for name in (tests.entry_point,) if name}
    names.update(peer.ask("names", sorted(own or wanted)))
    if tests.entry_point in names:
        names["candidate"] = names[tests.entry_point]
    names.update({name: import_module(name) for name in modules - {tests.entry_point}})
    exec(compile(ast.Module(prefix, type_ignores=[]), _NAME, "exec"), names)  # noqa: S102
    return names


def _is_finished(node: ast.stmt, entry_point: str) -> bool:
    """Whether a statement of the prefix is worth running: no class, no function that the program is to write."""
    if not isinstance(node, ast.FunctionDef):
        return isinstance(node, ast.Import | ast.ImportFrom | ast.Assign | ast.AnnAssign)
    written = [part for part in node.body if not isinstance(part, ast.Pass) and not _is_constant(part)]
    return node.name != entry_point and bool(written)


def _is_constant(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _modules_used(tree: ast.AST) -> set[str]:
    """Modules of the standard library that are used as such, `math.sqrt`, whoever imports them."""
    uses = (node.value for node in ast.walk(tree) if isinstance(node, ast.Attribute))
    return {use.id for use in uses if isinstance(use, ast.Name) and use.id in sys.stdlib_module_names}


def _offer(operation: str, operands: list[Any]) -> Any:
    """Do something for the program to an object of the tests: only what a value that was handed over must be able to.

    Attributes only of instances of classes that the tests define: through those of a function or a generator the
    program could read all that the tests know.
    """
    value = operands[0]
    if operation in _OFFERED or (operation == "call" and isinstance(value, FunctionType | MethodType)):
        return OPERATIONS[operation](*operands)
    if operation in ("get", "set") and type(value).__module__ == _NAME and not operands[1].startswith("_"):
        return OPERATIONS[operation](*operands)
    raise TypeError(f"not for the program: {operation} of a {type(value).__name__}")
