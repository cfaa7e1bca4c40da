"""A cell: one process that is shut in, and its keeper, seen from the guard."""

import fcntl
import json
import math
import os
import resource
import select
import signal
from collections.abc import Callable, Mapping
from contextlib import suppress
from itertools import pairwise
from time import monotonic
from typing import Any, NoReturn

from rewards.sandbox import kernel, root, seccomp
from rewards.sandbox.limits import Limits

INSIDE = 1000
"""User and group of a program, as it sees them itself."""

_ERRORS_KEPT = 4096
_OPEN_FILES = 64

Wiring = Mapping[int, int]
"""Descriptor in the cell -> descriptor of the guard, which is handed over."""


class Cell:
    """A running cell. Its `sinks` are read until all are closed, which is when no process of it is left."""

    def __init__(self, work: Callable[[], None], limits: Limits, wiring: Wiring, *, prints: bool = False) -> None:
        self.limits = limits
        self.killed = ""
        self._output, self._errors, self._report = bytearray(), bytearray(), bytearray()
        told, report = os.pipe()
        errors, stderr = os.pipe()
        self.sinks = {told: self._report, errors: self._errors}
        inside = {0: _null(), 1: _null(), 2: stderr, **wiring}
        if prints:
            os.close(inside[1])
            output, inside[1] = os.pipe()
            self.sinks[output] = self._output
        guard = os.getpid()
        self._keeper = os.fork()
        if not self._keeper:
            _keep(guard, report, work, limits, inside)
        for fd in (report, *inside.values()):
            os.close(fd)

    def read(self, fd: int) -> None:
        """Take what one of the `sinks` holds."""
        part = os.read(fd, 65536)
        self.sinks[fd].extend(part)
        if not part:
            os.close(fd)
            del self.sinks[fd]
        del self._errors[:-_ERRORS_KEPT]
        if len(self._output) > self.limits.output_kb * 1024:
            self.kill("output")

    def kill(self, why: str) -> None:
        """End the keeper, and with it every process of the cell."""
        self.killed = self.killed or why
        with suppress(ProcessLookupError):
            os.kill(self._keeper, signal.SIGKILL)

    def ended(self) -> dict[str, Any]:
        """What became of it, once all `sinks` are closed: the fields of `rewards.sandbox.launch.Run`."""
        os.waitpid(self._keeper, 0)
        told: dict[str, Any] = json.loads(self._report.split(b"\n")[0] or b"{}")
        if not told and not self.killed:
            told = {"broken": "the keeper of a program was killed"}
        size = self.limits.output_kb * 1024
        return {
            "exit": None,
            "cpu": 0.0,
            "broken": "",
            **told,
            "killed": self.killed,
            "output": self._output[:size].decode("utf-8", "replace"),
            "errors": self._errors.decode("utf-8", "replace"),
        }


def watch(cells: list[Cell]) -> list[dict[str, Any]]:
    """Wait until all have ended, and kill those that take too long or print too much.

    What the last one is there for is over when it has ended, so the others are killed then. If the worker is gone, this
    process ends, and so all of them.
    """
    poll = select.poll()
    poll.register(0, 0)  # a hang-up is always told
    owners = {fd: cell for cell in cells for fd in cell.sinks}
    for fd in owners:
        poll.register(fd, select.POLLIN)
    deadline = monotonic() + max(cell.limits.wall_seconds for cell in cells)
    while owners:
        for fd, _ in poll.poll(max(deadline - monotonic(), 0.0) * 1000 if deadline < math.inf else None):
            if fd == 0:
                os._exit(1)
            owners[fd].read(fd)
            if fd not in owners[fd].sinks:
                poll.unregister(fd)
                del owners[fd]
        over = not cells[-1].sinks
        if over or monotonic() > deadline:
            deadline = math.inf
            for cell in set(owners.values()):
                cell.kill("over" if over else "time")
    return [cell.ended() for cell in cells]


def _null() -> int:
    return os.open(os.devnull, os.O_RDWR)


def _keep(guard: int, report: int, work: Callable[[], None], limits: Limits, wiring: Wiring) -> NoReturn:
    """The keeper: its child is process 1 of a new PID namespace; it reports how the child ended."""
    try:
        kernel.die_with_parent()
        if os.getppid() != guard:  # it went before that took effect
            os._exit(1)
        kernel.unshare(kernel.NEWPID | kernel.NEWNS)
        root.private_tmp(4 * limits.file_mb)
        line = os.pipe()
        child = os.fork()
        if not child:
            _be(report, work, limits, wiring, line)
        _close_all_but(report, line[1])
        _, status, usage = os.wait4(child, 0)
        _tell(report, exit=os.waitstatus_to_exitcode(status), cpu=usage.ru_utime + usage.ru_stime)
    except OSError as error:
        _tell(report, broken=error.strerror or str(error))
    os._exit(0)


def _be(report: int, work: Callable[[], None], limits: Limits, wiring: Wiring, line: tuple[int, int]) -> NoReturn:
    """The child: shuts itself in, then works. Whatever happens, it does not return into the code of its parents."""
    try:
        try:
            _shut_in(limits, line)
        except (OSError, ValueError) as error:
            _tell(report, broken=str(error))
            os._exit(1)
        _rewire(wiring)
        work()
    finally:
        os._exit(1)


def _shut_in(limits: Limits, line: tuple[int, int]) -> None:
    """Give up everything that a program must not have. The order matters: each step needs what a later one takes."""
    alive, held_by_keeper = line
    os.close(held_by_keeper)
    os.setsid()
    os.chdir(root.TMP)
    for limit, most in _resources(limits).items():
        hard = resource.getrlimit(limit)[1]
        value = most if hard == resource.RLIM_INFINITY else min(most, hard)
        resource.setrlimit(limit, (value, value))
    if os.getuid() == 0:
        os.setgroups([])
    os.setresgid(INSIDE, INSIDE, INSIDE)
    os.setresuid(INSIDE, INSIDE, INSIDE)
    kernel.die_with_parent()  # a change of user would undo it
    if select.select([alive], [], [], 0)[0]:
        raise OSError("the keeper of a program was killed")
    kernel.drop_privileges()
    kernel.filter_syscalls(seccomp.deny_list(fork=limits.fork))


def _resources(limits: Limits) -> dict[int, int]:
    return {
        resource.RLIMIT_CPU: math.ceil(limits.cpu_seconds),
        resource.RLIMIT_AS: limits.memory_mb * 2**20,
        resource.RLIMIT_FSIZE: limits.file_mb * 2**20,
        resource.RLIMIT_NPROC: limits.tasks,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }


def _rewire(wiring: Wiring) -> None:
    """Give this process the descriptors of the wiring, and no others."""
    above = max(wiring) + 1
    copies = {inside: fcntl.fcntl(fd, fcntl.F_DUPFD, above) for inside, fd in wiring.items()}
    for inside, fd in copies.items():
        os.dup2(fd, inside)
    _close_all_but(*wiring)


def _close_all_but(*kept: int) -> None:
    for low, high in pairwise([-1, *sorted(kept), 2**20]):
        if low + 1 < high:  # of an empty range os.closerange(0, 0) makes all
            os.closerange(low + 1, high)


def _tell(report: int, **fields: Any) -> None:
    os.write(report, json.dumps(fields).encode() + b"\n")
