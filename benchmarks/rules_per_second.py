"""Rules per second on real completions: every built-in rule, in a plain loop, in one worker, on all cores.

    python benchmarks/rules_per_second.py ../shared/data/groups/alpacaeval_v2.jsonl.gz [--rows 200000] [--rounds 3]
    python benchmarks/rules_per_second.py --math ../shared/data/groups/gsm8k_4models.jsonl.gz

The completions are those of a file of groups, over and over, each time with another last line, up to `--rows`. A rule
that is slower gets fewer of them, so that its loop takes about `--seconds`; the number is printed. The overhead of one
worker over the loop is to be at most 20 % for rules of more than 50 microseconds a row. `code_passes` and `judge` run
programs and ask servers: benchmarks/code_sandbox.py has the first.

With `--math`: `math_answer` on all cores against TRL's `accuracy_reward` in a plain loop, on the file's solutions with
their answer put into a box (all that TRL's reads), and whether the verdicts are the same. Once with the right answers
as they are, numbers that are told apart at sight, and once as fractions, which takes algebra.
"""

import argparse
import gzip
import json
import re
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa

from rewards.admission import JSON
from rewards.engine import Limits, RulePool
from rewards.plugins import find_rule, variant_names
from rewards.rule import CANDIDATE_INPUTS, Form, Rule
from rewards.scorer import bind

ELSEWHERE = {"code_passes", "judge"}
OPTIONS: dict[str, dict[str, object]] = {"matches": {"pattern": r"\d+"}, "soft_length": {"band": 50}}
COLUMNS: dict[str, object] = {
    "answer": "42",
    "forbidden": ["model", "weather"],
    "instruction_id_list": ["length_constraints:number_words", "punctuation:no_comma"],
    "keywords": ["answer", "first", "because"],
    "kwargs": [{"relation": "at least", "num_words": 50}, {}],
    "language": ["en", "zh"],
    "length_unit": "words",
    "max_count": 3,
    "max_length": 300,
    "min_count": 1,
    "min_length": 20,
    "n_items": 5,
    "n_tokens": 100,
    "prompt": "What is the answer, and why?",
    "reasoning": None,
    "reference": "The answer is a short text of some words, which says what was asked for and no more than that.",
    "required_headings": None,
    "schema": {"type": "object"},
    "tags": ["answer"],
}
"""The same for every row."""
LEAST = 50e-6
TOLERANCE = 1.2


def completions_of(file: Path, rows: int) -> list[str]:
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        groups = [json.loads(line)["responses"] for line in lines]
    answers = [answer for group in groups for answer in group]
    texts = [next(filter(None, map(answer.get, ("output", "response", "solution"))), "") for answer in answers]
    return [f"{texts[row % len(texts)]}\n{row}" for row in range(rows)]


def timed(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def table_of(rule: Rule, texts: list[str]) -> pa.Table:
    fields, columns = [], []
    for one in rule.inputs:
        if one.name == "completion":
            fields.append(pa.field("completion", pa.string()))
            columns.append(pa.array(texts, pa.string()))
        elif one.name in CANDIDATE_INPUTS:
            kind = pa.int32() if one.name == "n_tokens" else pa.string()
            fields.append(pa.field(one.name, kind))
            columns.append(pa.array([COLUMNS[one.name]] * len(texts), kind))
        else:
            fields.append(pa.field(one.name, pa.string(), metadata=JSON))
            columns.append(pa.array([json.dumps(COLUMNS[one.name])] * len(texts), pa.string()))
    return pa.table(columns, schema=pa.schema(fields))


def measure(rule: Rule, texts: list[str], given: argparse.Namespace, pools: list[RulePool]) -> None:
    missing = [one.name for one in rule.inputs if one.name not in COLUMNS and one.name != "completion"]
    if missing:
        print(f"  {rule.name:22} not measured: no values for {', '.join(missing)} in COLUMNS")
        return
    values, options = [COLUMNS.get(one.name) for one in rule.inputs[1:]], OPTIONS.get(rule.name, {})
    scorer = bind(rule, options=options)

    def loop(rows: list[str]) -> None:
        for text in rows:
            rule.function(text, *values, **options)

    loop(texts[:5])
    each = timed(lambda: loop(texts[:200])) / 200
    chosen = texts[: max(400, min(len(texts), int(given.seconds / each)))]
    table = table_of(rule, chosen)

    def judge(pool: RulePool) -> None:
        assert sum(len(block) for block in pool.judge(scorer, table)) == len(chosen)

    for pool in pools:
        judge(pool)
    times = []
    for _ in range(given.rounds):
        times.append((timed(lambda: loop(chosen)), *(timed(lambda pool=pool: judge(pool)) for pool in pools)))
    bare, one, every = (statistics.median(side) / len(chosen) for side in zip(*times, strict=True))
    missed = " MISSED" if one / bare > TOLERANCE else ""
    note = f"one worker {one / bare:.2f} x the loop (at most {TOLERANCE}){missed}" if bare > LEAST else ""
    print(
        f"  {rule.name:22} {len(chosen):7,} rows  loop {1 / bare:9,.0f}  one worker {1 / one:9,.0f}  "
        f"all cores {1 / every:9,.0f} rows/s   {note}",
        flush=True,
    )


def measure_columnar(rule: Rule, texts: list[str], pool: RulePool) -> None:
    scorer, table = bind(rule), table_of(rule, texts)
    taken = min(timed(lambda: list(pool.judge(scorer, table))) for _ in range(3))
    print(f"  {rule.name:22} {len(texts):7,} rows  in Polars, no loop of its own: {len(texts) / taken:9,.0f} rows/s")


def boxed(file: Path) -> list[tuple[str, str]]:
    """Solutions whose last line `A: 18` became a box, and the right answers as formulas."""
    rows = []
    with gzip.open(file, "rt", encoding="utf-8") as lines:
        for line in lines:
            group = json.loads(line)
            right = group["ground_truth"].rpartition("A: ")[2].replace(",", "")
            for answer in group["responses"]:
                body, mark, said = answer["solution"].rpartition("A: ")
                if mark and re.fullmatch(r"[\d.,$-]+", said.strip()):
                    rows.append((f"{body}The answer is $\\boxed{{{said.strip().replace('$', '')}}}$.", f"${right}$"))
    return rows


def measure_math(file: Path, rounds: int) -> None:
    rows = boxed(file)
    halves = [(text, rf"$\frac{{{2 * float(answer.strip('$')):g}}}{{2}}$") for text, answer in rows]
    for what, some in (("numbers", rows), ("fractions", halves)):
        compare_math(what, some, rounds)


def compare_math(what: str, rows: list[tuple[str, str]], rounds: int) -> None:
    from trl.rewards import accuracy_reward

    scorer = bind(find_rule("math_answer", []))
    table = pa.table(
        [[text for text, _ in rows], [json.dumps(answer) for _, answer in rows]],
        schema=pa.schema([pa.field("completion", pa.string()), pa.field("answer", pa.string(), metadata=JSON)]),
    )
    turns = [[{"role": "assistant", "content": text}] for text, _ in rows]
    answers = [answer for _, answer in rows]
    ours: dict[int, float] = {}

    def judge(pool: RulePool) -> None:
        for block in pool.judge(scorer, table):
            ours.update(zip(block.rows.to_pylist(), block.value.to_pylist(), strict=True))

    with RulePool(Limits()) as pool:
        judge(pool)
        theirs = accuracy_reward(turns, answers)
        pairs = [(timed(lambda: judge(pool)), timed(lambda: accuracy_reward(turns, answers))) for _ in range(rounds)]
    mine, other = (statistics.median(side) for side in zip(*pairs, strict=True))
    differing = [row for row in range(len(rows)) if ours[row] != theirs[row]]
    print(f"{what}: math_answer {len(rows) / mine:,.0f} rows/s, accuracy_reward {len(rows) / other:,.0f} rows/s")
    print(
        f"  ratio {other / mine:.2f} (at least 1.5); verdicts that differ: {len(differing)} of {len(rows):,}",
        flush=True,
    )
    for row in differing[:10]:
        print(f"  ours {ours[row]}, theirs {theirs[row]}: {rows[row][0][-60:]!r} against {rows[row][1]!r}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("file", type=Path, help="groups of answers, JSON lines, gzip")
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--seconds", type=float, default=2.0, help="how long the loop of a slow rule may take")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--only", nargs="*", help="these rules (default: all)")
    parser.add_argument("--math", action="store_true", help="math_answer against TRL's accuracy_reward")
    given = parser.parse_args()
    if given.math:
        measure_math(given.file, given.rounds)
        return
    texts = completions_of(given.file, given.rows)
    mean = sum(map(len, texts)) / len(texts)
    print(f"{len(texts):,} completions of {mean:,.0f} characters, {given.rounds} rounds, medians")
    with RulePool(Limits(workers=1)) as one, RulePool(Limits()) as every:
        for name in given.only or variant_names("rewards.rules"):
            rule = find_rule(name, [])
            if name in ELSEWHERE:
                print(f"  {name:22} not measured here")
            elif rule.form is Form.ROW:
                measure(rule, texts, given, [one, every])
            else:
                measure_columnar(rule, texts, every)


if __name__ == "__main__":
    main()
