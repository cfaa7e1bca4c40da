"""The reward service under ten times what it can do, for half a minute, over loopback.

    python benchmarks/service_overload.py [--seconds 30] [--connections 200]

The scorer takes 20 ms a call and gets 8 items at a time; the queue holds 64. What it can do is measured first; then the
clients offer ten times as many requests of one item a second, and heed no Retry-After. Every request must get exactly
one answer, right or refused; afterwards as many are answered as before.
"""

import argparse
import asyncio
import random
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from itertools import count
from pathlib import Path

import uvloop
from service_load import HEAD, RULES

NUMBERS = count()
BODY = b'{"items":[{"prompt":"What is 6 x 7?","completion":"%d"}]}'
RIGHT = re.compile(rb'"items":\[\{[^\]]*"reward":1\.0')
LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Asker:
    """Asks one request after another on a connection of its own, and notes what each came to."""

    def __init__(self, port: int) -> None:
        self.port = port
        self.sent = 0
        self.answers: Counter[str] = Counter()
        self.latencies: list[float] = []

    async def run(self, seconds: float, pause: float) -> None:
        """Ask every `pause` seconds, or as soon as the last answer is there, until the time is up."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        until = time.perf_counter() + seconds
        due = time.perf_counter() + pause * random.random()
        while max(due, time.perf_counter()) < until:
            await asyncio.sleep(max(due - time.perf_counter(), 0))
            await self.ask(reader, writer)
            due += pause
        await asyncio.sleep(0.05)
        assert not reader._buffer, "more than one answer to a request"  # type: ignore[attr-defined]
        writer.close()

    async def ask(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One request and its answer."""
        body = BODY % next(NUMBERS)
        begun = time.perf_counter()
        writer.write(HEAD + str(len(body)).encode() + b"\r\n\r\n" + body)
        self.sent += 1
        head = await reader.readuntil(b"\r\n\r\n")
        found = LENGTH.search(head)
        assert found, head
        told = await reader.readexactly(int(found[1]))
        status = head.split(b" ", 2)[1].decode()
        if status == "200":
            self.latencies.append(time.perf_counter() - begun)
            status = "200, right" if RIGHT.search(told) else "200, wrong"
        elif status == "429":
            assert b"retry-after" in head.lower(), head
        self.answers[status] += 1


async def offered(port: int, connections: int, seconds: float, rate: float) -> tuple[int, Counter[str], list[float]]:
    """Requests, what they came to, and the seconds that the accepted ones took; `rate` requests a second."""
    askers = [Asker(port) for _ in range(connections)]
    await asyncio.gather(*(asker.run(seconds, connections / rate) for asker in askers))
    answers: Counter[str] = Counter()
    for asker in askers:
        answers.update(asker.answers)
    return sum(asker.sent for asker in askers), answers, [one for asker in askers for one in asker.latencies]


def show(label: str, port: int, connections: int, seconds: float, rate: float) -> float:
    """One line about some seconds of requests; returns how many a second were answered."""
    sent, answers, latencies = uvloop.run(offered(port, connections, seconds, rate))
    cuts = statistics.quantiles(latencies, n=100)
    print(f"{label:9} {sent:8,} requests, {answers.total():,} answers: ", end="")
    print(", ".join(f"{count:,} {what}" for what, count in sorted(answers.items())), end="; ")
    print(f"accepted: p50 {cuts[49] * 1000:.0f} ms, p99 {cuts[98] * 1000:.0f} ms", flush=True)
    return len(latencies) / seconds


def be(folder: Path) -> None:
    """The service's process."""
    from rewards.service.serve import serve
    from rewards.spec import RewardSpec, ScorerEntry, reward_of
    from schemas.service import ServeOptions

    reward = reward_of(RewardSpec(rules=(folder / "rules.py",), scorers=(ScorerEntry(rule="slow"),)))
    settings = ServeOptions(port=0, batch=8, max_queue=64, max_items=64, lanes=1, workers=1)
    serve(reward, settings, token=None, announce=lambda line: print(line, flush=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=30)
    parser.add_argument("--connections", type=int, default=200)
    parser.add_argument("--be", type=Path, help=argparse.SUPPRESS)
    given = parser.parse_args()
    if given.be:
        be(given.be)
        return
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "rules.py").write_text(RULES)
        command = [sys.executable, __file__, "--be", name]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None
            port = int(process.stdout.readline().rpartition(":")[2])
            capacity = show("alone", port, 48, 4.0, 1e9)
            show(f"{10 * capacity:,.0f}/s", port, given.connections, given.seconds, 10 * capacity)
            show("alone", port, 48, 4.0, 1e9)
            process.terminate()
        print(f"ended with exit code {process.returncode}")


if __name__ == "__main__":
    main()
