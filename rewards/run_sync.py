"""Running the per-row and the batched form of a rule over a task's rows, in a worker."""

import os
from collections.abc import Sequence
from inspect import iscoroutine
from time import monotonic
from typing import Any, NoReturn

from rewards.calls import (
    ERROR,
    TIMEOUT,
    Failure,
    Finding,
    Loaded,
    attempt,
    finding,
    over,
    safe_finding,
    trainer_arguments,
)
from rewards.slot import Phase, Slot


def run_rows(slot: Slot, rule: Loaded, columns: Sequence[list[Any]], rows: int, *, fresh: bool) -> None:
    """Judge row by row.

    Args:
        slot: where the outcomes go.
        rule: the rule.
        columns: its columns, each a list over the rows.
        rows: how many.
        fresh: whether the first row would be to blame if it ran out of memory. For any other row earlier ones may have
            filled it, so the process ends and the row is tried again in another.
    """
    given, prepare = rule.rows(columns, rows)
    function, options, limit = rule.function, rule.keywords(), rule.job.timeout
    call, since, seconds, values, codes = slot.call, slot.since, slot.seconds, slot.values, slot.codes
    call[1] = 1
    now = monotonic()
    for row, raw in enumerate(given):
        since[0] = now
        call[0] = row
        try:
            arguments = raw if prepare is None else prepare(raw)
            if rule.mutable:
                options = rule.keywords()
            code, value, reason = finding(function(*arguments, **options))
        except BaseException as error:  # noqa: BLE001  (the same boundary as `attempt`, without its cost)
            failure = Failure(error)
            code, value, reason = finding(failure)
            if failure.memory:
                _retire(slot, row, reason if fresh and row == 0 else "")
        then, now = now, monotonic()
        if now - then > limit:  # it came back before the watchdog looked; the outcome must not depend on that
            code, value, reason = TIMEOUT, 0.0, over(limit)
        if reason:
            slot.explain(row, reason)
        values[row] = value
        seconds[row] = now - then
        codes[row] = code
    call[0] = Phase.BETWEEN


def _retire(slot: Slot, row: int, reason: str) -> NoReturn:
    """End this process, whose memory is full; with a reason the row is finished."""
    if reason:
        _settle(slot, row, (ERROR, 0.0, reason), monotonic() - slot.since[0])
    slot.call[0] = Phase.RETIRED
    os._exit(0)


def _settle(slot: Slot, row: int, found: Finding, seconds: float) -> None:
    code, slot.values[row], reason = found
    if reason:
        slot.explain(row, reason)
    slot.seconds[row] = seconds
    slot.codes[row] = code


def run_batch(slot: Slot, rule: Loaded, columns: Sequence[list[Any]], rows: int) -> None:
    """Judge all rows in one call; a call that fails is halved until the row is found."""
    parts = [(0, rows)]
    while parts:
        low, high = parts.pop()
        slot.call[0] = Phase.BETWEEN
        slot.since[0] = started = monotonic()
        slot.call[1] = high - low
        slot.call[0] = low
        answers = attempt(_call, rule, columns, low, high)
        if isinstance(answers, Failure) and high - low > 1:
            middle = (low + high) // 2
            parts += [(middle, high), (low, middle)]
            continue
        if isinstance(answers, Failure):
            answers = [answers]
        each = (monotonic() - started) / (high - low)
        if high - low == 1 and each > rule.job.timeout:
            _settle(slot, low, (TIMEOUT, 0.0, over(rule.job.timeout)), each)
            continue
        for row, answer in enumerate(answers, start=low):
            _settle(slot, row, safe_finding(answer), each)
    slot.call[0] = Phase.BETWEEN


def _call(rule: Loaded, columns: Sequence[list[Any]], low: int, high: int) -> list[Any]:
    """One call of a batched rule; the lists are new each time, since a rule may alter them."""
    given = {a.name: rule.column(a, columns, low, high) for a in rule.job.arguments}
    if "completions" in given:
        given["completions"] = [[{"role": "assistant", "content": text}] for text in given["completions"]]
    answers = rule.function(**trainer_arguments(rule.job), **given, **rule.keywords())
    if iscoroutine(answers):  # TRL takes async reward functions too
        import asyncio

        answers = asyncio.run(answers)
    if isinstance(answers, str | bytes | dict | set) or not hasattr(answers, "__len__"):
        raise TypeError(f"returned {type(answers).__name__}, not a list with one value a row")
    if len(answers) != high - low:
        raise ValueError(f"returned {len(answers)} values for {high - low} rows")
    return list(answers)
