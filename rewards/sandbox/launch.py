"""The way into the sandbox, from a worker process. Needs neither the main thread nor signals."""

import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from threading import local
from typing import Any
from weakref import finalize

from rewards.sandbox.cell import INSIDE
from rewards.sandbox.frames import BrokenFrame, receive, send
from rewards.sandbox.guard import main as guard
from rewards.sandbox.judge import Suite
from rewards.sandbox.limits import Limits
from rewards.sandbox.root import TMP
from schemas.errors import RuleError

# `rewards` is made by hand: its own __init__ needs packages, and the guard has only the standard library
_BOOT = f"""
import sys, types
sys.modules["rewards"] = package = types.ModuleType("rewards")
package.__path__ = [sys.argv[1]]
from {guard.__module__} import main
main()
"""
_ENVIRONMENT = {
    "HOME": TMP,
    "LANG": "C.UTF-8",
    "PYTHONHASHSEED": "0",  # a program that prints a set prints the same each time
    "MALLOC_ARENA_MAX": "2",  # otherwise each thread takes 64 MiB of address space
}
_NOBODY = 65534
_HERE = local()
_GRACE = 20.0
"""Seconds that the guard may take beyond the limits of what it runs."""


@dataclass(frozen=True, slots=True)
class Run:
    """How a program ended."""

    exit: int | None
    """Its exit status; negative: the signal that killed it; None if `killed`."""
    cpu: float
    """CPU time in seconds."""
    killed: str
    """Why the guard killed it: `time`, `output`, or `over` (nothing more was wanted of it)."""
    output: str
    errors: str
    """The end of its standard error."""

    def failure(self, limits: Limits) -> str:
        """Why it is no success, in one line; nothing if it is."""
        if self.killed == "time":
            return f"took more than {limits.wall_seconds:g} s"
        if self.killed == "output":
            return f"printed more than {limits.output_kb} KiB"
        if self.exit is None or self.exit == 0:
            return ""
        if self.exit == -signal.SIGKILL and self.cpu > limits.cpu_seconds / 2:  # the kernel's two clocks differ
            return f"took more than {limits.cpu_seconds:g} s of CPU time"
        if self.exit < 0:
            return f"was killed by signal {-self.exit}"
        return self.errors.strip().rpartition("\n")[2][:200] or f"ended with status {self.exit}"


@dataclass(frozen=True, slots=True)
class Result:
    """What the tests say of a program."""

    passed: int
    cases: int
    reason: str
    """The first failure, in one line."""


class Sandbox:
    """A guard process, which runs programs one after another. It and all of them end with the `with` block, with this
    object, or with the thread that made it.

    Raises:
        RuleError: this system cannot isolate programs; nothing has run then.
    """

    def __init__(self) -> None:
        if sys.platform != "linux":
            raise _cannot(f"namespaces and seccomp are Linux's, this is {sys.platform}")
        python = [str(Path(sys.executable).resolve()), "-S", "-s", "-P", "-X", "utf8"]
        self._guard = subprocess.Popen(
            [*python, "-c", _BOOT, str(Path(__file__).parents[1])],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_ENVIRONMENT,
            cwd="/",
            bufsize=0,
        )
        self.close = finalize(self, _end, self._guard, os.getpid())
        """Ends it; done at the latest when this object goes or the process exits."""
        self._owner = os.getpid()
        self._busy = False
        with self._job():
            self._expect(_GRACE)
            self._map_users()
            self._tell({})
            self._expect(_GRACE)

    @property
    def usable(self) -> bool:
        """Whether it can take another program: not if one was interrupted, nor in a fork of its process."""
        return self.close.alive and not self._busy and self._owner == os.getpid()

    def __enter__(self) -> "Sandbox":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @contextmanager
    def _job(self) -> Iterator[None]:
        """After any failure in it there may be an answer left that belongs to no question, so that is the end."""
        if not self.usable:
            raise RuleError("the sandbox was closed")
        self._busy = True
        try:
            yield
        except BaseException:
            self.close()
            raise
        self._busy = False

    def run(self, source: str, given: str, limits: Limits) -> Run:
        """Run a program as a script.

        Args:
            source: the program.
            given: its standard input.
            limits: what it may use.

        Raises:
            RuleError: the sandbox failed.
        """
        with self._job():
            self._tell({"tested": False, "source": source, "given": given, "limits": asdict(limits)})
            return _run_of(self._expect(limits.wall_seconds + _GRACE)["program"])

    def test(self, source: str, tests: Suite, limits: Limits) -> Result:
        """Run a program and its tests, each in a cell of its own with these limits.

        Raises:
            RuleError: the sandbox failed.
        """
        with self._job():
            self._tell({"tested": True, "source": source, "limits": asdict(limits)})
            self._tell(asdict(tests))
            answer = self._expect(limits.wall_seconds + _GRACE)
            program, judging = _run_of(answer["program"]), _run_of(answer["tests"])
        verdict = answer["verdict"]
        if verdict is None:
            why = program.failure(limits) or f"the tests: {judging.failure(limits) or 'ended without a verdict'}"
            return Result(0, 1, why)
        tested = Result(**verdict)
        if tested.reason or tested.passed == tested.cases:
            return tested
        ended = program.failure(limits) or "the program ended before its tests did"
        return Result(tested.passed, tested.cases, ended)

    def _map_users(self) -> None:
        """Give the guard's user namespace its users: ours, and as root another one, who owns nothing, for programs."""
        process = Path(f"/proc/{self._guard.pid}")
        user, group = os.geteuid(), os.getegid()
        try:
            if user == 0:
                users = groups = f"0 0 1\n{INSIDE} {_NOBODY} 1"
            else:
                users, groups = f"{INSIDE} {user} 1", f"{INSIDE} {group} 1"
                (process / "setgroups").write_text("deny")
            (process / "gid_map").write_text(groups)
            (process / "uid_map").write_text(users)
        except OSError as error:
            raise _cannot(f"user namespace: {error.strerror}") from error

    def _tell(self, message: dict[str, Any]) -> None:
        try:
            send(self._pipe(self._guard.stdin), message)
        except OSError as error:
            raise RuleError("the sandbox's guard process ended") from error

    def _expect(self, seconds: float) -> dict[str, Any]:
        out = self._pipe(self._guard.stdout)
        poll = select.poll()
        poll.register(out, select.POLLIN)
        if not poll.poll(seconds * 1000):
            raise RuleError(f"the sandbox's guard process said nothing for {seconds:g} s")
        try:
            answer: dict[str, Any] = receive(out) or {"broken": "its guard process could not start, or was killed"}
        except BrokenFrame as error:
            raise RuleError(f"the sandbox's guard process sent {error}") from error
        if broken := answer.get("broken"):
            raise _cannot(broken)
        return answer

    @staticmethod
    def _pipe(pipe: Any) -> int:
        fd: int = pipe.fileno()
        return fd


def sandbox_here() -> Sandbox:
    """The sandbox of this thread, made when it is first wanted; making one takes longer than most programs.

    Raises:
        RuleError: this system cannot isolate programs.
    """
    kept: Sandbox | None = getattr(_HERE, "sandbox", None)
    if kept is None or not kept.usable:
        _HERE.sandbox = kept = Sandbox()
    return kept


def _end(guard: "subprocess.Popen[bytes]", owner: int) -> None:
    if os.getpid() == owner:  # not in a fork of the process
        guard.kill()
        guard.communicate()


def _run_of(told: dict[str, Any]) -> Run:
    if broken := told.pop("broken"):
        raise _cannot(broken)
    return Run(**told)


def _cannot(why: str) -> RuleError:
    return RuleError(
        f"programs cannot be isolated here, so none is run ({why}); this takes Linux 5.12 with user namespaces "
        "on x86_64 or aarch64, see docs/sandbox.md"
    )
