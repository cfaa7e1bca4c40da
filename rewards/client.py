"""A reward that a service has (`datakit serve`), as if it were here.

from rewards.client import RewardClient
client = RewardClient("http://127.0.0.1:8000")
client.score([RewardItem(prompt="6 x 7?", completion="42", columns={"answer": "42"})])

from rewards.dialects import trl, verl
GRPOTrainer(..., reward_funcs=trl("http://127.0.0.1:8000"))      # the same with every dialect
compute_score = verl("http://127.0.0.1:8000")
"""

import asyncio
import json
import os
import threading
import time
from collections.abc import Iterator, Sequence
from typing import Any
from weakref import WeakKeyDictionary, finalize

import httpx
from pydantic import ValidationError

from rewards.http_retry import RETRIED, explained, pause, retry_after
from schemas.errors import ConfigError, ServiceError
from schemas.service import TOKEN_VARIABLE, ItemResult, RewardItem, RewardsRequest, RewardsResponse

AT_A_TIME = 8
"""Requests that an asynchronous call has under way."""


class RewardClient:
    """A reward behind an address. Safe to share between threads, to pickle, and to take through a fork.

    Args:
        url: the service's address, such as http://127.0.0.1:8000.
        token: the service's token (default: the environment's DATAKIT_TOKEN).
        timeout: seconds for one try, of at most `batch` items.
        retries: further tries after 429, 5xx, a time-out or a broken connection, with growing pauses, or those that the
            service asks for.
        batch: most items of a request.
        name: what trainers log the reward under.

    Raises:
        ConfigError: the address is none.
    """

    def __init__(
        self,
        url: str,
        *,
        token: str | None = None,
        timeout: float = 120.0,
        retries: int = 6,
        batch: int = 256,
        name: str = "reward",
    ) -> None:
        try:
            known = httpx.URL(url).scheme in ("http", "https") and httpx.URL(url).host
        except httpx.InvalidURL:
            known = False
        if not known:
            raise ConfigError(f"{url!r} is no address of a reward service; write http://HOST:PORT")
        self.url, self.name = url.rstrip("/"), name
        self._token, self._timeout, self._retries, self._batch = token, timeout, retries, batch
        self._reset()

    def _reset(self) -> None:
        self._lock = threading.Lock()
        self._client: httpx.Client | None = None
        self._owner = 0
        self._clients: WeakKeyDictionary[asyncio.AbstractEventLoop, httpx.AsyncClient] = WeakKeyDictionary()

    def __getstate__(self) -> dict[str, Any]:
        live = ("_lock", "_client", "_owner", "_clients")
        return {name: value for name, value in vars(self).items() if name not in live}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self._reset()

    def score(self, items: Sequence[RewardItem]) -> list[ItemResult]:
        """What becomes of items: one result each, in order; a failure is its item's own.

        Raises:
            ServiceError: the service cannot be reached after all tries, or refuses the items.
        """
        return [result for part in self._parts(items) for result in self._post(part)]

    async def score_async(self, items: Sequence[RewardItem]) -> list[ItemResult]:
        """Like `score`; the requests go out side by side.

        Raises:
            ServiceError: as in `score`.
        """
        slots = asyncio.Semaphore(AT_A_TIME)

        async def post(part: "_Part") -> list[ItemResult]:
            async with slots:
                return await self._post_async(part)

        found = await asyncio.gather(*map(post, self._parts(items)))
        return [result for part in found for result in part]

    def close(self) -> None:
        """Close the connections; the next call opens new ones."""
        with self._lock:
            if self._client is not None:
                self._client.close()
            self._client = None

    async def aclose(self) -> None:
        """Close the connections of this event loop."""
        client = self._clients.pop(asyncio.get_running_loop(), None)
        if client is not None:
            await client.aclose()

    def _parts(self, items: Sequence[RewardItem]) -> Iterator["_Part"]:
        for start in range(0, len(items), self._batch):
            yield _Part(self.url, items[start : start + self._batch], self._retries)

    def _post(self, part: "_Part") -> list[ItemResult]:
        while True:
            try:
                response = self._sync().post(part.url, content=part.body)
            except httpx.TransportError as error:
                wait = part.failed(f"{type(error).__name__}: {error}")
            else:
                if (found := part.read(response)) is not None:
                    return found
                wait = part.failed(explained(response), retry_after(response))
            time.sleep(wait)

    async def _post_async(self, part: "_Part") -> list[ItemResult]:
        loop = asyncio.get_running_loop()
        if loop not in self._clients:  # connections belong to their loop
            self._clients[loop] = httpx.AsyncClient(**self._settings())
        while True:
            try:
                response = await self._clients[loop].post(part.url, content=part.body)
            except httpx.TransportError as error:
                wait = part.failed(f"{type(error).__name__}: {error}")
            else:
                if (found := part.read(response)) is not None:
                    return found
                wait = part.failed(explained(response), retry_after(response))
            await asyncio.sleep(wait)

    def _sync(self) -> httpx.Client:
        with self._lock:
            if self._client is None or self._owner != os.getpid():  # a connection is not shared with a forked process
                self._client, self._owner = httpx.Client(**self._settings()), os.getpid()
                finalize(self, self._client.close)
            return self._client

    def _settings(self) -> dict[str, Any]:
        token = self._token or os.environ.get(TOKEN_VARIABLE)
        headers = {"Content-Type": "application/json"} | ({"Authorization": f"Bearer {token}"} if token else {})
        return {"headers": headers, "timeout": self._timeout}


class _Part:
    """One request: what is sent, and how often it failed."""

    def __init__(self, url: str, items: Sequence[RewardItem], retries: int) -> None:
        self.url = f"{url}/v1/rewards"
        body = RewardsRequest(items=list(items)).model_dump(exclude_defaults=True)
        # half of a surrogate pair, which no UTF-8 can hold, becomes a question mark
        self.body = json.dumps(body, ensure_ascii=False).encode("utf-8", "replace")
        self._items, self._retries, self._tries = len(items), retries, 0

    def failed(self, failure: str, asked: float = 0.0) -> float:
        """Seconds to wait before the next try.

        Raises:
            ServiceError: there is none.
        """
        self._tries += 1
        if self._tries > self._retries:
            tries = f"{self._tries} tries" if self._retries else "one try"
            raise ServiceError(f"{self.url}: {failure} (after {tries}); is `datakit serve` running there?")
        return pause(self._tries, asked)

    def read(self, response: httpx.Response) -> list[ItemResult] | None:
        """The results; None if the same request may succeed later.

        Raises:
            ServiceError: it never will, or the answer is no service's.
        """
        if response.status_code in RETRIED:
            return None
        if not response.is_success:
            raise ServiceError(f"{self.url}: {explained(response)}")
        try:
            found = RewardsResponse.model_validate_json(response.content).items
        except ValidationError as error:
            raise ServiceError(f"{self.url}: the answer is not a reward service's") from error
        if len(found) != self._items:
            raise ServiceError(f"{self.url}: {len(found)} results for {self._items} items")
        return found
