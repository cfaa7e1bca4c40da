"""What it costs to run a per-row rule where it can be killed: the worker pool against a plain loop.

    python benchmarks/rule_overhead.py [--rows 200000] [--rounds 5]

Both sides call the same functions on the same answers of about 400 characters, in turn; medians over the rounds. The
overhead is (seconds of the pool - seconds of the loop) / rows, wall clock. With one worker the rule itself takes as
long on both sides, so this is all that sending the rows, watching them and collecting the outcomes adds. With a worker
on every core the rule's own time is shared out too, so for a slow rule the figure is below zero. The pool is warm (its
workers are started), as in a run of many pages; starting and stopping it is printed apart.
"""

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable
from typing import Any

import pyarrow as pa

from rewards import Verdict, rule
from rewards.admission import JSON
from rewards.engine import Limits, RulePool
from rewards.rule import rule_of
from rewards.scorer import bind

WORDS = ["reward", "policy", "answer", "because", "model", "therefore", "prompt", "first", "a", "the", "of", "is"]
TARGET = 5.0


@rule
def length(completion: str) -> float:
    return len(completion)


@rule
def mentions(completion: str, keywords: list[str]) -> Verdict:
    missing = [word for word in keywords if word not in completion]
    return Verdict(1 - len(missing) / len(keywords), f"missing: {missing}" if missing else "")


@rule
def slow(completion: str) -> float:
    return sum(completion.count(word) for word in WORDS * 4)


def timed(work: Callable[[], Any]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    chance = random.Random(1)
    texts = [" ".join(chance.choices(WORDS, k=73)) for _ in range(given.rows)]
    keywords = [chance.sample([*WORDS, "never"], k=3) for _ in texts]
    table = pa.table(
        [texts, [json.dumps(words) for words in keywords]],
        schema=pa.schema([pa.field("completion", pa.string()), pa.field("keywords", pa.string(), metadata=JSON)]),
    )
    print(f"{given.rows} rows of {sum(map(len, texts)) / len(texts):.0f} characters, {given.rounds} rounds, medians")
    loops: dict[Callable[..., Any], Callable[[], Any]] = {
        length: lambda: [length(text) for text in texts],
        mentions: lambda: [mentions(text, words) for text, words in zip(texts, keywords, strict=True)],
        slow: lambda: [slow(text) for text in texts],
    }
    for workers in (1, None):
        print(f"\n{'one worker' if workers else 'a worker on every core'}")
        with RulePool(Limits(workers=workers)) as pool:
            for function, loop in loops.items():
                scorer = bind(rule_of(function))
                inputs = table.select([i.name for i in scorer.rule.inputs])

                def judge(scorer: Any = scorer, inputs: pa.Table = inputs, pool: RulePool = pool) -> int:
                    return sum(len(block) for block in pool.judge(scorer, inputs))

                assert judge() == given.rows  # warm-up
                pairs = [(timed(loop), timed(judge)) for _ in range(given.rounds)]
                bare, pooled = (statistics.median(side) / given.rows * 1e6 for side in zip(*pairs, strict=True))
                print(
                    f"  {function.__name__:10} loop {bare:7.2f}, pool {pooled:7.2f}, overhead {pooled - bare:6.2f} "
                    f"microseconds a row (at most {TARGET:g}); pool/loop {pooled / bare:.2f}"
                )
    one = bind(rule_of(length))

    def start_and_stop() -> None:
        with RulePool() as pool:
            list(pool.judge(one, table.select(["completion"]).slice(0, 1)))

    print(f"\nstarting a pool, judging one row, stopping it: {min(timed(start_and_stop) for _ in range(5)):.2f} s")


if __name__ == "__main__":
    main()
