"""One judgement of a table by a pool's workers: handing out tasks, watching rows, finding who was to blame."""

import hashlib
import math
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from multiprocessing.connection import wait

import pyarrow as pa

from rewards.admission import admit, job_of
from rewards.calls import ERROR, TIMEOUT, over
from rewards.judged import Judged, same
from rewards.process import Crew, Task, Worker
from rewards.rule import Form
from rewards.scorer import Scorer
from rewards.slot import ROWS, Phase
from schemas.errors import RuleError

TICK = 0.5
"""Seconds between two looks at the workers while nothing happens; each also hands on the rows finished so far."""
GRACE = 1.0
"""Seconds beyond its limit that an async row gets to be cancelled on its event loop."""
LOAD_SECONDS = 120.0
"""Longest time that loading a rule, with all that it imports, may take."""
SECONDS = 5.0
"""For one row of a rule, if nobody states more or less."""
FIRST_CHUNK = 16
ASYNC_CHUNK = 256
CHUNK_BYTES = 8 * 2**20
SHORT, LONG = 0.05, 0.4
"""A chunk that took fewer seconds is followed by a larger one, one that took more by a smaller one."""
IN_FLIGHT = 32
"""Rows of an async rule that are under way at once, over all workers."""
TRIES = 2
"""Workers that may be lost over a task before its first row; then it is split, and a single row is given up."""


@dataclass(frozen=True, slots=True)
class Limits:
    """What a rule may use."""

    timeout: float = SECONDS
    """Seconds for one row of a rule that states none of its own."""
    workers: int | None = None
    """Worker processes; None: one a core."""
    memory_mb: int = 2048
    """Memory that a worker may add to what it has after its imports, in MiB."""
    longest: float | None = None
    """Seconds for one row at most, whatever the rule states; None: as long as it states."""

    def seconds(self, stated: float | None) -> float:
        """What a rule that states so much gets for one row."""
        own = stated or self.timeout
        return own if self.longest is None else min(own, self.longest)


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a rule, as its worker published it; equal only to itself."""

    first: int
    rows: int
    since: float


class Judgement:
    """The work of one `RulePool.judge`."""

    def __init__(self, crew: Crew, limits: Limits, scorer: Scorer, inputs: pa.Table, chunks: dict[str, int]) -> None:
        self.crew = crew
        self.scorer = scorer
        self.limit = limits.seconds(scorer.rule.timeout)
        self.concurrent = scorer.rule.form is Form.ASYNC
        table, self.rows, self.skipped = admit(scorer, inputs)
        in_flight = max(1, IN_FLIGHT // crew.most)
        self.job, names = job_of(scorer, inputs, timeout=self.limit, in_flight=in_flight)
        self.table = table.select(names)
        self.key = hashlib.sha256(self.job).hexdigest()
        self.chunks = chunks
        chunks.setdefault(scorer.scorer_id, FIRST_CHUNK)
        self.next = 0
        self.again: deque[Task] = deque()
        """Rows of lost workers."""

    def run(self) -> Iterator[Judged]:
        """Judge all rows."""
        yield from self.skipped
        while self._hand_out():
            waiting = [worker for worker in self.crew.workers if worker.task is not None or not worker.ready]
            heard = wait([worker.connection for worker in waiting], self._patience(waiting))
            for worker in waiting:
                if worker.connection in heard:
                    yield from self._listen(worker)
            for worker in waiting:
                if worker in self.crew.workers and worker.task is not None:
                    yield from self._watch(worker)

    def _hand_out(self) -> bool:
        """Give tasks to idle workers, and start workers for what is left; False if all is done."""
        for worker in [worker for worker in self.crew.workers if worker.ready and worker.task is None]:
            task = self._next_task()
            if task is None:
                break
            worker.assign(task)
            with suppress(OSError):  # it died while idle: `run` hears the end of its connection
                worker.send(self.key, self.job)
        wanted = min(self._tasks_left(), self.crew.most) - sum(not worker.ready for worker in self.crew.workers)
        for _ in range(min(wanted, self.crew.most - len(self.crew.workers))):
            self.crew.hire()
        return self._tasks_left() > 0 or any(worker.task is not None for worker in self.crew.workers)

    def _tasks_left(self) -> int:
        return len(self.again) + math.ceil((len(self.rows) - self.next) / self._chunk())

    def _chunk(self) -> int:
        if self.concurrent:
            return min(ASYNC_CHUNK, math.ceil(len(self.rows) / self.crew.most)) or 1
        return self.chunks[self.scorer.scorer_id]

    def _next_task(self) -> Task | None:
        if self.again:
            return self.again.popleft()
        rows = min(self._chunk(), len(self.rows) - self.next)
        if rows == 0:
            return None
        table = self.table.slice(self.next, rows)
        while rows > 1 and table.nbytes > CHUNK_BYTES:
            rows //= 2
            table = table.slice(0, rows)
        self.next += rows
        return Task(table, self.rows.slice(self.next - rows, rows))

    def _patience(self, waiting: list[Worker]) -> float:
        """Seconds until something may be due."""
        due = [call.since + self.limit for worker in waiting if (call := _call(worker))]
        return min([TICK, *(max(0.0, moment - time.monotonic()) for moment in due)])

    def _listen(self, worker: Worker) -> Iterator[Judged]:
        """Hear what a worker says; that may be nothing more."""
        try:
            refusal = worker.connection.recv()
        except (EOFError, OSError):
            yield from self._bury(worker, None, stalled=False)
            return
        if not worker.ready:
            self.crew.welcome(worker)
            return
        if refusal is not None:
            raise RuleError(f"rule {self.scorer.name} cannot be loaded in a worker process: {refusal}")
        block = worker.harvest()
        if block is not None:
            yield block
        self._adapt(worker)
        worker.task = None

    def _adapt(self, worker: Worker) -> None:
        """Choose the size of the next chunks, so that they end soon and yet are worth sending."""
        seconds, rows = time.monotonic() - worker.since, len(worker.task.rows) if worker.task else 0
        chunk = self.chunks[self.scorer.scorer_id]
        if seconds < SHORT and rows >= chunk:
            self.chunks[self.scorer.scorer_id] = min(ROWS, chunk * 4)
        elif seconds > LONG and rows <= chunk:
            self.chunks[self.scorer.scorer_id] = max(1, chunk // 2)

    def _watch(self, worker: Worker) -> Iterator[Judged]:
        """Kill a worker whose row takes too long, and collect from one that is long about its task."""
        now = time.monotonic()
        call = _call(worker)
        if call is not None and now - call.since <= self.limit:
            call = None
        late = call is not None
        if self.concurrent:  # cancelling did not help, or something that is no row's own code blocks the loop
            late |= any(now - started > self.limit + GRACE for started in worker.in_flight().values())
        if worker.slot.call[0] == Phase.LOADING and now - worker.since > LOAD_SECONDS:
            raise RuleError(f"rule {self.scorer.name} takes more than {LOAD_SECONDS:g} s to load")
        if late:
            worker.kill()
        if late or worker.process.poll() is not None:
            yield from self._bury(worker, call, stalled=late)
        elif now - worker.since > TICK and (block := worker.harvest()):
            yield block

    def _bury(self, worker: Worker, seen: Call | None, *, stalled: bool) -> Iterator[Judged]:
        """After a worker's death: keep what it finished, blame the row that was running, hand on the rest.

        Args:
            worker: the worker.
            seen: the call that it was killed for; if it is not the one that it died in, nobody is to blame.
            stalled: whether it was killed.
        """
        try:
            how = self.crew.lose(worker)
            task = worker.task
            if task is None:
                return
            if worker.slot.call[0] == Phase.LOADING:
                raise RuleError(f"rule {self.scorer.name}: its worker process died while loading it ({how})")
            block = worker.harvest()
            if block is not None:
                yield block
            left = worker.unfinished()
            call = _call(worker)
            if call is not None and (call.first not in left or (stalled and call != seen)):
                call = None
            if (call is not None and call.rows == 1) or (len(task.rows) == 1 and worker.in_flight()):
                yield self._blame(task, left.pop(left.index(call.first if call else 0)), call, how, stalled=stalled)
                if left:
                    self.again.append(task.part(left))
            elif left:
                yield from self._hand_on(worker, left, call, how, progress=block is not None)
        finally:
            worker.forget()

    def _blame(self, task: Task, row: int, call: Call | None, how: str, *, stalled: bool) -> Judged:
        seconds = time.monotonic() - call.since if call else self.limit + GRACE
        code, reason = (TIMEOUT, over(self.limit)) if stalled else (ERROR, f"the worker process died ({how})")
        return same(task.rows.slice(row, 1), code, reason, seconds)

    def _hand_on(
        self, worker: Worker, left: list[int], call: Call | None, how: str, *, progress: bool
    ) -> Iterator[Judged]:
        """Make new tasks of a lost worker's open rows; each is smaller, or has one more try behind it."""
        task = worker.task
        if task is None:
            return
        in_flight = worker.in_flight()
        if worker.slot.call[0] == Phase.RETIRED:
            self.again.append(task.part(left, tries=1))
        elif call is not None:  # a batched call: the row is in one of its halves
            middle, end = call.first + call.rows // 2, call.first + call.rows
            self.chunks[self.scorer.scorer_id] = max(1, call.rows // 2)
            for low, high in ((call.first, middle), (middle, end), (end, len(task.rows))):
                if part := [row for row in left if low <= row < high]:
                    self.again.append(task.part(part))
        elif in_flight:  # any of them may be to blame: each alone
            self.again.extend(task.part([row]) for row in in_flight)
            if rest := [row for row in left if row not in in_flight]:
                self.again.append(task.part(rest))
        elif progress or task.tries + 1 < TRIES:
            self.again.append(task.part(left, tries=0 if progress else task.tries + 1))
        elif len(left) > 1:
            half = len(left) // 2
            self.again.extend((task.part(left[:half], task.tries), task.part(left[half:], task.tries)))
        else:
            reason = f"the worker process died before the row was judged ({how})"
            yield same(task.rows.take(pa.array(left, pa.int64())), ERROR, reason)


def _call(worker: Worker) -> Call | None:
    """The call that the worker is in, as far as it has told."""
    if worker.task is None or worker.slot.call[0] < 0:
        return None
    return Call(worker.slot.call[0], worker.slot.call[1], worker.slot.since[0])
