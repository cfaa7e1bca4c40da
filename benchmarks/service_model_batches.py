"""Micro-batching where it cannot gain: a reward model of SmolLM2's size on a CPU, whose work is all arithmetic.

    python benchmarks/service_model_batches.py ../shared/data/groups/bon16_tulu2_13b.jsonl.gz [--rounds 5]

Two services with the same model, one that batches and one that judges an item a call, get the same requests of one item
from 16 clients that never pause, in turn; the answers are real ones, their first 600 characters. The target is that
batches, with their padding, are not slower: at least 0.95 of the items a second.
"""

import argparse
import asyncio
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

import httpx
from reward_model_speed import Answers, responses, reward_model

CLIENTS = 16
TARGET = 0.95


@contextmanager
def service(spec: Path, batch: int) -> Iterator[str]:
    """A service's address; its model is loaded."""
    command = [Path(sys.executable).parent / "datakit", "serve", "--reward", spec, "--port", "0", "--batch", str(batch)]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        assert process.stderr is not None
        line = process.stderr.readline()
        while not line.startswith("serving"):
            line = process.stderr.readline()
        yield line.split()[-1]
        process.terminate()


async def rate(url: str, answers: Answers) -> float:
    """Items a second."""
    left = list(reversed(answers))

    async def client(connection: httpx.AsyncClient) -> None:
        while left:
            prompt, output = left.pop()
            body = {"items": [{"prompt": prompt, "completion": output}]}
            (item,) = (await connection.post(f"{url}/v1/rewards", json=body)).json()["items"]
            assert item["reward"] is not None, item

    begun = time.perf_counter()
    async with httpx.AsyncClient(timeout=300) as connection:
        await asyncio.gather(*(client(connection) for _ in range(CLIENTS)))
    return len(answers) / (time.perf_counter() - begun)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--items", type=int, default=64)
    given = parser.parse_args()
    answers = [(prompt[:600], output[:600]) for prompt, output in responses(given.file, given.rounds * given.items)]
    with tempfile.TemporaryDirectory() as name, ExitStack() as stack:
        reward_model(Path(name) / "rm", "float32")
        spec = Path(name) / "reward.yaml"
        spec.write_text("models: {rm: rm}\nscorers:\n  - {rule: rm}\n")
        urls = [stack.enter_context(service(spec, batch)) for batch in (512, 1)]
        ratios = []
        for number in range(given.rounds):
            part = answers[number :: given.rounds]
            batched, single = (asyncio.run(rate(url, part)) for url in urls)
            ratios.append(batched / single)
            print(f"batches {batched:.2f} items/s, one at a time {single:.2f}: {ratios[-1]:.2f}", flush=True)
    median = statistics.median(ratios)
    print(f"median {median:.2f}; target {TARGET}: {'reached' if median >= TARGET else 'missed'}")


if __name__ == "__main__":
    main()
