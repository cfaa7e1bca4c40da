"""Running the async form of a rule over a task's rows, in a worker: several at a time on one event loop."""

import asyncio
from collections.abc import Awaitable, Generator, Iterator, Sequence
from time import monotonic
from typing import Any

from rewards.calls import ERROR, TIMEOUT, Failure, Finding, Loaded, Prepare, over, safe_finding
from rewards.slot import STARTED, Phase, Slot


class AsyncRunner:
    """Keeps one event loop for the worker's life: clients that rules hold are bound to it."""

    def __init__(self, slot: Slot) -> None:
        self.slot = slot
        self._runner = asyncio.Runner()

    def run(self, rule: Loaded, columns: Sequence[list[Any]], rows: int) -> None:
        """Judge the rows, at most `in_flight` at once. The pool's kill is the backstop for what blocks the loop."""
        self._runner.run(self._gather(rule, columns, rows))

    async def _gather(self, rule: Loaded, columns: Sequence[list[Any]], rows: int) -> None:
        given, prepare = rule.rows(columns, rows)
        numbered = enumerate(given)
        lanes = min(rows, rule.job.in_flight)
        await asyncio.gather(*(self._lane(rule, numbered, prepare) for _ in range(lanes)))

    async def _lane(self, rule: Loaded, given: Iterator[tuple[int, Any]], prepare: Prepare | None) -> None:
        slot = self.slot
        for row, raw in given:
            slot.seconds[row] = started = monotonic()
            slot.codes[row] = STARTED
            code, value, reason = await self._judge(rule, row, raw, prepare)
            if reason:
                slot.explain(row, reason)
            slot.values[row] = value
            slot.seconds[row] = monotonic() - started
            slot.codes[row] = code

    async def _judge(self, rule: Loaded, row: int, raw: Any, prepare: Prepare | None) -> Finding:
        limit = asyncio.timeout(rule.job.timeout)
        try:
            async with limit:
                arguments = raw if prepare is None else prepare(raw)
                answer = await _Steps(rule.function(*arguments, **rule.keywords()), row, self.slot)
        except BaseException as error:  # noqa: BLE001  (the boundary, as in `attempt`)
            if limit.expired():
                return TIMEOUT, 0.0, over(rule.job.timeout)
            return ERROR, 0.0, Failure(error).reason
        return safe_finding(answer)


class _Steps:
    """Awaits something, and publishes its row whenever the event loop runs its code: if that blocks, it is known."""

    def __init__(self, awaited: Awaitable[Any], row: int, slot: Slot) -> None:
        self.awaited = awaited
        self.row = row
        self.slot = slot

    def __await__(self) -> Generator[Any, Any, Any]:
        slot, steps = self.slot, self.awaited.__await__()
        thrown: BaseException | None = None
        while True:
            slot.since[0] = monotonic()
            slot.call[1] = 1
            slot.call[0] = self.row
            try:
                yielded = next(steps) if thrown is None else steps.throw(thrown)
            except StopIteration as stop:
                return stop.value
            finally:
                slot.call[0] = Phase.BETWEEN
            thrown = None
            try:
                yield yielded
            except BaseException as error:  # noqa: BLE001  (handed on to the coroutine, which decides)
                thrown = error
