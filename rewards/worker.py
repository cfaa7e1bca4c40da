"""The worker process: calls rules on the rows that it is sent, and writes what they say into its slot.

Started by rewards/process.py. It ends when its pool does, even if the pool's process is killed.
"""

import fcntl
import io
import json
import os
import pickle
import resource
import signal
import sys
from collections.abc import Sequence
from multiprocessing.connection import Connection
from typing import Any, NoReturn

from rewards.calls import Loaded, load
from rewards.rule import Form
from rewards.run_sync import run_batch, run_rows
from rewards.slot import Phase, Slot


def main() -> NoReturn:
    """Serve tasks until the pool hangs up. Arguments: a JSON object of file descriptors and the memory limit."""
    given = json.loads(sys.argv[1])
    for name in ("connection", "slot", "lifeline"):
        os.set_inheritable(given[name], False)
    die_with(given["lifeline"])
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the pool decides
    connection = Connection(given["connection"])
    connection.send(None)
    _hush()
    worker = _Worker(Slot(given["slot"]), given["memory_mb"])
    while True:
        try:
            message = connection.recv_bytes()
        except (EOFError, OSError):
            os._exit(0)
        connection.send(worker.work(message))


def die_with(lifeline: int) -> None:
    """Have the kernel kill this process group as soon as the other end of the pipe is closed.

    That is when the pool's process is gone, however it went. A thread that waits for it would not do: a rule that
    hangs in C code holds the interpreter. Elsewhere than on Linux a worker ends after its task.
    """
    if sys.platform == "linux":
        fcntl.fcntl(lifeline, fcntl.F_SETOWN, -os.getpgid(0))
        fcntl.fcntl(lifeline, fcntl.F_SETSIG, signal.SIGKILL)
        fcntl.fcntl(lifeline, fcntl.F_SETFL, os.O_ASYNC | os.O_NONBLOCK)
        try:
            if os.read(lifeline, 1) == b"":  # it was closed before
                os._exit(0)
        except BlockingIOError:
            return


class _Nowhere(io.TextIOWrapper):
    """Where rules print to. One rule cannot close it for the next."""

    def close(self) -> None:
        return


def _hush() -> None:
    """Keep what rules print, and what C code prints when it crashes, off the terminal and out of pipes."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(nowhere, fd)
    sys.stdout = sys.stderr = _Nowhere(open(nowhere, "wb"), encoding="utf-8", errors="replace")  # noqa: PTH123, SIM115


class _Worker:
    def __init__(self, slot: Slot, memory_mb: int) -> None:
        self.slot = slot
        self.memory_mb = memory_mb
        self.loaded: dict[str, Loaded] = {}
        self.asyncs: Any = None  # made when needed: asyncio is slow to import
        self.judged = 0

    def work(self, message: bytes) -> str | None:
        """Do one task; returns why the rule cannot be loaded, if so."""
        key, job, again, rows, columns = pickle.loads(message)  # noqa: S301  (from the pool)
        if key not in self.loaded:
            self.slot.call[0] = Phase.LOADING
            _lift_limit()
            loaded = load(job)
            _limit_memory(self.memory_mb)
            if isinstance(loaded, str):
                return loaded
            self.loaded[key] = loaded
            self.slot.call[0] = Phase.BETWEEN
        rule = self.loaded[key]
        match rule.job.form:
            case Form.ASYNC:
                self._run_async(rule, columns, rows)
            case Form.BATCH:
                run_batch(self.slot, rule, columns, rows)
            case _:
                run_rows(self.slot, rule, columns, rows, fresh=again or not self.judged)
        self.judged += rows
        return None

    def _run_async(self, rule: Loaded, columns: Sequence[list[Any]], rows: int) -> None:
        from rewards.run_async import AsyncRunner

        self.asyncs = self.asyncs or AsyncRunner(self.slot)
        self.asyncs.run(rule, columns, rows)


def _lift_limit() -> None:
    hard = resource.getrlimit(resource.RLIMIT_AS)[1]
    resource.setrlimit(resource.RLIMIT_AS, (hard, hard))


def _limit_memory(memory_mb: int) -> None:
    """Let the address space grow by so much beyond what the imports took."""
    if sys.platform == "linux":
        with open("/proc/self/statm") as file:  # noqa: PTH123  (pathlib's import is not free)
            size = int(file.read().split()[0]) * resource.getpagesize()
        hard = resource.getrlimit(resource.RLIMIT_AS)[1]
        limit = size + memory_mb * 2**20
        resource.setrlimit(resource.RLIMIT_AS, (limit if hard == resource.RLIM_INFINITY else min(limit, hard), hard))
