"""Reward model scoring: rows a second of a scorer against padded batches of 16 in the given order, same dtype.

    python benchmarks/reward_model_speed.py ../shared/data/groups/bon16_tulu2_13b.jsonl.gz [--parts 3] [--count]

600 real responses, shuffled, cut to 1024 tokens, read by a model of SmolLM2's size whose head is drawn at random (its
values mean nothing, its speed does). Both sides tokenize, and both run in one process, in turn, on the same share of
the rows each: a part of the plain side, the same part of ours, the next part. The largest difference of their scores
is printed beside the ratio, and the ratio by processor time, which other work on the machine disturbs less.
`--count` runs no model: it prints how many tokens, padding included, each side would read.
"""

import argparse
import gzip
import json
import random
import runpy
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa

from rewards.admission import JSON
from rewards.engine import RulePool
from rewards.model import bind_output, read_model
from rewards.model_rows import batches
from rewards.model_settings import ModelSettings
from rewards.models.transformers import Transformers
from rewards.tokens import load_tokenizer

TARGET = 1.2
MAX_LENGTH = 1024
BATCH = 16
EXAMPLE = Path(__file__).parent.parent / "examples" / "smollm2.py"

Answers = list[tuple[str, str]]


def responses(path: Path, count: int) -> Answers:
    """(instruction, output), of all prompts mixed."""
    with gzip.open(path, "rt", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file]
    found = [(row["instruction"], one["output"]) for row in rows for one in row["responses"]]
    random.Random(1).shuffle(found)
    return found[:count]


def reward_model(folder: Path, dtype: str) -> Path:
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    base = runpy.run_path(str(EXAMPLE))["model_directory"]()
    torch.manual_seed(0)
    tokenizer = AutoTokenizer.from_pretrained(base)
    tokenizer.pad_token = tokenizer.unk_token
    model = AutoModelForSequenceClassification.from_pretrained(
        base, num_labels=1, dtype=getattr(torch, dtype), pad_token_id=tokenizer.pad_token_id
    )
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


class Plain:
    """Batches of 16 as they come, padded to their longest row."""

    def __init__(self, folder: Path, dtype: str) -> None:
        import torch
        from transformers import AutoModelForSequenceClassification, AutoTokenizer

        self.tokenizer = AutoTokenizer.from_pretrained(folder)
        kind = AutoModelForSequenceClassification
        self.model = kind.from_pretrained(folder, dtype=getattr(torch, dtype)).eval()

    def scores(self, answers: Answers) -> list[float]:
        """Scores in the order of the answers."""
        import torch

        found: list[float] = []
        for start in range(0, len(answers), BATCH):
            turns = [_turns(*one) for one in answers[start : start + BATCH]]
            texts = self.tokenizer.apply_chat_template(turns, tokenize=False)
            limits: dict[str, Any] = {"truncation": True, "max_length": MAX_LENGTH, "add_special_tokens": False}
            given = self.tokenizer(texts, padding=True, return_tensors="pt", **limits)
            with torch.inference_mode():
                found += self.model(**given, use_cache=False).logits[:, 0].float().tolist()
        return found


class Ours:
    """A scorer in a pool."""

    def __init__(self, folder: Path, dtype: str) -> None:
        settings = ModelSettings.model_validate(
            {"model": str(folder), "max_length": MAX_LENGTH, "too_long": "keep_start", "dtype": dtype}
        )
        self.scorer = bind_output(read_model("rm", settings), "")
        self.pool = RulePool()

    def scores(self, answers: Answers) -> list[float]:
        """Scores in the order of the answers."""
        schema = pa.schema([pa.field("messages", pa.string(), metadata=JSON), pa.field("completion", pa.string())])
        messages = [json.dumps(_turns(*one)[:1]) for one in answers]
        table = pa.table([messages, [output for _, output in answers]], schema=schema)
        found = np.full(len(answers), np.nan)
        for block in self.pool.judge(self.scorer, table):
            found[block.rows.to_numpy()] = block.value.to_numpy(zero_copy_only=False)
        return list(found)


def _turns(instruction: str, output: str) -> list[dict[str, str]]:
    return [{"role": "user", "content": instruction}, {"role": "assistant", "content": output}]


def count(answers: Answers) -> None:
    tokenizer = load_tokenizer(runpy.run_path(str(EXAMPLE))["model_directory"]())
    texts = [tokenizer.render(_turns(*one)) for one in answers]
    lengths = [min(MAX_LENGTH, len(ids)) for ids in tokenizer.encode(texts, add_special_tokens=False)]
    given = [lengths[start : start + BATCH] for start in range(0, len(lengths), BATCH)]
    ours = [
        [lengths[place] for place in batch]
        for batch in batches(lengths, Transformers.batch_tokens(ModelSettings(model="-")))
    ]
    plain, sorted_ = (sum(len(batch) * max(batch) for batch in side) for side in (given, ours))
    print(f"{sum(lengths):,} tokens; with padding {plain:,} plain, {sorted_:,} ours: ratio {plain / sorted_:.2f}")


def measure(answers: Answers, dtype: str, share: int) -> None:
    with tempfile.TemporaryDirectory() as folder:
        model = reward_model(Path(folder), dtype)
        sides = {"plain": Plain(model, dtype), "ours": Ours(model, dtype)}
        for side in sides.values():
            side.scores([("warm", "up")])
        seconds: dict[str, list[float]] = {name: [] for name in sides}
        busy = dict.fromkeys(sides, 0.0)
        worst = 0.0
        for part in range(share):
            rows = answers[part::share]
            scores = []
            for name, side in sides.items():
                started, at_work = time.perf_counter(), time.process_time()
                scores.append(np.array(side.scores(rows)))
                seconds[name].append(time.perf_counter() - started)
                busy[name] += time.process_time() - at_work
            worst = max(worst, float(np.abs(scores[0] - scores[1]).max()))
            told = ", ".join(f"{name} {took[-1]:.1f} s" for name, took in seconds.items())
            print(f"part {part}: {told}; by processor time so far {busy['plain'] / busy['ours']:.2f}", flush=True)
    for name, took in seconds.items():
        print(f"{name}: {len(answers) / sum(took):.2f} rows/s")
    ratios = [plain / ours for plain, ours in zip(*seconds.values(), strict=True)]
    whole = sum(seconds["plain"]) / sum(seconds["ours"])
    parts = ", ".join(f"{one:.2f}" for one in ratios)
    print(f"ratio {whole:.2f} (parts {parts}; by processor time {busy['plain'] / busy['ours']:.2f})")
    print(f"largest difference of a score {worst:.2e}; target {TARGET}: {'reached' if whole >= TARGET else 'missed'}")


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("file", type=Path)
    parser.add_argument("--rows", type=int, default=600)
    parser.add_argument("--parts", type=int, default=3)
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16"])
    parser.add_argument("--count", action="store_true")
    given = parser.parse_args()
    answers = responses(given.file, given.rows)
    if given.count:
        count(answers)
    else:
        measure(answers, given.dtype, given.parts)


if __name__ == "__main__":
    main()
