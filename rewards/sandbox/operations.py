"""What one side of the line can be told to do to an object of its own, by name."""

import operator
from collections.abc import Awaitable, Callable
from functools import cache
from typing import Any

from rewards.sandbox.values import plain

BINARY = (
    *("lt", "le", "gt", "ge", "add", "sub", "mul", "truediv", "floordiv", "mod", "pow", "matmul"),
    *("and_", "or_", "xor", "lshift", "rshift"),
)
UNARY = ("neg", "pos", "invert", "abs", "index")


def awaited(value: Awaitable[Any]) -> Any:
    """Run an awaitable to its end, on the one event loop of this process."""

    async def result() -> Any:
        return await value

    return _runner().run(result())


@cache
def _runner() -> Any:
    from asyncio import Runner  # few programs need it

    return Runner()


OPERATIONS: dict[str, Callable[..., Any]] = {
    "call": lambda function, arguments, named: function(*arguments, **named),
    "get": getattr,
    "set": setattr,
    "item": operator.getitem,
    "put": operator.setitem,
    "drop": operator.delitem,
    "isinstance": lambda kind, value: isinstance(value, kind),
    "eq": operator.eq,
    "plain": plain,
    "await": awaited,
    **{
        function.__name__: function
        for function in (len, iter, next, reversed, bool, str, repr, hash, int, float, round)
    },
    **{name: getattr(operator, name) for name in (*BINARY, *UNARY)},
}
