"""Messages over pipes: four bytes of length, then JSON."""

import json
import os
from typing import Any

LARGEST = 16 * 2**20
"""Bytes of a message that comes from a sandbox."""


class BrokenFrame(Exception):  # noqa: N818  (what arrived, not what we did)
    """What arrived is no message; `receive` raises it."""


def send(fd: int, message: Any) -> None:
    """Write a message.

    Raises:
        BrokenPipeError: nobody reads any more.
    """
    data = json.dumps(message).encode()
    left = memoryview(len(data).to_bytes(4, "big") + data)
    while left:
        left = left[os.write(fd, left) :]


def receive(fd: int, largest: int = 2**32) -> Any:
    """Read a message; None at the end.

    Raises:
        BrokenFrame: it is longer than `largest`, is cut off, or is no JSON.
    """
    head = _read(fd, 4)
    if not head:
        return None
    size = int.from_bytes(head, "big")
    if size > largest:
        raise BrokenFrame(f"a message of {size} bytes")
    data = _read(fd, size)
    if len(data) < size:
        raise BrokenFrame("a message was cut off")
    try:
        return json.loads(data)
    except (ValueError, RecursionError) as error:
        raise BrokenFrame("a message that is no JSON") from error


def _read(fd: int, size: int) -> bytes:
    data = bytearray()
    while len(data) < size and (part := os.read(fd, min(size - len(data), 2**20))):
        data += part
    return bytes(data)
