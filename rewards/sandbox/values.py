"""How values cross between a program and its tests: as data that is built anew, or as a number that stands for them.

Nothing is unpickled, so nothing of the program's runs on the side of the tests. JSON has None, booleans, numbers and
strings; everything else is a list with a tag:

    i large integer   b bytes   a bytearray   l list   t tuple   s set   f frozenset   d dictionary (keys and values)
    v one of `_BUILT` with its arguments   T built-in type   F built-in function   m module of the standard library
    x exception class by its and its bases' names   h object of the sender   o object of the receiver
"""

import builtins
import sys
from collections.abc import Callable
from importlib import import_module
from types import BuiltinFunctionType, ModuleType
from typing import Any, Protocol

Tree = Any  # JSON

_BUILT: dict[str, Callable[[Any], list[Any]]] = {
    "builtins.complex": lambda v: [v.real, v.imag],
    "builtins.range": lambda v: [v.start, v.stop, v.step],
    "builtins.slice": lambda v: [v.start, v.stop, v.step],
    "collections.Counter": lambda v: [dict(v)],
    "collections.OrderedDict": lambda v: [list(v.items())],
    "collections.defaultdict": lambda v: [None, dict(v)],
    "collections.deque": lambda v: [list(v), v.maxlen],
    "datetime.date": lambda v: [v.year, v.month, v.day],
    "datetime.datetime": lambda v: [v.year, v.month, v.day, v.hour, v.minute, v.second, v.microsecond, v.tzinfo],
    "datetime.time": lambda v: [v.hour, v.minute, v.second, v.microsecond, v.tzinfo],
    "datetime.timezone": lambda v: [v.utcoffset(None)],
    "datetime.timedelta": lambda v: [v.days, v.seconds, v.microseconds],
    "decimal.Decimal": lambda v: [str(v)],
    "fractions.Fraction": lambda v: [v.numerator, v.denominator],
    "pathlib.PosixPath": lambda v: [str(v)],
    "uuid.UUID": lambda v: [v.hex],
    "zoneinfo.ZoneInfo": lambda v: [v.key],
}
"""Types that are made anew from plain arguments."""

_MANY: dict[str, type] = {"l": list, "t": tuple, "s": set, "f": frozenset}
_TAGS: dict[type, str] = {kind: tag for tag, kind in _MANY.items()}

PLAIN: tuple[type[Any], ...] = (bool, int, float, str, bytes, bytearray, list, tuple, dict, set, frozenset)
"""An object of a class that derives from one of these can be looked at as such a value."""


class Side(Protocol):
    """What one end of the line knows of objects that are no data."""

    def number_of(self, value: object) -> list[Any]:
        """The tree of an object that is no data."""

    def object_of(self, tree: list[Any]) -> object:
        """What a tree with tag h, o or x stands for."""


def encode(value: Any, side: Side) -> Tree:
    """A value as JSON.

    Raises:
        RecursionError: it holds itself, or is nested too deeply.
    """
    kind = type(value)
    if value is None or kind in (bool, float, str):
        return value
    if kind is int:
        return value if -(2**63) <= value < 2**63 else ["i", hex(value)]
    if kind in (bytes, bytearray):
        return ["b" if kind is bytes else "a", value.hex()]
    if kind in _TAGS:
        return [_TAGS[kind], *[encode(item, side) for item in value]]
    if kind is dict:
        return ["d", *[[encode(key, side), encode(item, side)] for key, item in value.items()]]
    name = f"{kind.__module__}.{kind.__qualname__}"
    if name in _BUILT:
        return ["v", name, *[encode(part, side) for part in _BUILT[name](value)]]
    return _encode_named(value, kind) or side.number_of(value)


def _encode_named(value: Any, kind: Any) -> Tree:
    """What both sides have under the same name."""
    if kind not in (ModuleType, BuiltinFunctionType, type):
        return None
    name: str = value.__name__
    if kind is ModuleType:
        return ["m", name] if name.partition(".")[0] in sys.stdlib_module_names else None
    if getattr(builtins, name, None) is not value:
        return None
    return ["T" if kind is type else "F", name]


def decode(tree: Tree, side: Side) -> Any:
    """The value of a tree.

    Raises:
        ValueError: it is no such tree.
    """
    if not isinstance(tree, list):
        return tree
    tag, *rest = tree
    if tag in _MANY:
        return _MANY[tag](decode(item, side) for item in rest)
    match tag:
        case "d":
            return {decode(key, side): decode(item, side) for key, item in rest}
        case "i":
            return int(rest[0], 16)
        case "b" | "a":
            data = bytes.fromhex(rest[0])
            return data if tag == "b" else bytearray(data)
        case "v" if rest[0] in _BUILT:
            module, _, name = rest[0].partition(".")
            return getattr(import_module(module), name)(*[decode(part, side) for part in rest[1:]])
        case "T" | "F" | "m":
            return _decode_named(tag, rest[0])
    return side.object_of(tree)


def _decode_named(tag: str, name: str) -> Any:
    if tag == "m" and name.partition(".")[0] in sys.stdlib_module_names:
        return import_module(name)
    value = getattr(builtins, name, None)
    if isinstance(value, type if tag == "T" else BuiltinFunctionType):
        return value
    raise ValueError(f"no {name!r} here")


def plain(value: Any) -> Any:
    """The data in an object of a class that derives from a type of data.

    Raises:
        TypeError: it is no such object.
    """
    for kind in PLAIN:
        if isinstance(value, kind):
            return kind(value)
    raise TypeError(f"a {type(value).__name__} is no data")
