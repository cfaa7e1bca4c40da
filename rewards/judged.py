"""Finished rows, as columns."""

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc

from rewards.slot import CODES, Slot

STATUSES = pa.array([status.value for status in CODES])


@dataclass(frozen=True, slots=True)
class Judged:
    """A block of finished rows."""

    rows: pa.Array
    """int64: their numbers in the input table."""
    status: pa.Array
    """Dictionary of strings: ok, skip, error or timeout."""
    value: pa.Array
    """float64: finite where the status is ok, else null."""
    reason: pa.Array
    """string: empty where there is nothing to say."""
    seconds: pa.Array
    """float64: how long the rule took; null where nobody measured."""

    def __len__(self) -> int:
        return len(self.rows)

    def take(self, places: pa.Array) -> "Judged":
        """The rows at these places of the block."""
        columns = (self.rows, self.status, self.value, self.reason, self.seconds)
        return Judged(*(column.take(places) for column in columns))

    @property
    def codes(self) -> bytes:
        """A byte a row: the place of its status in `rewards.slot.CODES`."""
        indices = self.status.indices
        return bytes(memoryview(indices.buffers()[1])[indices.offset : indices.offset + len(indices)])


def block(rows: pa.Array, codes: pa.Array, value: pa.Array, reason: pa.Array | None, seconds: pa.Array) -> Judged:
    """A block from the codes of `rewards.slot.CODES` (int8)."""
    if reason is None:
        reason = pa.repeat("", len(rows))
    if (there := pc.equal(codes, 0)).false_count:
        value = pc.if_else(there, value, pa.scalar(None, pa.float64()))
    return Judged(rows, pa.DictionaryArray.from_arrays(codes, STATUSES), value, reason, seconds)


def same(rows: pa.Array, code: int, reason: str, seconds: float = 0.0) -> Judged:
    """A block whose rows have one outcome that is not ok."""
    count = len(rows)
    nothing = pa.nulls(count, pa.float64())
    codes = pa.repeat(pa.scalar(code, pa.int8()), count)
    return block(rows, codes, nothing, pa.repeat(reason, count), pa.repeat(seconds, count))


def from_slot(slot: Slot, rows: pa.Array, finished: Sequence[int]) -> Judged:
    """A block of the finished rows of a worker's task.

    Args:
        slot: the worker's memory.
        rows: the numbers of the task's rows.
        finished: which of them are meant, as places in the task, ascending.
    """
    count = len(rows)
    codes = pa.Array.from_buffers(pa.int8(), count, [None, pa.py_buffer(bytes(slot.codes[:count]))])
    value = pa.Array.from_buffers(pa.float64(), count, [None, pa.py_buffer(slot.values[:count].tobytes())])
    seconds = pa.Array.from_buffers(pa.float64(), count, [None, pa.py_buffer(slot.seconds[:count].tobytes())])
    if len(finished) < count:
        places = pa.array(finished, pa.int64())
        rows, codes, value, seconds = (column.take(places) for column in (rows, codes, value, seconds))
    reason = pa.array(slot.reasons(finished), pa.string()) if any(slot.lengths[:count]) else None
    return block(rows, codes, value, reason, seconds)
