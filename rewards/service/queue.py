"""Requests that wait for their items, in the order in which they came."""

import asyncio
import time
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from rewards.item_judge import Scored
from schemas.service import RewardItem


@dataclass(slots=True, eq=False)
class Ticket:
    """A request that waits for its items."""

    results: list[Scored | None]
    done: "asyncio.Future[None]"
    since: float = field(default_factory=time.monotonic)
    cached: set[int] = field(default_factory=set)
    """Places of items that had been judged before."""
    queued: "deque[Entry]" = field(default_factory=deque)
    """Items that were not sent to a lane."""
    missing: int = 0
    """Items without a result."""
    sent: float | None = None
    """When the first item was sent."""
    open: bool = True
    """Whether somebody waits for it."""
    gone: Callable[[], Awaitable[bool]] | None = None
    """Tells whether the client went away."""
    look: float = 0.0
    """When to ask next."""
    left: bool = False
    """The client went away."""

    def end(self) -> None:
        """End the wait, whatever is missing."""
        if not self.done.done():
            self.done.set_result(None)

    def settle(self, place: int, scored: Scored, *, cached: bool = False) -> None:
        """Note a result; the last one ends the wait."""
        if self.results[place] is None:
            self.results[place] = scored
            self.missing -= 1
            if cached:
                self.cached.add(place)
            if not self.missing:
                self.end()


@dataclass(frozen=True, slots=True)
class Entry:
    """An item that waits."""

    item: RewardItem
    key: bytes
    """Equal for items that need judging only once."""
    ticket: Ticket
    place: int

    @property
    def wanted(self) -> bool:
        """Whether somebody waits for it."""
        return self.ticket.open and self.ticket.results[self.place] is None


class Queue:
    """Tickets with items to be sent; one that nobody waits for any more leaves at once."""

    def __init__(self) -> None:
        self.items = 0
        """Items that wait."""
        self.arrived = asyncio.Event()
        """Set while there are some."""
        self._tickets: dict[Ticket, None] = {}

    def put(self, ticket: Ticket) -> None:
        """Add a ticket that has queued items."""
        self._tickets[ticket] = None
        self.items += len(ticket.queued)
        self.arrived.set()

    def drop(self, ticket: Ticket) -> None:
        """Take out what is left of a ticket."""
        if self._tickets.pop(ticket, self) is None:
            self._left(len(ticket.queued))
        ticket.queued.clear()

    def take(self, most: int) -> list[Entry]:
        """The items that have waited longest."""
        taken: list[Entry] = []
        now = time.monotonic()
        while self._tickets and len(taken) < most:
            ticket = next(iter(self._tickets))
            ticket.sent = ticket.sent or now
            while ticket.queued and len(taken) < most:
                taken.append(ticket.queued.popleft())
            if not ticket.queued:
                del self._tickets[ticket]
        self._left(len(taken))
        return taken

    def _left(self, items: int) -> None:
        self.items -= items
        if not self.items:
            self.arrived.clear()
