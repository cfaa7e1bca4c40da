"""What the sandbox costs: `code_sandbox.py HumanEval.jsonl.gz [--rounds 3]`.

Both sides run the canonical solutions with their tests, on all cores: `code_passes` through the pool of workers, as a
run does, and one unprotected `subprocess.run([python, file])` each, from as many threads. In turn; medians over the
rounds. Then each program is broken (its function returns None, or an empty list where that is no answer either) and
must fail. The target is 25 programs a second on two cores.
"""

import argparse
import gzip
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pyarrow as pa

from rewards.engine import Limits, RulePool
from rewards.rule import rule_of
from rewards.rules.code_passes import code_passes
from rewards.scorer import bind

TARGET = 25.0
Problem = dict[str, str]


def judged(pool: RulePool, problems: list[Problem], answer: Callable[[Problem], str]) -> tuple[int, float]:
    """How many pass, and the seconds."""
    columns = {
        "completion": [answer(problem) for problem in problems],
        "tests": [problem["test"] for problem in problems],
        "prompt": [problem["prompt"] for problem in problems],
        "entry_point": [problem["entry_point"] for problem in problems],
    }
    started = time.perf_counter()
    found = [value for block in pool.judge(bind(rule_of(code_passes)), pa.table(columns)) for value in values(block)]
    return sum(value == 1 for value in found), time.perf_counter() - started


def values(block: Any) -> list[float]:
    assert set(block.status.to_pylist()) == {"ok"}, set(block.reason.to_pylist())
    return block.value.to_pylist()


def bare(files: list[Path]) -> tuple[int, float]:
    started = time.perf_counter()
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        ended = list(threads.map(lambda file: subprocess.run([sys.executable, file], check=False).returncode, files))
    return ended.count(0), time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("problems", type=Path)
    parser.add_argument("--rounds", type=int, default=3)
    given = parser.parse_args()
    lines = gzip.decompress(given.problems.read_bytes()).decode().split("\n")
    problems: list[Problem] = [json.loads(line) for line in lines if line]
    sandboxed, unprotected = [], []
    with tempfile.TemporaryDirectory() as folder, RulePool(Limits()) as pool:
        files = [Path(folder, f"{number}.py") for number in range(len(problems))]
        for file, p in zip(files, problems, strict=True):
            file.write_text(f"{p['prompt']}{p['canonical_solution']}\n{p['test']}\ncheck({p['entry_point']})\n")
        judged(pool, problems[:4], lambda p: p["canonical_solution"])  # starts the workers
        for _ in range(given.rounds):
            passed, seconds = judged(pool, problems, lambda p: p["canonical_solution"])
            assert passed == len(problems), f"{passed} of {len(problems)} correct solutions pass"
            sandboxed.append(len(problems) / seconds)
            passed, seconds = bare(files)
            assert passed == len(problems)
            unprotected.append(len(problems) / seconds)
        broken = {
            body: judged(pool, problems, lambda _, body=body: body)[0] for body in ("    return None", "    pass")
        }
    ours, theirs = statistics.median(sandboxed), statistics.median(unprotected)
    print(f"{len(problems)} programs, {os.cpu_count()} cores, medians of {given.rounds} rounds; all correct ones pass")
    print(f"sandboxed    {ours:6.1f} programs/s (target {TARGET:g})")
    print(f"unprotected  {theirs:6.1f} programs/s; sandboxed/unprotected {ours / theirs:.2f}")
    print(f"broken programs that pass: {broken}")


if __name__ == "__main__":
    main()
