"""Asking an OpenAI-compatible server: retries with growing pauses, and a cache over processes and runs."""

import asyncio
import hashlib
import json
import os
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

import httpx

from rewards.http_retry import RETRIED, explained, pause, retry_after
from schemas.identity import canonical_json

CACHE_WAIT = 30.0
"""Seconds that a process waits for another one that writes to the cache."""


class TransportError(Exception):
    """The server could not be asked, or refused: another time it may answer."""


class UnsupportedError(Exception):
    """The server does not know a part of the request, such as structured output."""


@dataclass(frozen=True, slots=True)
class Server:
    """Whom to ask, and how patiently."""

    base_url: str
    """Address up to and including /v1."""
    key_variable: str = "OPENAI_API_KEY"
    """Environment variable that holds the key; the key itself is never stored."""
    timeout: float = 60.0
    """Seconds for one try."""
    retries: int = 4
    """Further tries after 429, 5xx, a time-out or a broken connection."""


@dataclass(frozen=True, slots=True)
class Reply:
    """What the server said, and what it cost."""

    text: str
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cached: bool = False
    """It was asked before, so it cost nothing now."""


async def ask(server: Server, body: Mapping[str, Any], *, cache: bool = True) -> Reply:
    """Send a chat completion request, or take its answer from the cache.

    Args:
        server: whom to ask.
        body: the request, as OpenAI's interface has it.
        cache: whether an equal request, by any process at any time, is answered from the cache.

    Raises:
        TransportError: no answer after all tries, or the request was refused.
        UnsupportedError: the server does not know the response format.
    """
    key = hashlib.sha256(canonical_json([server.base_url, body]).encode()).hexdigest()
    if cache and (known := await asyncio.to_thread(_remembered, key)):
        return Reply(*known, cached=True)
    reply = await _asked(server, body)
    if cache:
        await asyncio.to_thread(_remember, key, reply)
    return reply


async def _asked(server: Server, body: Mapping[str, Any]) -> Reply:
    client, failure = _client(server), "no try"
    asked = 0.0
    for attempt in range(server.retries + 1):
        if attempt:
            await asyncio.sleep(pause(attempt, asked))
        asked = 0.0
        try:
            response = await client.post(f"{server.base_url.rstrip('/')}/chat/completions", json=dict(body))
        except httpx.InvalidURL as error:
            raise TransportError(f"{server.base_url}: {error}") from error
        except httpx.TransportError as error:
            failure = f"{type(error).__name__}: {error}"
            continue
        if response.status_code in RETRIED:
            failure, asked = explained(response), retry_after(response)
            continue
        if response.status_code in (400, 422) and "response_format" in body and "response_format" in response.text:
            raise UnsupportedError(explained(response))
        if response.is_error or response.is_redirect:
            raise TransportError(explained(response))
        return _reply(response)
    raise TransportError(failure)


def _reply(response: httpx.Response) -> Reply:
    try:
        answer = response.json()
        text = answer["choices"][0]["message"].get("content") or ""
        usage = answer.get("usage") or {}
    except (ValueError, LookupError, TypeError, AttributeError) as error:
        raise TransportError(f"not a chat completion: {error!r}"[:300]) from error
    storable = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return Reply(storable, int(usage.get("prompt_tokens") or 0), int(usage.get("completion_tokens") or 0))


_clients: WeakKeyDictionary[asyncio.AbstractEventLoop, dict[Server, httpx.AsyncClient]] = WeakKeyDictionary()


def _client(server: Server) -> httpx.AsyncClient:
    """One a server and event loop: connections are kept, and belong to their loop."""
    clients = _clients.setdefault(asyncio.get_running_loop(), {})
    if server not in clients:
        key = os.environ.get(server.key_variable)
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        clients[server] = httpx.AsyncClient(headers=headers, timeout=server.timeout)
    return clients[server]


def cache_file() -> Path:
    """Where replies are kept."""
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "datakit" / "replies.sqlite"


def _connect() -> sqlite3.Connection:
    """A connection to the cache; SQLite's own locks keep several processes apart."""
    file = cache_file()
    file.parent.mkdir(parents=True, exist_ok=True)
    con = sqlite3.connect(file, timeout=CACHE_WAIT)
    con.execute("CREATE TABLE IF NOT EXISTS replies (key TEXT PRIMARY KEY, reply TEXT NOT NULL)")
    return con


def _remembered(key: str) -> tuple[str, int, int] | None:
    con = _connect()
    try:
        row = con.execute("SELECT reply FROM replies WHERE key = ?", [key]).fetchone()
    finally:
        con.close()
    if row is None:
        return None
    text, prompt_tokens, completion_tokens = json.loads(row[0])
    return text, prompt_tokens, completion_tokens


def _remember(key: str, reply: Reply) -> None:
    con = _connect()
    try:
        with con:
            said = canonical_json([reply.text, reply.prompt_tokens, reply.completion_tokens])
            con.execute("INSERT OR REPLACE INTO replies VALUES (?, ?)", [key, said])
    finally:
        con.close()
