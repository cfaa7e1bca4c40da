"""Runs a program, inside its cell."""

import atexit
import builtins
import os
import sys
import threading
from types import ModuleType
from typing import Any, NoReturn

from rewards.sandbox.frames import BrokenFrame, send
from rewards.sandbox.operations import OPERATIONS
from rewards.sandbox.peer import Gone, Peer

READER, WRITER = 3, 4
"""The line to the tests."""


def run(source: str) -> NoReturn:
    """Run it as a script, with its own standard input and output."""
    status = 1
    try:
        _execute(source, "__main__")
        status = 0
    except SystemExit as error:
        status = _status(error)
    except BaseException as error:  # noqa: BLE001  (foreign code: what it raises is its own failure)
        sys.stderr.write(f"\n{summary(error)}")
    finally:
        _end(status)


def serve(source: str) -> NoReturn:
    """Run it as a module, then do what the tests ask for. Its exit status says nothing: the tests say."""
    try:
        try:
            names = _execute(source, "solution")
        except BaseException as error:  # noqa: BLE001  (as above)
            send(WRITER, ["failed", summary(error)])
        else:
            send(WRITER, ["ready"])
            Peer(READER, WRITER, _operator(names)).serve()
    except (OSError, BrokenFrame, Gone):  # the tests are over
        os._exit(0)
    finally:
        os._exit(1)


def summary(error: BaseException) -> str:
    """`TypeName: message`, the first line, with the program's line number if it is no Python."""
    name = type(error).__name__
    if isinstance(error, SyntaxError):
        return f"{name}: {error.msg} (line {error.lineno})"
    try:
        text = str(error).strip().partition("\n")[0][:200]
    except Exception:  # noqa: BLE001  (an exception class of the program's)
        return name
    return f"{name}: {text}" if text else name


def _execute(source: str, name: str) -> dict[str, Any]:
    module = ModuleType(name)
    sys.modules[name] = module
    sys.argv = ["program.py"]
    for word in ("exit", "quit"):  # the module site, which adds them, is not loaded
        setattr(builtins, word, sys.exit)
    exec(compile(source, "program.py", "exec", dont_inherit=True), module.__dict__)  # noqa: S102  (this is what for)
    return module.__dict__


def _operator(names: dict[str, Any]) -> Any:
    def operate(operation: str, operands: list[Any]) -> Any:
        if operation == "names":
            return {name: names[name] for name in operands[0] if name in names}
        return OPERATIONS[operation](*operands)

    return operate


def _status(error: SystemExit) -> int:
    """As the interpreter does: a text is printed and means 1."""
    if error.code is None or isinstance(error.code, int):
        return (error.code or 0) & 0xFF
    sys.stderr.write(f"\n{error.code}")
    return 1


def _end(status: int) -> NoReturn:
    """End as an interpreter does, without going back into the code that started it."""
    try:
        threading._shutdown()  # type: ignore[attr-defined]  # waits for the threads that are no daemons
        atexit._run_exitfuncs()
        sys.stdout.flush()
        sys.stderr.flush()
    except BaseException:  # noqa: BLE001  (a closed or replaced stdout)
        status = status or 1
    finally:
        os._exit(status)
