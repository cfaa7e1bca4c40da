"""One end of the line between a program and its tests: each side can work with objects of the other.

Data crosses as data (`values.py`); for a function or any other object the other side gets a `Remote`. What is told to
do to an object is one of a few operations by name; which of them a side performs is up to its `operate`.
"""

import sys
from collections.abc import Callable
from importlib import import_module
from types import CoroutineType
from typing import Any

from rewards.sandbox.frames import LARGEST, BrokenFrame, receive, send
from rewards.sandbox.remote import Remote, remote_number
from rewards.sandbox.values import PLAIN, Tree, decode, encode

COROUTINE = "coroutine"
"""The kind of an object that the other side gets as a coroutine of its own, since event loops take no other."""


class Gone(BaseException):
    """The other side ended or broke the protocol. No `except Exception` of a test must take it for the program's."""


class Peer:
    """An end of the line.

    Args:
        reader: descriptor to read messages from.
        writer: descriptor to write them to.
        operate: performs an operation for the other side; gets its name and operands.
    """

    def __init__(self, reader: int, writer: int, operate: Callable[[str, list[Any]], Any]) -> None:
        self.gone = False
        self._reader, self._writer, self._operate = reader, writer, operate
        self._own: list[object] = []
        self._numbers: dict[int, int] = {}
        self._remotes: dict[int, Remote] = {}
        self._errors: dict[tuple[str, ...], type[BaseException]] = {}

    def ask(self, operation: str, *operands: Any) -> Any:
        """Have the other side do something, and meanwhile do what it asks for.

        Raises:
            Gone: there is no answer.
            BaseException: what the operation raised.
        """
        message = self._exchange(operation, operands)
        match message:
            case ["tell", tree, list(changed)]:
                for place, new in changed if operation == "call" else ():
                    _replace(operands[1][place], decode(new, self))
                return decode(tree, self)
            case ["raise", list(names), list(arguments)]:
                raise self._error(names, arguments)
        self.gone = True
        raise Gone

    def _exchange(self, operation: str, operands: tuple[Any, ...]) -> Any:
        """Send a request and get what is no request in turn; None if there is nothing."""
        request = ["ask", operation, [encode(operand, self) for operand in operands]]
        try:
            send(self._writer, request)
            while True:
                match message := receive(self._reader, LARGEST):
                    case ["ask", str(wanted), list(trees)]:
                        send(self._writer, self._answer(wanted, trees))
                    case _:
                        return message
        except (OSError, BrokenFrame):
            return None

    def serve(self) -> None:
        """Do what the other side asks for until it hangs up."""
        while (message := receive(self._reader)) is not None:
            _, operation, trees = message
            send(self._writer, self._answer(operation, trees))

    def _answer(self, operation: str, trees: list[Tree]) -> Tree:
        try:
            operands = [decode(tree, self) for tree in trees]
            value = encode(self._operate(operation, operands), self)
            return ["tell", value, self._changed(operands[1], trees[1]) if operation == "call" else []]
        except BaseException as error:  # noqa: BLE001  (foreign code: what it raises belongs to the other side)
            return ["raise", _names(type(error)), [encode(part, self) for part in error.args if type(part) in PLAIN]]

    def _changed(self, arguments: list[Any], trees: Tree) -> list[list[Any]]:
        """The arguments of a call that it altered: what they were is in the message."""
        mutable = [(place, value) for place, value in enumerate(arguments) if type(value) in (list, dict, set)]
        after = [[place, encode(value, self)] for place, value in mutable]
        return [[place, new] for place, new in after if new != trees[1 + place]]

    def number_of(self, value: object) -> list[Any]:
        """The tree of an object that is no data."""
        if isinstance(value, Remote):
            return ["o", remote_number(value)]
        if isinstance(value, type) and issubclass(value, BaseException):
            return ["x", *_names(value)]
        number = self._numbers.setdefault(id(value), len(self._own))
        if number == len(self._own):
            self._own.append(value)  # kept, so that its id stays its own
        if isinstance(value, CoroutineType):
            return ["h", number, COROUTINE]
        return ["h", number, next((kind.__name__ for kind in PLAIN if isinstance(value, kind)), None)]

    def object_of(self, tree: list[Any]) -> object:
        """What a tree with tag h, o or x stands for."""
        match tree:
            case ["h", int(number), kind]:
                known = {kind.__name__: kind for kind in PLAIN}
                remote = self._remotes.setdefault(number, Remote(self, number, known.get(kind, Remote)))
                return _coroutine(remote) if kind == COROUTINE else remote
            case ["o", int(number)] if 0 <= number < len(self._own):
                return self._own[number]
            case ["x", *names] if all(isinstance(name, str) for name in names):
                return self._error_class(tuple(names))
        raise ValueError("a value that is none")

    def _error(self, names: list[Any], arguments: list[Any]) -> BaseException:
        kind = self._error_class(tuple(map(str, names)))
        error = kind.__new__(kind)
        error.args = tuple(decode(part, self) for part in arguments)
        return error

    def _error_class(self, names: tuple[str, ...]) -> type[BaseException]:
        """An exception class: that of the standard library, or one of the same name and bases as the other side's."""
        if not names:
            return Exception
        module, _, name = names[0].partition(":")
        if module.partition(".")[0] in sys.stdlib_module_names:
            found = getattr(import_module(module), name, None)
            return found if isinstance(found, type) and issubclass(found, BaseException) else Exception
        if names not in self._errors:
            self._errors[names] = type(name, (self._error_class(names[1:]),), {})
        return self._errors[names]


async def _coroutine(remote: Remote) -> Any:
    return await remote


def _names(kind: type[BaseException]) -> list[str]:
    """`module:name` of an exception class and of those that it derives from, up to one of the standard library."""
    names: list[str] = []
    for base in kind.__mro__:
        names.append(f"{base.__module__}:{base.__qualname__}")
        if base.__module__.partition(".")[0] in sys.stdlib_module_names:
            break
    return names


def _replace(value: Any, new: Any) -> None:
    """Make a list, dictionary or set equal to another, as the call did on the other side."""
    if type(value) is not type(new):
        raise ValueError("another type of argument came back")
    if isinstance(value, list):
        value[:] = new
    else:
        value.clear()
        value.update(new)
