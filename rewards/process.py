"""The pool's side of one worker process: starting it, sending it a task, reading its slot, killing it.

Workers are started as fresh interpreters by path. Nothing of the caller is forked, its `__main__` is not run again (as
multiprocessing's spawn and forkserver would), and each worker has a pipe and memory of its own, so a kill at any moment
damages nobody else.
"""

import json
import os
import pickle
import signal
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import Pipe

import pyarrow as pa

from rewards.judged import Judged, from_slot
from rewards.slot import STARTED, Phase, Slot, shared_file
from schemas.errors import StageStopped

_BOOT = "import sys, json; sys.path[:] = json.loads(sys.argv[2]); from rewards.worker import main; main()"

STILLBORN = 3
"""Workers in a row that may die before they are ready."""


@dataclass(slots=True)
class Task:
    """Rows to judge."""

    table: pa.Table
    """The columns that are sent."""
    rows: pa.Array
    """Their numbers in the input table."""
    tries: int = 0
    """Workers that were lost over it before they finished a row."""

    def part(self, places: list[int], tries: int = 0) -> "Task":
        """Some rows of it."""
        taken = pa.array(places, pa.int64())
        return Task(self.table.take(taken), self.rows.take(taken), tries)


class Worker:
    """One worker process."""

    def __init__(self, memory_mb: int) -> None:
        self.task: Task | None = None
        self.ready = False
        self.known: set[str] = set()
        self.since = time.monotonic()
        """When it was started, or sent its task."""
        self._reported: set[int] = set()
        self._complete = False
        slot = shared_file()
        self.slot = Slot(slot)
        self.slot.clear(Phase.BETWEEN)
        self.connection, theirs = Pipe()
        lifeline, self._lifeline = os.pipe()
        fds = {"connection": theirs.fileno(), "slot": slot, "lifeline": lifeline}
        path = [entry or os.getcwd() for entry in sys.path]  # noqa: PTH109
        self.process = subprocess.Popen(
            [sys.executable, "-P", "-c", _BOOT, json.dumps({**fds, "memory_mb": memory_mb}), json.dumps(path)],
            stdin=subprocess.DEVNULL,
            pass_fds=tuple(fds.values()),
            start_new_session=True,  # Ctrl-C is the pool's; and what a rule starts dies with it
        )
        theirs.close()
        os.close(slot)
        os.close(lifeline)

    def assign(self, task: Task) -> None:
        """Give an idle worker a task; `send` follows."""
        self.task, self.since = task, time.monotonic()
        self._reported.clear()
        self._complete = False
        self.slot.clear(Phase.BETWEEN)

    def send(self, key: str, job: bytes) -> None:
        """Send its task to a worker; it is idle, and so is reading.

        Raises:
            OSError: it is dead.
        """
        assert self.task is not None  # noqa: S101  (assigned before)
        columns = [column.to_pylist() for column in self.task.table.columns]
        message = (key, None if key in self.known else job, self.task.tries > 0, len(self.task.rows), columns)
        self.connection.send_bytes(pickle.dumps(message, protocol=5))
        self.known.add(key)

    def harvest(self) -> Judged | None:
        """The rows that have finished since the last call."""
        if self.task is None or self._complete:
            return None
        codes = bytes(self.slot.codes[: len(self.task.rows)])
        self._complete = max(codes) < STARTED
        if self._complete and not self._reported:
            return from_slot(self.slot, self.task.rows, range(len(codes)))
        finished = [row for row, code in enumerate(codes) if code < STARTED and row not in self._reported]
        if not finished:
            return None
        self._reported.update(finished)
        return from_slot(self.slot, self.task.rows, finished)

    def unfinished(self) -> list[int]:
        """Places of the task's rows without an outcome."""
        count = len(self.task.rows) if self.task else 0
        return [row for row, code in enumerate(bytes(self.slot.codes[:count])) if code >= STARTED]

    def in_flight(self) -> dict[int, float]:
        """Async form: rows that were begun, and when."""
        count = len(self.task.rows) if self.task else 0
        codes = bytes(self.slot.codes[:count])
        return {row: self.slot.seconds[row] for row, code in enumerate(codes) if code == STARTED}

    def kill(self) -> None:
        """End it and everything that it started, at once."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self.process.pid, signal.SIGKILL)

    def bury(self) -> str:
        """Release what it held, after its death; says how it died."""
        self.kill()
        code = self.process.wait()
        self.connection.close()
        os.close(self._lifeline)
        return f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"

    def forget(self) -> None:
        """Drop its memory, once it has been read."""
        self.slot.close()


class Crew:
    """The workers of a pool."""

    def __init__(self, most: int, memory_mb: int) -> None:
        self.most = most
        self.workers: list[Worker] = []
        self._memory_mb = memory_mb
        self._stillborn = 0

    def hire(self) -> None:
        """Start one more worker."""
        self.workers.append(Worker(self._memory_mb))

    def welcome(self, worker: Worker) -> None:
        """Note that a worker is ready."""
        worker.ready = True
        self._stillborn = 0

    def lose(self, worker: Worker) -> str:
        """Take a dead worker off the list; says how it died. Its slot can be read until `forget`.

        Raises:
            StageStopped: workers die before they are ready.
        """
        self.workers.remove(worker)
        how = worker.bury()
        self._stillborn += not worker.ready
        if self._stillborn >= STILLBORN:
            raise StageStopped(f"worker processes do not start ({how}); can {sys.executable} run by itself?")
        return how

    def dismiss(self, workers: list[Worker]) -> None:
        """End workers at once."""
        for worker in workers:
            worker.kill()
        for worker in list(workers):
            self.workers.remove(worker)
            worker.bury()
            worker.forget()
