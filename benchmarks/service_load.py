"""The reward service under load, over loopback: requests of one item from 64 connections that never pause.

    python benchmarks/service_load.py [--seconds 5] [--rounds 3] [--requests 200000]

1. A rule's reward against an empty FastAPI endpoint with the same models under the same server, in turn: requests a
   second, 50th and 99th percentile of the latency. No two items are equal, so the cache is of no help.
2. A scorer that takes 20 ms a call whatever the batch: with micro-batching, and with batches of one item.
3. The service's memory after half of `--requests` and after all of them; its cache is full by then. 0 leaves it out.

The clients are a process of their own; with the service and its workers they share the machine's cores.
"""

import argparse
import asyncio
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path

import uvloop

RULES = """
import time
from rewards import rule

@rule
def mentions(completion: str, answer: str) -> bool:
    return answer in completion

@rule
def slow(prompts, completions, **columns):
    time.sleep(0.02)
    return [1.0] * len(completions)
"""
CONNECTIONS = 64
FILLER = "so the answer follows from what was said before. " * 5
NUMBERS = count()
JUDGED = re.compile(rb'"reward":[01]\.0')
HEAD = b"POST /v1/rewards HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\nContent-Length: "


class Client(asyncio.Protocol):
    """A connection: sends a request, waits for its answer, sends the next."""

    def __init__(self, load: "Load") -> None:
        self.load = load
        self.heard = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Begin."""
        self.transport = transport
        self.ask()

    def ask(self) -> None:
        """Send a request that no other is equal to."""
        item = {"prompt": "What is 6 x 7?", "completion": f"{next(NUMBERS)} {FILLER}", "columns": {"answer": "42"}}
        body = json.dumps({"items": [item]}).encode()
        self.since = time.perf_counter()
        self.transport.write(HEAD + str(len(body)).encode() + b"\r\n\r\n" + body)

    def data_received(self, data: bytes) -> None:
        """Gather an answer."""
        self.heard += data
        head, found, body = self.heard.partition(b"\r\n\r\n")
        if not found or len(body) < int(head.lower().partition(b"content-length: ")[2].partition(b"\r")[0]):
            return
        if not head.startswith(b"HTTP/1.1 200") or not JUDGED.search(body):
            raise SystemExit(f"not the answer that was expected: {self.heard[:2000]!r}")
        self.heard = b""
        self.load.latencies.append(time.perf_counter() - self.since)
        if self.load.goes_on():
            self.ask()
        else:
            self.transport.close()

    def connection_lost(self, _: Exception | None) -> None:
        """One fewer."""
        self.load.left -= 1
        if not self.load.left:
            self.load.done.set()


class Load:
    """All connections, for some seconds or some requests."""

    def __init__(self, *, seconds: float = 1e9, requests: int = 10**12) -> None:
        self.until = time.perf_counter() + seconds
        self.requests = requests
        self.latencies: list[float] = []
        self.left = CONNECTIONS
        self.done = asyncio.Event()

    def goes_on(self) -> bool:
        """Whether there is another request to send."""
        return time.perf_counter() < self.until and len(self.latencies) + self.left <= self.requests

    async def run(self, port: int) -> float:
        """Requests a second."""
        begun = time.perf_counter()
        for _ in range(CONNECTIONS):
            await asyncio.get_running_loop().create_connection(lambda: Client(self), "127.0.0.1", port)
        await self.done.wait()
        return len(self.latencies) / (time.perf_counter() - begun)


def load(port: int, **until: float) -> tuple[float, float, float]:
    """Requests a second, and the 50th and 99th percentile of the latency in ms."""

    async def run() -> tuple[float, list[float]]:
        one = Load(**until)
        return await one.run(port), one.latencies

    rate, latencies = uvloop.run(run())
    cuts = statistics.quantiles(latencies, n=100)
    return rate, cuts[49] * 1000, cuts[98] * 1000


def be(kind: str, folder: Path) -> None:
    """The server's process: the empty endpoint, or a reward with these batches."""
    from rewards.service.serve import serve
    from rewards.spec import RewardSpec, ScorerEntry, reward_of
    from schemas.service import ServeOptions

    if kind == "empty":
        be_empty()
        return
    rule, _, batch = kind.partition("/")
    reward = reward_of(RewardSpec(rules=(folder / "rules.py",), scorers=(ScorerEntry(rule=rule),)))
    more = {"batch": int(batch)} if batch else {}
    serve(reward, ServeOptions(port=0, **more), token=None, announce=lambda line: print(line, flush=True))


def be_empty() -> None:
    """An endpoint that does nothing, written as FastAPI's users do."""
    import socket

    from fastapi import FastAPI

    from rewards.service.serve import run
    from schemas.service import (
        ItemResult,
        OutcomeResult,
        RewardsRequest,
        RewardsResponse,
        ServeOptions,
        Timings,
        Versions,
    )

    app = FastAPI()

    @app.post("/v1/rewards")
    async def rewards(body: RewardsRequest) -> RewardsResponse:
        outcomes = {"mentions": OutcomeResult(status="ok", value=0.0)}
        items = [ItemResult(id=item.id, reward=0.0, outcomes=outcomes) for item in body.items]
        versions = Versions(reward_id="0" * 36, scorers={"mentions": "0" * 36})
        return RewardsResponse(reward="empty", items=items, versions=versions, timings=Timings())

    listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
    print(f"serving empty on http://127.0.0.1:{listener.getsockname()[1]}", flush=True)
    run(app, ServeOptions(), listener)


@contextmanager
def server(kind: str, folder: Path) -> Iterator[tuple[int, int]]:
    """A server's port and process id; it has answered before."""
    command = [sys.executable, __file__, "--be", kind, "--folder", str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        port = int(process.stdout.readline().rpartition(":")[2])
        load(port, requests=500)
        yield port, process.pid
        process.terminate()


def memory_mb(pid: int) -> float:
    """Resident memory of a process, without its children."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def cpu_seconds(pid: int) -> float:
    """Processor time of a process, without its children."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def compare(first: str, second: str, folder: Path, seconds: float, rounds: int) -> None:
    """Two servers in turn; the ratio of each round, and their median."""
    ratios, spreads = [], []
    for _ in range(rounds):
        rates = []
        for kind in (first, second):
            with server(kind, folder) as (port, pid):
                spent = -cpu_seconds(pid)
                rate, middle, late = load(port, seconds=seconds)
                spent += cpu_seconds(pid)
            each = spent / rate / seconds * 1e6
            print(f"  {kind:12} {rate:7.0f} requests/s   p50 {middle:6.1f} ms   p99 {late:6.1f} ms", end="")
            print(f"   {each:5.0f} microseconds of processor time a request", flush=True)
            rates.append(rate)
            spreads.append(late / middle)
        ratios.append(rates[0] / rates[1])
    print(f"  {first} / {second}: {statistics.median(ratios):.2f} (" + ", ".join(f"{r:.2f}" for r in ratios), end=")")
    print(f", p99 / p50 of {first}: at most {max(spreads[::2]):.1f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=5)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--requests", type=int, default=200_000)
    parser.add_argument("--be", help=argparse.SUPPRESS)
    parser.add_argument("--folder", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.be:
        be(given.be, given.folder)
        return
    with tempfile.TemporaryDirectory() as name, suppress(KeyboardInterrupt):
        folder = Path(name)
        (folder / "rules.py").write_text(RULES)
        print("a rule against an empty endpoint")
        compare("mentions", "empty", folder, given.seconds, given.rounds)
        print("20 ms a call: micro-batching against one item a call")
        compare("slow", "slow/1", folder, given.seconds, given.rounds)
        if given.requests:
            with server("mentions", folder) as (port, pid):
                half = given.requests // 2
                load(port, requests=half)
                first = memory_mb(pid)
                load(port, requests=given.requests - half)
                last = memory_mb(pid)
            print(f"memory after {half:,} requests {first:.0f} MiB, after {given.requests:,} {last:.0f} MiB")


if __name__ == "__main__":
    main()
