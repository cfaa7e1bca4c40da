"""Stands for an object on the other side of the line."""

from collections.abc import Callable, Generator
from typing import Any, Protocol

from rewards.sandbox.operations import BINARY, OPERATIONS, UNARY


class Line(Protocol):
    """The way to the other side."""

    def ask(self, operation: str, *operands: Any) -> Any:
        """Have the other side do something."""


class Remote:
    """An object of the other side.

    It takes calls, attributes, indexing, iteration and so on. Among objects of the other side, operators are the other
    side's. But where one meets a value of ours, as in `==`, `in` or `-`, the other side does not learn the value and
    has no say: the object counts as the data that it is made of, or is unequal if it is made of none.
    """

    __slots__ = ("__data", "__kind", "__number", "__peer")

    def __init__(self, peer: Line, number: int, kind: type) -> None:
        for name, value in (("peer", peer), ("number", number), ("kind", kind), ("data", [])):
            object.__setattr__(self, f"_Remote__{name}", value)

    @property  # type: ignore[misc]
    def __class__(self) -> type:
        """For `isinstance(x, dict)` and the like."""
        kind: type = self.__kind
        return kind

    def __getattr__(self, name: str) -> Any:
        return self.__peer.ask("get", self, name)

    def __setattr__(self, name: str, value: Any) -> None:
        self.__peer.ask("set", self, name, value)

    def __call__(self, *arguments: Any, **named: Any) -> Any:
        """Call it on the other side."""
        return self.__peer.ask("call", self, list(arguments), named)

    def __getitem__(self, key: Any) -> Any:
        return self.__peer.ask("item", self, key)

    def __setitem__(self, key: Any, value: Any) -> None:
        self.__peer.ask("put", self, key, value)

    def __delitem__(self, key: Any) -> None:
        self.__peer.ask("drop", self, key)

    def __instancecheck__(self, value: Any) -> bool:
        return bool(self.__peer.ask("isinstance", self, value))

    def __hash__(self) -> int:
        return int(self.__peer.ask("hash", self))

    def __round__(self, digits: int | None = None) -> Any:
        return self.__peer.ask("round", self, digits)

    def __enter__(self) -> Any:
        return self.__getattr__("__enter__")()

    def __exit__(self, *_: object) -> Any:
        return self.__getattr__("__exit__")(None, None, None)

    def __await__(self) -> Generator[None, None, Any]:
        yield from ()  # nothing else runs meanwhile: the other side comes back at the end
        return self.__peer.ask("await", self)

    def __aiter__(self) -> Any:
        return self.__getattr__("__aiter__")()

    def __anext__(self) -> Any:
        return self.__getattr__("__anext__")()

    def __aenter__(self) -> Any:
        return self.__getattr__("__aenter__")()

    def __aexit__(self, *_: object) -> Any:
        return self.__getattr__("__aexit__")(None, None, None)

    def __eq__(self, other: object) -> bool:
        if type(other) is Remote:
            return bool(self.__peer.ask("eq", self, other))
        try:
            return bool(data_of(self) == other)
        except TypeError:
            return False


def data_of(remote: Remote) -> Any:
    """The data that it is made of. Asked for once if it cannot change, so that it is one value, not one a question.

    Raises:
        TypeError: it is made of none.
    """
    peer, kind, known = (object.__getattribute__(remote, f"_Remote__{name}") for name in ("peer", "kind", "data"))
    if known:
        return known[0]
    data = peer.ask("plain", remote)
    if type(data) is not kind:
        raise TypeError(f"no data: {type(data).__name__}")
    if kind in (int, float, str, bytes, tuple, frozenset):
        known.append(data)
    return data


def remote_number(remote: Remote) -> int:
    """Its number on the other side."""
    number: int = object.__getattribute__(remote, "_Remote__number")
    return number


def _define_operators() -> None:
    def ask(remote: Remote, operation: str, *operands: Any) -> Any:
        return object.__getattribute__(remote, "_Remote__peer").ask(operation, remote, *operands)

    def unary(name: str) -> Callable[[Remote], Any]:
        return lambda self: ask(self, name)

    def binary(name: str) -> Callable[[Remote, Any], Any]:
        function = OPERATIONS[name]
        return lambda self, other: ask(self, name, other) if type(other) is Remote else function(data_of(self), other)

    def reflected(name: str) -> Callable[[Remote, Any], Any]:
        function = OPERATIONS[name]
        return lambda self, other: function(other, data_of(self))

    for name in (*UNARY, "len", "iter", "next", "reversed", "bool", "str", "repr", "int", "float"):
        setattr(Remote, f"__{name}__", unary(name))
    for name in BINARY:
        word = name.rstrip("_")
        setattr(Remote, f"__{word}__", binary(name))
        if name not in ("lt", "le", "gt", "ge"):
            setattr(Remote, f"__r{word}__", reflected(name))


_define_operators()
