"""Generated tokens a second: our generate stage, commits included, against a bare LLM.chat over the same requests.

One loaded engine, the two sides in turn, the prefix cache emptied before each; loading is left out of both. Both draw
the same samples: n, seeds and max_tokens are equal.

    python benchmarks/vllm_throughput.py [--rounds 3] [--prompts 16] [-n 8] [--max-tokens 64] [--max-num-seqs 64]
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
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--prompts", type=int, default=16)
    parser.add_argument("-n", type=int, default=8)
    parser.add_argument("--max-tokens", type=int, default=64)
    parser.add_argument("--max-num-seqs", type=int)
    given = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    model = subprocess.run(
        [sys.executable, ROOT / "examples" / "smollm2.py"], capture_output=True, text=True, check=True
    ).stdout.strip()
    options = GenerateOptions(model=(model,), n=given.n, max_tokens=given.max_tokens, engine="vllm")
    engine = VLLM(model=model, max_num_seqs=given.max_num_seqs)
    [recipe] = recipes_of(options)
    started = time.perf_counter()
    hello = Request("0", [{"role": "user", "content": "Hello!"}], None, 0)
    list(engine.generate([hello], recipe.options.model_copy(update={"max_tokens": 8})))
    print(f"loaded in {time.perf_counter() - started:.1f} s; {given.prompts} prompts, n {given.n}")

    walls, processors = [], []
    with tempfile.TemporaryDirectory() as folder:
        for number in range(given.rounds):
            store = Store(Path(folder) / f"{number}.duckdb")
            some = IngestOptions(limit=given.prompts, where="split = 'train'")
            ingest(ROOT / "examples" / "prompts.jsonl", some, store=store)
            sides = {"bare LLM.chat": bare, "our stage": ours}
            if number % 2:
                sides = dict(reversed(sides.items()))
            speeds = {name: side(engine, store, options) for name, side in sides.items()}
            for name, (wall, processor) in speeds.items():
                print(f"  {name:14} {wall:6.1f} tokens/s {processor:6.1f} tokens per second of processor time")
            (bare_wall, bare_processor), (our_wall, our_processor) = speeds["bare LLM.chat"], speeds["our stage"]
            walls.append(our_wall / bare_wall)
            processors.append(our_processor / bare_processor)
    print(f"ratio {statistics.median(walls):.3f} (of {', '.join(f'{ratio:.3f}' for ratio in walls)}); target 0.95")
    print(f"ratio of processor time {statistics.median(processors):.3f} (less disturbed by other processes)")


def bare(engine: VLLM, store: Store, options: GenerateOptions) -> tuple[float, float]:
    """What vLLM's own call makes of the same requests."""
    from vllm import SamplingParams

    [recipe] = recipes_of(options)
    with store.read() as con:
        rows = con.execute(
            "SELECT p.prompt_id::VARCHAR, p.messages FROM prompts p JOIN members m USING (prompt_id) ORDER BY m.line"
        ).fetchall()
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
    started = time.perf_counter(), time.process_time()
    outputs = llm.chat(chats, params, use_tqdm=False)
    ended = time.perf_counter(), time.process_time()
    tokens = sum(len(answer.token_ids) for output in outputs for answer in output.outputs)
    return tokens / (ended[0] - started[0]), tokens / (ended[1] - started[1])


def ours(engine: VLLM, store: Store, options: GenerateOptions) -> tuple[float, float]:
    """The whole stage: work list, requests, commits, report."""
    engine._llm.reset_prefix_cache()
    started = time.perf_counter(), time.process_time()
    report = generate("prompts", options, store=store, engine=engine)
    ended = time.perf_counter(), time.process_time()
    assert report.counts["missing"] == 0
    with store.read() as con:
        [(tokens,)] = con.execute("SELECT sum(n_tokens) FROM candidates").fetchall()
    return tokens / (ended[0] - started[0]), tokens / (ended[1] - started[1])


if __name__ == "__main__":
    main()
