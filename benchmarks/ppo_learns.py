"""Does PPO learn, and its critic too? A tiny model, and a task that has one right word; GRPO beside it.

A Llama of two layers and 16 words, not trained before, answers prompts in 24 tokens; the reward is 1 where
the answer has the word "red". Each method trains for the same number of answers from the same prompts; seed by seed
both at once, on a core each.

    python benchmarks/ppo_learns.py [--work ppo-learns] [--seeds 1 2 3 4 5] [--batches 60]

Runs `datakit train` and reads the figures from the store. Exit 1 if a seed of PPO stays below what is wanted.
"""

import argparse
import json
import math
import os
import shutil
import statistics
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import yaml

from datakit.store import Store

WORDS = "red green blue one two three cat dog bird yes no the a of what say"
CHAT = "{% for m in messages %}<s> {{ m['content'] }} </s>{% endfor %}{% if add_generation_prompt %}<s>{% endif %}"
RULE = """
from rewards import rule

@rule
def says_red(completion: str) -> bool:
    return "red" in completion.split()
"""
BAND = [0.01, 0.05]
EPOCHS = 4
WARMING = 25
"""Batches of rollouts in which only the critic learns."""
LENGTH = 24
"""Tokens of an answer: of each, or the end of an answer would be what is learnt first."""
ANSWERS = 128
"""In a batch of rollouts."""
SETTINGS = {
    "rules": ["rule.py"],
    "rule_workers": 1,
    "per_device_train_batch_size": ANSWERS,
    "max_completion_length": LENGTH,
    "generation_kwargs": {"min_new_tokens": LENGTH},
    "learning_rate": 1e-3,
    "lr_scheduler_type": "constant",
    "logging_steps": 1,
    "save_strategy": "no",
    "kl_band": BAND,
}
METHODS = {
    "ppo": {
        "num_ppo_epochs": EPOCHS,
        "kl_adaptive": True,
        "critic_learning_rate": 3e-3,
        "critic_warmup_steps": WARMING * EPOCHS,
    },
    "grpo": {"num_iterations": EPOCHS, "num_generations": 8},
}
LAST = 0.2
"""Share of the rollouts, at the end, whose medians count."""
WARMUP = 0.1
"""Share at the start in which the KL has yet to grow: as train.harness.kl_band has it."""


@dataclass(frozen=True)
class Outcome:
    """What one training came to; medians over its last rollouts."""

    first: float
    reward: float
    explained: float
    """Of the returns that the critic is fitted to."""
    whole: float
    """Of the whole returns; at best 0.29 where 0.92 of the answers succeed, each token with the same chance."""
    kl: float
    inside: float
    """Share of the rollouts after the warm-up whose KL is inside the band."""
    steps: int
    seconds: float
    mib: float


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("ppo-learns"))
    parser.add_argument("--seeds", type=int, nargs="+", default=[1, 2, 3, 4, 5])
    parser.add_argument("--batches", type=int, default=60, help="batches of rollouts")
    given = parser.parse_args()
    os.environ |= {"HF_HUB_OFFLINE": "1", "OMP_NUM_THREADS": "1"}
    import train.harness.ppo_trainer  # noqa: F401  # once, and not in each training

    shutil.rmtree(given.work, ignore_errors=True)
    given.work.mkdir(parents=True)
    make_model(given.work / "tiny")
    words = WORDS.split()
    rows = [{"prompt": f"say {a} of {b}"} for a in words[:8] for b in words[8:]]
    (given.work / "prompts.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (given.work / "rule.py").write_text(RULE)
    for method in METHODS:
        ended(start(given.work, "ingest", "prompts.jsonl", "--store", f"{method}.duckdb"), given.work)
    outcomes: dict[str, list[Outcome]] = {method: [] for method in METHODS}
    for seed in given.seeds:
        begun = {method: fit(given.work, method, seed, given.batches) for method in METHODS}
        for method, child in begun.items():
            outcomes[method].append(outcome(given.work, method, given.batches, ended(child, given.work)))
            print(method, seed, outcomes[method][-1], flush=True)
    show(outcomes, given.seeds)
    return 0 if all(reached(one) for one in outcomes["ppo"]) else 1


def make_model(folder: Path) -> None:
    """An untrained Llama whose tokens are words."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    names = ["<s>", "</s>", "<pad>", "<unk>", *WORDS.split()]
    tokenizer = Tokenizer(models.WordLevel({name: k for k, name in enumerate(names)}, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    special = {"bos_token": "<s>", "eos_token": "</s>", "pad_token": "<pad>", "unk_token": "<unk>"}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, chat_template=CHAT, **special)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(names),
        hidden_size=64,
        intermediate_size=128,
        num_hidden_layers=2,
        num_attention_heads=4,
        max_position_embeddings=128,
        bos_token_id=0,
        eos_token_id=1,
        pad_token_id=2,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)


def start(work: Path, *words: str) -> int:
    """Begin a command in a process of its own, which finds the libraries loaded; returns its id."""
    child = os.fork()
    if not child:
        run_here(work, words)
    return child


def ended(child: int, work: Path) -> float:
    """Wait for a command; returns its peak memory in MiB."""
    _, status, usage = os.wait4(child, 0)
    if status:
        sys.exit(f"a command failed; see {work / 'log.txt'}")
    return usage.ru_maxrss / 1024


def run_here(work: Path, words: tuple[str, ...]) -> NoReturn:
    from datakit.cli import main

    os.chdir(work)
    with Path("log.txt").open("ab") as log:
        for stream in (1, 2):
            os.dup2(log.fileno(), stream)
    sys.argv[1:] = words
    try:
        main()
    except SystemExit as error:
        os._exit(int(error.code or 0))
    os._exit(0)


def fit(work: Path, method: str, seed: int, batches: int) -> int:
    """Begin a training; returns its process."""
    config = {**SETTINGS, **METHODS[method], "seed": seed, "max_steps": batches * EPOCHS}
    (work / f"{method}-{seed}.yaml").write_text(yaml.safe_dump(config))
    words = ["train", method, "prompts", "--model", "tiny", "--config", f"{method}-{seed}.yaml"]
    return start(work, *words, "-o", f"{method}-{seed}", "--store", f"{method}.duckdb")


def outcome(work: Path, method: str, batches: int, mib: float) -> Outcome:
    """Of the newest training of a method."""
    with Store(work / f"{method}.duckdb").read() as con:
        rows = con.execute(
            "SELECT name, list(value ORDER BY step) FROM metrics WHERE value IS NOT NULL AND run_id = "
            "(SELECT run_id FROM trainings ORDER BY rowid DESC LIMIT 1) GROUP BY name"
        ).fetchall()
    found: dict[str, list[float]] = dict(rows)
    kl = found["kl"] if method == "ppo" else found["kl"][::EPOCHS]
    start = WARMING if method == "ppo" else 0
    settled = kl[start + int(WARMUP * (len(kl) - start)) + 1 :]
    return Outcome(
        first=found["reward"][0],
        reward=at_the_end(found["reward"]),
        explained=at_the_end(found.get("explained_variance", [])),
        whole=at_the_end(found.get("explained_variance/whole", [])),
        kl=at_the_end(kl),
        inside=statistics.mean(BAND[0] <= one <= BAND[1] for one in settled),
        steps=batches * EPOCHS,
        seconds=found["train_runtime"][-1],
        mib=mib,
    )


def at_the_end(found: list[float]) -> float:
    return statistics.median(found[-max(1, int(LAST * len(found))) :]) if found else float("nan")


def reached(one: Outcome) -> bool:
    return one.reward >= 0.9 and one.explained > 0.3 and BAND[0] <= one.kl <= BAND[1]


def show(outcomes: dict[str, list[Outcome]], seeds: list[int]) -> None:
    columns = ("method", "seed", "reward, first and last", "explained variance, of whole returns", "KL per token, last")
    columns += ("inside the band", "steps", "seconds", "MiB")
    print("", f"| {' | '.join(columns)} |", "|---" * len(columns) + "|", sep="\n")
    for method, found in outcomes.items():
        for seed, one in zip(seeds, found, strict=True):
            explained = "" if math.isnan(one.explained) else f"{one.explained:.2f}, {one.whole:.2f}"
            print(f"| {method} | {seed} | {one.first:.2f}, {one.reward:.2f} | {explained} | {one.kl:.3f} "
                  f"| {one.inside:.0%} | {one.steps} | {one.seconds:.0f} | {one.mib:.0f} |")  # fmt: skip


if __name__ == "__main__":
    sys.exit(main())
