"""A worker process's memory that the pool can read, whatever becomes of the process.

The worker writes here the row that it is on and when it started, and each finished row's outcome. What is written
outlives a kill, so finished rows keep their outcomes and reasons, and the row that was running is known.
"""

import mmap
import os
import sys
import tempfile
from collections.abc import Iterable
from enum import IntEnum

from rewards.outcome import Status

ROWS = 2048
"""Most rows of a task."""
REASON_BYTES = 480
"""Longest stored reason, in bytes of UTF-8."""

_HEADER = 32
_SECONDS = _HEADER
_VALUES = _SECONDS + 8 * ROWS
_LENGTHS = _VALUES + 8 * ROWS
_CODES = _LENGTHS + 2 * ROWS
_REASONS = _CODES + ROWS
SIZE = _REASONS + REASON_BYTES * ROWS

CODES = (Status.OK, Status.SKIP, Status.ERROR, Status.TIMEOUT)
"""A finished row's code is the place of its status here."""
STARTED = 254
"""Code of a row of an async rule that is in flight; `seconds` then holds the time at which it started."""
OPEN = 255
"""Code of a row that was not begun."""


_FRESH = bytes(2 * ROWS) + bytes([OPEN]) * ROWS


class Phase(IntEnum):
    """What stands in the header instead of the first row of a call."""

    BETWEEN = -1
    LOADING = -2
    RETIRED = -3
    """The worker ends by itself, because its memory is full; its open rows go to another."""


class Slot:
    """Both sides' view of one worker's memory. One task at a time."""

    def __init__(self, fd: int) -> None:
        self.memory = mmap.mmap(fd, SIZE)
        whole = memoryview(self.memory)
        self.call = whole[:16].cast("q")
        """First row of the running call (or a `Phase`), and how many rows it has."""
        self.since = whole[16:24].cast("d")
        """When the running call started, on the monotonic clock."""
        self.seconds = whole[_SECONDS:_VALUES].cast("d")
        self.values = whole[_VALUES:_LENGTHS].cast("d")
        self.lengths = whole[_LENGTHS:_CODES].cast("H")
        self.codes = whole[_CODES:_REASONS]
        self._whole = whole

    def clear(self, phase: Phase) -> None:
        """Before a task."""
        self.call[0], self.call[1] = phase, 0
        self.since[0] = 0.0
        self._whole[_LENGTHS:_REASONS] = _FRESH

    def explain(self, row: int, reason: str) -> None:
        """Store a row's reason, cut to what fits; before its code."""
        data = reason.encode("utf-8", "replace")[:REASON_BYTES]
        start = _REASONS + REASON_BYTES * row
        self.memory[start : start + len(data)] = data
        self.lengths[row] = len(data)

    def reasons(self, rows: Iterable[int]) -> list[str]:
        """The reasons of rows."""
        found = []
        for row in rows:
            start = _REASONS + REASON_BYTES * row
            found.append(self.memory[start : start + self.lengths[row]].decode("utf-8", "ignore"))
        return found

    def close(self) -> None:
        """Unmap the memory."""
        for view in (self.call, self.since, self.seconds, self.values, self.lengths, self.codes, self._whole):
            view.release()
        self.memory.close()


def shared_file() -> int:
    """A file without a name, as large as a slot; it is gone with the last process that has it open."""
    if sys.platform == "linux":
        fd = os.memfd_create("datakit-worker")
    else:
        with tempfile.TemporaryFile() as file:
            fd = os.dup(file.fileno())
    os.ftruncate(fd, SIZE)
    return fd
