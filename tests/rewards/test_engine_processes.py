"""The pool from outside: where it may be used, and what is left of it afterwards."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

JUDGE = """
import pyarrow as pa
from rewards import rule
from rewards.engine import Limits, RulePool
from rewards.rule import rule_of
from rewards.scorer import bind

def judge(function, texts, **limits):
    with RulePool(Limits(workers=2, **limits)) as pool:
        for block in pool.judge(bind(rule_of(function)), pa.table({"completion": texts})):
            yield from zip(block.rows.to_pylist(), block.status.to_pylist(), block.value.to_pylist())
"""

NOTEBOOK = (
    JUDGE
    + """
print("main is run")
words = ["one", "two"]

@rule
def known(completion: str) -> bool:
    return completion in words

print(sorted(judge(known, ["one", "three", "two"])))
"""
)

HANGING = (
    JUDGE
    + """
import os, re, subprocess

@rule
def hangs(completion: str) -> float:
    child = subprocess.Popen(["sleep", "60"])
    print(os.getpid(), child.pid, file=open(REPORT, "a"))
    return re.match(r"(a+)+$", "a" * 64 + "b") is None

list(judge(hangs, ["a", "b"] * 20, timeout=60))
"""
)


def python(*arguments: str, **options: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *arguments], capture_output=True, text=True, timeout=60, check=False, **options
    )


def test_a_rule_of_a_notebook_works_and_main_is_not_run_again(tmp_path: Path) -> None:
    done = python("-", input=NOTEBOOK, cwd=tmp_path)
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["main is run", "[(0, 'ok', 1.0), (1, 'ok', 0.0), (2, 'ok', 1.0)]"]


def test_a_script_needs_no_main_guard_and_may_lie_beside_files_named_like_ours(tmp_path: Path) -> None:
    for name in ("rewards", "schemas", "train", "json"):
        (tmp_path / f"{name}.py").write_text("raise ImportError('the wrong one')\n")
    script = tmp_path / "scripts" / "script.py"
    script.parent.mkdir()
    script.write_text(NOTEBOOK)
    done = python(str(script), cwd=tmp_path)
    assert done.stderr == ""
    assert done.stdout.count("main is run") == 1


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGINT])
def test_no_worker_outlives_the_pool_even_inside_a_hanging_regex(tmp_path: Path, number: signal.Signals) -> None:
    report = tmp_path / "pids"
    report.touch()
    process = subprocess.Popen([sys.executable, "-c", f"REPORT = {str(report)!r}\n{HANGING}"], stderr=subprocess.PIPE)
    pids = wait_for(lambda: [int(pid) for pid in report.read_text().split()], 4)
    assert all(running(pid) for pid in pids)
    process.send_signal(number)
    started = time.monotonic()
    process.communicate(timeout=5)
    assert time.monotonic() - started < 3
    wait_for(lambda: [pid for pid in pids if not running(pid)], 4)


def wait_for(look: object, count: int) -> list[int]:
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        found = look()  # type: ignore[operator]
        if len(found) >= count:
            return found
        time.sleep(0.02)
    raise AssertionError("it did not come to pass within 10 s")


def running(pid: int) -> bool:
    """Whether it is alive; the dead that nobody has waited for are not."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False


def test_idle_workers_die_with_the_pool(tmp_path: Path) -> None:
    script = NOTEBOOK.replace("print(sorted", "pool = RulePool(Limits(workers=1))\nprint(sorted")
    script += """
list(pool.judge(bind(rule_of(known)), pa.table({"completion": ["one"]})))
print(pool._crew.workers[0].process.pid, flush=True)
import time; time.sleep(60)
"""
    process = subprocess.Popen([sys.executable, "-c", script], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    pid = int([process.stdout.readline() for _ in range(3)][-1])
    assert running(pid)
    os.kill(process.pid, signal.SIGKILL)
    process.communicate(timeout=5)
    wait_for(lambda: [] if running(pid) else [pid], 1)
