"""Micro-batching: items of requests that arrive together are judged together, and every request gets its own back.

One pump takes up to `batch` waiting items while the batch before is judged, so batches are as large as the load makes
them. Equal items are judged once. A batch that is held up by a slow row gets company: the next goes to another lane,
with workers of its own.
"""

import asyncio
import logging
import math
import time
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass

from rewards.engine import Limits
from rewards.item_judge import Block, Scored, failure, result_of
from rewards.outcome import Status
from rewards.rule import Form
from rewards.service.cache import Cache, Keys
from rewards.service.lane import Lane
from rewards.service.metrics import Metrics
from rewards.service.queue import Entry, Queue, Ticket
from rewards.service.refusal import ClientGone, Refusal
from rewards.spec import Reward
from schemas.errors import ConfigError
from schemas.service import ItemResult, RewardItem, ServeOptions, Versions

HELD_UP = 0.2
"""Seconds after which a batch counts as held up, and the next one gets another lane."""
LOOK, RARELY = 0.25, 2.0
"""Seconds until the first look at whether a client is still there; each next waits twice as long, up to the second."""
STOP_PATIENCE = 1.0
"""Seconds that a lane gets for its batch when the service stops; every request has its answer by then."""
LONGEST_RETRY = 60
"""Most seconds in a Retry-After."""

Gone = Callable[[], Awaitable[bool]]

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Answer:
    """What a request gets back."""

    results: list[Scored]
    """One for each item, in order."""
    cached: frozenset[int]
    """Places of the items that had been judged before."""
    waited: float
    """Seconds until its first item was sent to the scorers."""
    total: float
    """Seconds until all had their outcomes."""


class RewardService:
    """A reward that answers many requests at once.

    Raises:
        ConfigError: the reward asks for what only a trainer can do.
    """

    def __init__(self, reward: Reward, settings: ServeOptions) -> None:
        if reward.spec.normalise != "none":
            raise ConfigError(
                f"reward {reward.name!r} asks for normalise: {reward.spec.normalise}, which needs the whole group; "
                "leave it out of the spec and set it in the trainer (scale_rewards in TRL, norm_adv_by_std_in_grpo in "
                "verl)"
            )
        self.reward = reward
        self.settings = settings
        scorers = {scorer.name: scorer.fingerprint for scorer in reward.scorers}
        self.versions = Versions(reward_id=reward.reward_id, scorers=scorers)
        """What judges."""
        self.names = list(scorers)
        """The scorers'."""
        # a rule that is called row by row gains nothing by company, and loses what it waits
        rows_only = all(scorer.rule.form in (Form.ROW, Form.COLUMNAR) for scorer in reward.scorers)
        self._linger = 0.0 if rows_only else settings.linger_ms / 1000
        self.stopping = False
        self.stuck = False
        """After `stop`: a lane is still busy."""
        self.queue = Queue()
        self.metrics = Metrics(
            self.names,
            lambda: self.queue.items,
            lambda: sum(lane.since is None for lane in self._lanes),
        )
        self._keys = Keys(reward, settings.max_chars)
        self._cache = Cache(settings.cache, len(reward.scorers))
        self._open: set[Ticket] = set()
        self._lanes: list[Lane] = []
        self._freed = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None
        self._watcher: asyncio.Task[None] | None = None
        self._judging: set[asyncio.Task[None]] = set()
        self._company = 0
        """Requests that the last batch came from."""
        self._rate = math.inf
        """Items a second, of the last batch."""

    async def start(self) -> None:
        """Start the lanes, and the worker processes of the first.

        Raises:
            StageStopped: they do not start.
            UserError: a rule's file is no longer what it was, or a model cannot be loaded.
        """
        limits = Limits(self.settings.timeout, self.settings.workers, self.settings.memory_mb)
        # a reward model is in memory once
        loads = any(scorer.rule.form is Form.MODEL for scorer in self.reward.scorers)
        self._lanes = [
            Lane(self.reward, limits, self.settings.deadline) for _ in range(1 if loads else self.settings.lanes)
        ]
        await self._lanes[0].warm()
        self._pump = asyncio.create_task(self._run())
        self._watcher = asyncio.create_task(self._watch())

    async def stop(self) -> None:
        """Finish what was accepted, then end the lanes and all their processes."""
        self.stopping = True
        while self._open:  # each ends by its deadline
            await asyncio.sleep(0.02)
        for task in (self._pump, self._watcher):
            if task is not None:
                task.cancel()
                await asyncio.gather(task, return_exceptions=True)
        lanes, self._lanes = self._lanes, []
        self.stuck |= not all(await asyncio.gather(*(lane.stop(STOP_PATIENCE) for lane in lanes)))

    @property
    def trouble(self) -> str:
        """Why no request should be sent here; empty if there is no reason."""
        if self.stopping:
            return "the service is stopping"
        if self._pump is None or self._pump.done():
            return "the service is not running"
        if broken := next((lane.trouble for lane in self._lanes if lane.trouble), ""):
            return broken
        return "too many items are waiting" if self.queue.items >= self.settings.max_queue else ""

    async def score(
        self, items: Sequence[RewardItem], *, deadline: float | None = None, gone: Gone | None = None
    ) -> Answer:
        """Judge the items of a request.

        Args:
            items: the items; none is fine.
            deadline: seconds until the answer is wanted, if fewer than the service's own. Items that have no outcome
                by then are `timeout`.
            gone: tells whether the client went away, such as `request.is_disconnected`.

        Raises:
            Refusal: there are too many, a number is not finite, or the service is stopping.
            ClientGone: nobody waits any more.
        """
        self._admit(len(items))
        keys = [self._keys.key(item) for item in items]
        ticket = Ticket([None] * len(items), asyncio.get_running_loop().create_future(), missing=len(items))
        for place, (item, key) in enumerate(zip(items, keys, strict=True)):
            self._enter(ticket, place, item, key)
        self.metrics.items.inc(len(items))
        seconds = min(deadline or math.inf, self.settings.deadline)
        if ticket.missing:
            self.queue.put(ticket)
            await self._answered(ticket, seconds, gone)
        self.metrics.cached.inc(len(ticket.cached))
        if ticket.missing:
            self.metrics.late.inc(ticket.missing)
            late = failure(self.reward, f"no outcome within the request's {seconds:g} s", Status.TIMEOUT)
            ticket.results = [scored or late for scored in ticket.results]
        return Answer(
            [scored for scored in ticket.results if scored is not None],
            frozenset(ticket.cached),
            (ticket.sent or ticket.since) - ticket.since,
            time.monotonic() - ticket.since,
        )

    async def results(self, items: Sequence[RewardItem], *, gone: Gone | None = None) -> list[ItemResult]:
        """Judge the items of a request: what a client is told of each, in order.

        Raises:
            Refusal: as in `score`.
            ClientGone: nobody waits any more.
        """
        judged = await self.score(items, gone=gone)
        return [
            result_of(item, scored, self.names, cached=place in judged.cached)
            for place, (item, scored) in enumerate(zip(items, judged.results, strict=True))
        ]

    def _admit(self, items: int) -> None:
        if self.stopping:
            raise Refusal(503, "stopping", "the service is stopping", retry_after=1)
        if items > self.settings.max_items:
            raise Refusal(
                413, "too_many_items", f"{items:,} items; a request holds at most {self.settings.max_items:,}"
            )
        if items and self.queue.items + items > self.settings.max_queue:
            wait = min(max(math.ceil(self.queue.items / self._rate), 1), LONGEST_RETRY)
            raise Refusal(429, "too_busy", f"{self.queue.items:,} items are waiting; try again", retry_after=wait)

    def _enter(self, ticket: Ticket, place: int, item: RewardItem, key: bytes | None) -> None:
        if key is None:
            reason = f"the item has more than {self.settings.max_chars:,} characters of JSON"
            ticket.settle(place, failure(self.reward, reason))
        elif known := self._cache.get(key):
            ticket.settle(place, known, cached=True)
        else:
            ticket.queued.append(Entry(item, key, ticket, place))

    async def _answered(self, ticket: Ticket, seconds: float, gone: Gone | None) -> None:
        """Wait for a ticket, until its deadline or until nobody else does."""
        self._open.add(ticket)
        ticket.gone = gone
        left = max(ticket.since + seconds - time.monotonic(), 0)
        deadline = asyncio.get_running_loop().call_later(left, ticket.end)
        try:
            await ticket.done
        finally:  # also if the request is cancelled
            deadline.cancel()
            ticket.open = False
            self.queue.drop(ticket)
            self._open.discard(ticket)
        if ticket.left:
            self.metrics.abandoned.inc()
            raise ClientGone("the client went away")

    async def _watch(self) -> None:
        """Look whether the clients of requests that take long are still there; less and less often."""
        while True:
            await asyncio.sleep(LOOK)
            now = time.monotonic()
            for ticket in [one for one in self._open if one.look <= now]:
                ticket.look = now + min(now - ticket.since, RARELY)
                if ticket.gone is not None and await ticket.gone():
                    ticket.left = True
                    ticket.end()

    async def _run(self) -> None:
        """The pump: a batch after another, as lanes become free."""
        while True:
            await self.queue.arrived.wait()
            lane = await self._free_lane()
            if self._linger and (self._company > 1 or len(self._open) > 1) and self.queue.items < self.settings.batch:
                await asyncio.sleep(self._linger)
            batch = self._batch()
            if batch:
                lane.since = time.monotonic()
                task = asyncio.create_task(self._judge(lane, batch))
                self._judging.add(task)
                task.add_done_callback(self._judging.discard)

    async def _free_lane(self) -> Lane:
        """An idle lane, once all others are idle or held up."""
        while True:
            now = time.monotonic()
            free = [lane for lane in self._lanes if lane.since is None]
            waits = [lane.since + HELD_UP - now for lane in self._lanes if lane.since is not None]
            if free and max(waits, default=0.0) <= 0:
                return free[0]
            self._freed.clear()
            with suppress(TimeoutError):
                await asyncio.wait_for(self._freed.wait(), max(waits) if free else None)

    def _batch(self) -> list[list[Entry]]:
        """The next items, equal ones together."""
        groups: dict[bytes, list[Entry]] = {}
        taken = self.queue.take(self.settings.batch)
        self._company = len({entry.ticket for entry in taken})
        for entry in taken:
            if known := self._cache.get(entry.key):  # judged while it waited
                entry.ticket.settle(entry.place, known, cached=True)
            else:
                groups.setdefault(entry.key, []).append(entry)
        return list(groups.values())

    async def _judge(self, lane: Lane, batch: list[list[Entry]]) -> None:
        def deliver(block: Block) -> None:
            self.metrics.judged(scored for _, scored in block)
            for place, scored in block:
                self._cache.put(batch[place][0].key, scored)
                for entry in batch[place]:
                    entry.ticket.settle(entry.place, scored)

        def unwanted() -> bool:
            return not any(entry.wanted for group in batch for entry in group)

        self.metrics.batches.observe(len(batch))
        begun = time.monotonic()
        error = await lane.judge([group[0].item for group in batch], deliver, unwanted)
        self._rate = len(batch) / max(time.monotonic() - begun, 1e-6)
        self._freed.set()
        if error is not None:
            logger.error("a batch of %d items failed", len(batch), exc_info=error)
            failed = failure(self.reward, f"the service failed: {type(error).__name__}")
            for entry in (entry for group in batch for entry in group):
                entry.ticket.settle(entry.place, failed)
