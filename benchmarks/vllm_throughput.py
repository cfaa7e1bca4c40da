"""Generated tokens a second: our generate stage, commits included, against a bare LLM.chat over the same requests.

One loaded engine, the two sides in turn, the prefix cache emptied before each; loading is left out of both. Both draw
the same samples: n, seeds and max_tokens are equal.

    python benchmarks/vllm_throughput.py [--rounds 2] [--prompts 32] [-n 8] [--max-tokens 96]
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from datakit.engine import Request
from datakit.engines.vllm import VLLM
from datakit.generate import generate
from datakit.ingest import ingest
from datakit.recipes import base_seed, recipes_of
from datakit.store import Store
from schemas.options import GenerateOptions, IngestOptions

ROOT = Path(__file__).parents[1]


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--rounds", type=int, default=2)
    parser.add_argument("--prompts", type=int, default=32)
    parser.add_argument("-n", type=int, default=8)
    parser.add_argument("--max-tokens", type=int, default=96)
    given = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    model = subprocess.run(
        [sys.executable, ROOT / "examples" / "smollm2.py"], capture_output=True, text=True, check=True
    ).stdout.strip()
    options = GenerateOptions(model=(model,), n=given.n, max_tokens=given.max_tokens, engine="vllm")
    engine = VLLM(model=model)
    [recipe] = recipes_of(options)
    started = time.perf_counter()
    hello = Request("0", [{"role": "user", "content": "Hello!"}], None, 0)
    list(engine.generate([hello], recipe.options.model_copy(update={"max_tokens": 8})))
    print(f"loaded in {time.perf_counter() - started:.1f} s; {given.prompts} prompts, n {given.n}")

    ratios = []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(given.rounds):
            store = Store(Path(folder) / f"{number}.duckdb")
            some = IngestOptions(limit=given.prompts, where="split = 'train'")
            ingest(ROOT / "examples" / "prompts.jsonl", some, store=store)
            sides = {"bare LLM.chat": bare, "our stage": ours}
            if number % 2:
                sides = dict(reversed(sides.items()))
            speeds = {name: side(engine, store, options) for name, side in sides.items()}
            ratios.append(speeds["our stage"] / speeds["bare LLM.chat"])
            for name, speed in speeds.items():
                print(f"  {name:14} {speed:6.1f} tokens/s")
    print(f"ratio {statistics.median(ratios):.3f} (of {', '.join(f'{ratio:.3f}' for ratio in ratios)}); target 0.95")


def bare(engine: VLLM, store: Store, options: GenerateOptions) -> float:
    """What vLLM's own call makes of the same requests."""
    from vllm import SamplingParams

    [recipe] = recipes_of(options)
    with store.read() as con:
        rows = con.execute("SELECT DISTINCT prompt_id::VARCHAR, messages FROM prompts ORDER BY 1").fetchall()
    chats = [json.loads(messages) for _, messages in rows]
    params = [
        SamplingParams(
            n=options.n,
            temperature=recipe.options.temperature,
            top_p=options.top_p,
            max_tokens=options.max_tokens,
            seed=base_seed(prompt_id, recipe),
        )
        for prompt_id, _ in rows
    ]
    llm = engine._llm
    llm.reset_prefix_cache()
    started = time.perf_counter()
    outputs = llm.chat(chats, params, use_tqdm=False)
    seconds = time.perf_counter() - started
    return sum(len(answer.token_ids) for output in outputs for answer in output.outputs) / seconds


def ours(engine: VLLM, store: Store, options: GenerateOptions) -> float:
    """The whole stage: work list, requests, commits, report."""
    engine._llm.reset_prefix_cache()
    started = time.perf_counter()
    report = generate("prompts", options, store=store, engine=engine)
    seconds = time.perf_counter() - started
    assert report.counts["missing"] == 0
    with store.read() as con:
        [(tokens,)] = con.execute("SELECT sum(n_tokens) FROM candidates").fetchall()
    return float(tokens / seconds)


if __name__ == "__main__":
    main()
