"""The guard: makes the namespaces once, then forks for each job. `launch.py` starts it by path.

It never reads a job itself: a program must not find in its memory what an earlier one was, was asked or has printed.
"""

import os
import select
from typing import Any, NoReturn

from rewards.sandbox import judge, kernel, program, root
from rewards.sandbox.cell import Cell, watch
from rewards.sandbox.frames import receive, send
from rewards.sandbox.judge import Suite
from rewards.sandbox.limits import Limits

_FROM_WORKER, _TO_WORKER = 0, 1


def main() -> NoReturn:
    """Do jobs until the worker hangs up."""
    try:
        kernel.die_with_parent()
        kernel.lift_limits()
        kernel.unshare(kernel.NEWUSER | kernel.NEWNS | kernel.NEWNET | kernel.NEWIPC)
        send(_TO_WORKER, {"broken": ""})
        receive(_FROM_WORKER)  # the worker has written the user map, which takes rights that we gave up
        root.enter()
        send(_TO_WORKER, {"broken": ""})
    except OSError as error:
        send(_TO_WORKER, {"broken": error.strerror or str(error)})
        os._exit(1)
    guard = os.getpid()
    while select.select([_FROM_WORKER], [], [])[0]:
        foreman = os.fork()
        if not foreman:
            _do_job(guard)
        if os.waitpid(foreman, 0)[1]:
            break  # the worker hung up, or what follows is no job
    os._exit(1)


def _do_job(guard: int) -> NoReturn:
    """In a process for one job: make the cells, and answer."""
    try:
        kernel.die_with_parent()
        if os.getppid() == guard and (job := receive(_FROM_WORKER)) is not None:
            send(_TO_WORKER, _test(job) if job["tested"] else _run(job))
            os._exit(0)
    finally:
        os._exit(1)


def _run(job: dict[str, Any]) -> dict[str, Any]:
    """A program by itself, with standard input."""
    source: str = job["source"]
    given = os.memfd_create("input")
    with open(given, "wb", closefd=False) as file:
        file.write(job["given"].encode("utf-8", "surrogatepass"))
    os.lseek(given, 0, os.SEEK_SET)
    cell = Cell(lambda: program.run(source), Limits(**job["limits"]), {0: given}, prints=True)
    return {"program": watch([cell])[0]}


def _test(job: dict[str, Any]) -> dict[str, Any]:
    """A program and its tests. The tests are received when the program is running, so that it has no copy of them."""
    source: str = job["source"]
    limits = Limits(**job["limits"])
    to_program, to_tests, result = os.pipe(), os.pipe(), os.pipe()
    wiring = {program.READER: to_program[0], program.WRITER: to_tests[1]}
    tested = Cell(lambda: program.serve(source), limits, wiring)
    tests = Suite(**receive(_FROM_WORKER))
    wiring = {program.READER: to_tests[0], program.WRITER: to_program[1], judge.RESULT: result[1]}
    testing = Cell(lambda: judge.judge(tests), limits, wiring)
    found, judging = watch([tested, testing])
    verdict = receive(result[0])
    os.close(result[0])
    return {"program": found, "tests": judging, "verdict": verdict}
