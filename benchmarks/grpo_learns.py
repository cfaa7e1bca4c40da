"""Does GRPO learn? A tiny model and a task that has one right word, seed by seed.

A Llama of two layers and 16 words, not trained before (that of ppo_learns.py), answers prompts in 8 tokens; the reward
is 1 where the answer has the word "red".

    python benchmarks/grpo_learns.py [--work grpo-learns] [--seeds 5] [--steps 40]

The rewards are those of the completions that the store has. Exit 1 if the reward of a seed does not rise by 0.2, five
standard errors of the difference at least.
"""

import argparse
import json
import os
import shutil
import statistics
import sys
import time
from pathlib import Path

import yaml
from ppo_learns import RULE, WORDS, make_model

from datakit.ingest import ingest
from datakit.store import Store
from schemas.options import IngestOptions, TrainOptions
from train.harness.stage import train

LENGTH = 8
"""Tokens of an answer: of each, or the end of an answer would be what is learnt first."""
SETTINGS = {
    "rules": ["rule.py"],
    "rule_workers": 1,
    "num_generations": 8,
    "per_device_train_batch_size": 64,
    "max_completion_length": LENGTH,
    "generation_kwargs": {"min_new_tokens": LENGTH},
    "learning_rate": 1e-3,
    "lr_scheduler_type": "constant",
    "logging_steps": 1,
    "save_strategy": "no",
    "bf16": False,
    "kl_band": None,
}
ENDS = 5
"""Steps at either end whose mean reward counts."""
RISE = 0.2


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("grpo-learns"))
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--steps", type=int, default=40)
    given = parser.parse_args()
    store = prepare(given.work)
    rows = [fit(store, given.work, seed, given.steps) for seed in range(1, given.seeds + 1)]
    print("", "| seed | mean reward, first 5 steps | last 5 | KL per token, last 5 | steps | seconds |", sep="\n")
    print("|---|---|---|---|---|---|")
    for seed, (first, last, kl, seconds) in enumerate(rows, 1):
        print(f"| {seed} | {first:.2f} | {last:.2f} | {kl:.2f} | {given.steps} | {seconds:.0f} |")
    return 0 if all(last > first + RISE for first, last, _, _ in rows) else 1


def prepare(work: Path) -> Store:
    """A new directory with the model, the rule and the prompts in a store."""
    import torch

    torch.set_num_threads(1)  # fastest for so small a model
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    make_model(work / "tiny")
    (work / "rule.py").write_text(RULE)
    words = WORDS.split()
    prompts = [{"prompt": f"say {one} of {other}"} for one in words[:8] for other in words[8:]]
    (work / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in prompts))
    store = Store(work / "store.duckdb")
    ingest(work / "prompts.jsonl", IngestOptions(), store=store)
    return store


def fit(store: Store, work: Path, seed: int, steps: int) -> tuple[float, float, float, float]:
    """Mean reward of the first and the last steps, the KL of the last, and the seconds of the whole command."""
    config = work / "grpo.yaml"
    config.write_text(yaml.safe_dump({**SETTINGS, "seed": seed, "max_steps": steps}))
    began = time.monotonic()
    options = TrainOptions(model=str(work / "tiny"), config=config, output=work / f"out-{seed}")
    run = train("grpo", "prompts", options, store=store).run_id
    seconds = time.monotonic() - began
    with store.read() as con:
        drawn = con.execute(
            "SELECT avg(value) FROM candidates c JOIN scores s USING (candidate_id) WHERE c.run_id = $1 "
            "GROUP BY sample_index // $2 ORDER BY sample_index // $2",
            [run, SETTINGS["num_generations"]],
        ).fetchall()
        kl = con.execute("SELECT value FROM metrics WHERE run_id = ? AND name = 'kl' ORDER BY step", [run]).fetchall()
    rewards, kls = [value for (value,) in drawn], [value for (value,) in kl]
    return (
        statistics.mean(rewards[:ENDS]),
        statistics.mean(rewards[-ENDS:]),
        statistics.mean(kls[-ENDS:]),
        seconds,
    )


if __name__ == "__main__":
    os.environ["HF_HUB_OFFLINE"] = "1"
    sys.exit(main())
