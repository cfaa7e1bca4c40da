"""Any server that speaks OpenAI's chat completions: vLLM, SGLang, llama.cpp, Ollama, a cloud."""

import asyncio
import os
import queue
import random
import threading
from collections.abc import Iterable, Iterator
from concurrent.futures import Future
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import httpx
from pydantic import Field

from datakit.engine import Completion, Engine, Failure, Request
from schemas.errors import ConfigError
from schemas.options import RecipeOptions

RETRIED = {408, 409, 425, 429, 500, 502, 503, 504, 529}
"""HTTP statuses after which the same request may succeed later."""


class OpenAI(Engine):
    """Sends one request a sample, many at a time; what fails for a while is tried again with growing pauses."""

    base_url: str = Field(default_factory=lambda: os.environ.get("OPENAI_BASE_URL", ""))
    """Address up to and including /v1 (also from OPENAI_BASE_URL)."""
    concurrency: int = Field(64, ge=1)
    """Requests that are out at a time."""
    timeout: float = Field(600.0, gt=0)
    """Seconds that one answer may take."""
    retries: int = Field(5, ge=0)
    """Further tries after 429, 5xx, a time-out or a broken connection."""
    max_pause: float = Field(60.0, gt=0)
    """Longest pause between two tries, in seconds."""
    max_tokens_field: str = "max_tokens"
    """Name of the length limit in the request; some servers want max_completion_tokens."""
    key_variable: str = "OPENAI_API_KEY"
    """Environment variable that holds the API key."""

    @property
    def version(self) -> str:
        """The server's address without credentials; what runs behind it, it does not say."""
        parts = urlsplit(self.base_url)
        return f"openai {parts.hostname}{f':{parts.port}' if parts.port else ''}"

    def generate(self, requests: Iterable[Request], recipe: RecipeOptions) -> Iterator[Completion | Failure]:
        """Answer every request, in the order in which they finish.

        Raises:
            ConfigError: no address, or a recipe that a server cannot be told.
        """
        if not self.base_url:
            raise ConfigError("engine openai needs the server's address: --base-url http://127.0.0.1:8000/v1")
        if recipe.adapter is not None:
            raise ConfigError("engine openai cannot load --adapter; serve it, and name it as --model")
        finished: queue.SimpleQueue[Future[Completion | Failure]] = queue.SimpleQueue()
        waiting = iter(requests)
        out = 0
        with _background_loop() as loop:
            client = httpx.AsyncClient(
                headers=self._headers(),
                timeout=self.timeout,
                limits=httpx.Limits(max_connections=self.concurrency, max_keepalive_connections=self.concurrency),
            )
            try:
                while True:
                    while out < self.concurrency and (request := next(waiting, None)) is not None:
                        answer = self._answer(client, request, self._body(request, recipe))
                        asyncio.run_coroutine_threadsafe(answer, loop).add_done_callback(finished.put)
                        out += 1
                    if out == 0:
                        return
                    future = finished.get()
                    out -= 1
                    yield future.result()
            finally:
                asyncio.run_coroutine_threadsafe(_stop(client), loop).result()

    def _headers(self) -> dict[str, str]:
        key = os.environ.get(self.key_variable) or os.environ.get("DATAKIT_API_KEY")
        return {"Authorization": f"Bearer {key}"} if key else {}

    def _body(self, request: Request, recipe: RecipeOptions) -> dict[str, Any]:
        body: dict[str, Any] = {
            "model": self.model,
            "messages": request.messages,
            "temperature": recipe.temperature,
            "top_p": recipe.top_p,
            self.max_tokens_field: recipe.max_tokens,
            "seed": request.seed,
            **recipe.sampling,
        }
        if recipe.stop:
            body["stop"] = list(recipe.stop)
        if request.tools:
            body["tools"] = request.tools
        if recipe.template:
            body["chat_template_kwargs"] = recipe.template
        return body

    async def _answer(self, client: httpx.AsyncClient, request: Request, body: dict[str, Any]) -> Completion | Failure:
        failure, asked = Failure(request.key, "transport", "no try"), 0.0
        for attempt in range(self.retries + 1):
            if attempt:
                await asyncio.sleep(self._pause(attempt, asked))
            asked = 0.0
            try:
                response = await client.post(f"{self.base_url.rstrip('/')}/chat/completions", json=body)
            except httpx.InvalidURL as error:
                return Failure(request.key, "refused", f"{self.base_url}: {error}")
            except httpx.TransportError as error:
                failure = Failure(request.key, "transport", f"{type(error).__name__}: {error}")
                continue
            if response.status_code in RETRIED:
                failure, asked = Failure(request.key, "transport", _explained(response)), _retry_after(response)
            elif response.is_error or response.is_redirect:
                return Failure(request.key, _reason(response), _explained(response))
            else:
                try:
                    return _completion(request.key, response)
                except (ValueError, LookupError, TypeError, AttributeError) as error:
                    failure = Failure(request.key, "transport", f"not a chat completion: {error!r}"[:300])
        return failure

    def _pause(self, attempt: int, asked: float) -> float:
        """Exponential back-off, with jitter so that failures do not return together; or what was asked."""
        grown = 0.5 * 2 ** (attempt - 1) * random.uniform(0.5, 1.5)  # noqa: S311  (not a secret)
        return float(min(self.max_pause, max(asked, grown)))


async def _stop(client: httpx.AsyncClient) -> None:
    """End what is still out, then the connections."""
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)
    await client.aclose()


@contextmanager
def _background_loop() -> Iterator[asyncio.AbstractEventLoop]:
    """An event loop in a thread of its own, so that the caller may commit while answers arrive."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="datakit-openai", daemon=True)
    thread.start()
    try:
        yield loop
    finally:
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


def _completion(key: str, response: httpx.Response) -> Completion:
    answer = response.json()
    choice = answer["choices"][0]
    message = choice["message"]
    calls = message.get("tool_calls") or None
    usage = answer.get("usage") or {}
    return Completion(
        key,
        _storable(message.get("content") or ""),
        choice.get("finish_reason"),
        usage.get("completion_tokens"),
        reasoning=_storable(message.get("reasoning_content") or message.get("reasoning") or "") or None,
        tool_calls=calls,
    )


def _storable(text: str) -> str:
    """JSON may hold half of a surrogate pair, which no UTF-8 text can."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def _explained(response: httpx.Response) -> str:
    """Status and the server's own message, on one line."""
    try:
        body = response.json()
        error = body.get("error", body) if isinstance(body, dict) else body
        text = error.get("message") if isinstance(error, dict) else error
    except ValueError:
        text = response.text
    return f"HTTP {response.status_code}: {' '.join(str(text).split())[:300]}"


def _reason(response: httpx.Response) -> str:
    """`prompt_too_long` where the server says so in one of the ways known; else `refused`."""
    text = response.text.lower()
    too_long = "context_length_exceeded" in text or "maximum context length" in text or "context length" in text
    return "prompt_too_long" if response.status_code == httpx.codes.BAD_REQUEST and too_long else "refused"


def _retry_after(response: httpx.Response) -> float:
    value = response.headers.get("retry-after", "")
    return float(value) if value.replace(".", "", 1).isdigit() else 0.0
