"""Rules that misbehave on a row whose text says so; every other row has its length as value. No test module."""

import asyncio
import contextlib
import ctypes
import math
import os
import re
import signal
import sys
import time

import polars as pl

from rewards import Verdict, rule

hoard: list[bytearray] = []
lines: list[str] = []


@rule
def per_row(completion: str) -> object:  # noqa: C901  (a list of mishaps)
    match completion:
        case "hangs":
            while True:
                time.sleep(0.01)
        case "hangs in C":
            re.match(r"(a+)+$", "a" * 64 + "b")
        case "ignores SIGTERM":
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            time.sleep(60)
        case "raises":
            raise ValueError("the first line\nthe second")
        case "raises nonsense":
            raise Nonsense
        case "exits":
            sys.exit(0)
        case "interrupts":
            raise KeyboardInterrupt
        case "kills its process":
            os._exit(3)
        case "crashes":
            ctypes.string_at(0)
        case "returns nan":
            return math.nan
        case "returns inf":
            return -math.inf
        case "returns text":
            return "1.0"
        case "returns a huge int":
            return 10**400
        case "recurses":
            return per_row.__globals__["recurse"](0)
        case "eats 10 GB":
            return len(bytearray(10 * 2**30))
        case "does not apply":
            return None
        case "says why":
            return Verdict(0.25, "a quarter")
        case "says why not":
            return Verdict(None, "no answer")
        case "prints a lot":
            print("x" * 1_000_000)
        case "closes stdout":
            sys.stdout.close()
            with contextlib.suppress(OSError):
                os.close(1)
    return len(completion)


class Nonsense(Exception):  # noqa: N818
    def __str__(self) -> str:
        raise RuntimeError


def recurse(depth: int) -> int:
    return recurse(depth + 1) + 1


@rule
def sleeps(completion: str) -> float:
    time.sleep(float(completion))
    return 1.0


@rule(timeout=0.1)
def impatient(completion: str) -> float:
    time.sleep(float(completion))
    return 1.0


@rule
def hoards(completion: str) -> bool:
    hoard.append(bytearray(48 * 2**20))
    return True


@rule
def alters(
    completion: str,
    keywords: list[str],
    known: list[str],
    *,
    words: list[str] = ["a"],  # noqa: B006
    more: tuple = ([],),
) -> float:
    size = len(keywords) + 10 * len(known) + 100 * len(words) + 1000 * len(more[0])
    for mutable in (keywords, known, words, more[0]):
        mutable.append("x")
    return size


@rule
def inputs(completion: str, answer: int, note: str | None, scale: float = 2.0, tags: list[str] = ["t"]) -> float:  # noqa: B006
    return answer * scale + (note is None) + len(tags) / 10


def batched(completions: list, **columns: object) -> list[float | None]:
    texts = [completion[0]["content"] for completion in completions]
    for text in texts:
        per_row(text) if text not in ("returns nan", "does not apply") else None
    return [{"returns nan": math.nan, "does not apply": None}.get(text, len(text)) for text in texts]


def too_few(completions: list, prompts: list) -> list[float]:
    return [1.0 for completion in completions if completion[0]["content"] != "too few"]


def of_the_trainer(prompts: list, completions: list, keywords: list, log_metric, trainer_state, **rest) -> list[float]:
    log_metric("mean", 0.5)
    assert trainer_state.global_step == 0
    assert all(prompt[0]["role"] == "user" for prompt in prompts)
    keywords.append("altered")
    return [len(k) + (tag or 0) for k, tag in zip(keywords, rest["tag"], strict=False)]


@rule
async def waits(completion: str) -> float:
    match completion:
        case "blocks":
            while True:
                pass
        case "waits for ever":
            await asyncio.sleep(100)
        case "cannot be cancelled":
            while True:
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.sleep(100)
        case "blocks in a task":
            await asyncio.gather(asyncio.create_task(_block()))
        case "kills its process":
            await asyncio.sleep(0.01)
            os._exit(3)
        case "raises":
            raise ValueError("no")
    await asyncio.sleep(0.05)
    return len(completion)


async def _block() -> None:
    time.sleep(60)


@rule
def columnar(completion: pl.Expr, *, least: int = 0) -> pl.Expr:
    return completion.str.len_chars() >= least


@rule
def columnar_parse(completion: pl.Expr) -> pl.Expr:
    return completion.cast(pl.Float64)


@rule
def columnar_keywords(completion: pl.Expr, keywords: pl.Expr, weight: pl.Expr = 3) -> pl.Expr:  # type: ignore[assignment]
    return keywords.list.len() * weight


@rule
def columnar_sum(completion: pl.Expr) -> pl.Expr:
    return completion.str.len_chars().sum()


@rule
def columnar_share(completion: pl.Expr) -> pl.Expr:
    return completion.str.len_chars() / completion.str.len_chars().max()


@rule
def columnar_rank(completion: pl.Expr) -> pl.Expr:
    return completion.str.len_chars().rank()


@rule
def columnar_longer(completion: pl.Expr) -> pl.Expr:
    return completion.str.len_chars() > completion.str.len_chars().shift(1, fill_value=0)


@rule
def columnar_text(completion: pl.Expr) -> pl.Expr:
    return completion


@rule
def columnar_nothing(completion: pl.Expr) -> pl.Expr:
    return None  # type: ignore[return-value]
