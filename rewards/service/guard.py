"""Who may ask, and how much: looked at before a request reaches any route."""

import hmac
import ipaddress
import re
import time
from asyncio import timeout
from functools import lru_cache

from starlette.responses import JSONResponse, Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from rewards.service.metrics import Metrics
from rewards.service.refusal import Refusal
from schemas.errors import ConfigError
from schemas.service import TOKEN_VARIABLE, ErrorResponse, Problem, ServeOptions

OPEN_TO_ALL = ("/healthz", "/readyz")
"""Paths that need no token: they tell nothing, and those who ask (a load balancer) have none."""

_HOST = re.compile(r"(\[[^\[\]]*\]|[^:\[\]]*)(?::\d*)?")
"""Name or address, and port."""


def is_local(host: str) -> bool:
    """Whether an address is this machine's own, which nobody else can reach."""
    name = host.strip("[]")
    try:
        return ipaddress.ip_address(name).is_loopback
    except ValueError:
        return name.lower() == "localhost"


@lru_cache(256)  # each client sends the same one, over and over
def _names_this_machine(host_header: bytes) -> bool:
    found = _HOST.fullmatch(host_header.decode("latin-1"))
    return found is not None and is_local(found[1])


def check_address(host: str, token: str | None) -> None:
    """Refuse to listen where others can ask, without a token.

    Raises:
        ConfigError: as said.
    """
    if not token and not is_local(host):
        raise ConfigError(
            f"--host {host}: others can reach that address; set {TOKEN_VARIABLE} to a secret that clients send "
            "(Authorization: Bearer ...), or leave --host out"
        )


def problem(refusal: Refusal) -> Response:
    """A refusal as a response."""
    body = ErrorResponse(error=Problem(kind=refusal.kind, message=str(refusal)))
    headers = {} if refusal.retry_after is None else {"Retry-After": str(refusal.retry_after)}
    if refusal.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    return JSONResponse(body.model_dump(), refusal.status, headers)


class Guard:
    """Middleware: token, host, size and speed of the body; and it counts."""

    def __init__(self, app: ASGIApp, settings: ServeOptions, token: str | None, metrics: Metrics) -> None:
        self.app = app
        self._most = int(settings.max_body_mb * 2**20)
        self._seconds = settings.deadline
        self._token = token.encode() if token else None
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        begun, status = time.perf_counter(), 0

        async def noting(message: Message) -> None:
            nonlocal status
            status = message.get("status", status)
            await send(message)

        try:
            try:
                self._check(scope)
            except Refusal as refusal:
                await problem(refusal)(scope, receive, noting)
            else:
                await self.app(scope, self._limited(receive), noting)
        finally:
            route = scope.get("route")
            self._metrics.answered(getattr(route, "path", "other"), status, time.perf_counter() - begun)

    def _check(self, scope: Scope) -> None:
        """Raises a Refusal before the body is read."""
        headers: dict[bytes, bytes] = dict(scope["headers"])
        if self._token is None:
            # a page in this machine's browser must not get here by a host name of its own
            if not _names_this_machine(headers.get(b"host", b"")):
                raise Refusal(403, "foreign_host", f"only for this machine; to serve others, set {TOKEN_VARIABLE}")
        elif scope["path"] not in OPEN_TO_ALL:
            scheme, _, given = headers.get(b"authorization", b"").partition(b" ")
            if scheme.lower() != b"bearer" or not hmac.compare_digest(given.strip(), self._token):
                raise Refusal(401, "no_token", "send the service's token: Authorization: Bearer TOKEN")
        length = headers.get(b"content-length", b"")
        if length.isdigit() and int(length) > self._most:
            raise self._too_large()

    def _limited(self, receive: Receive) -> Receive:
        """A body that grows too long, announced or not, or takes too long, is refused."""
        size, complete, until = 0, False, time.monotonic() + self._seconds

        async def limited() -> Message:
            nonlocal size, complete
            if complete:  # what comes now is the end of the connection
                return await receive()
            try:
                async with timeout(max(until - time.monotonic(), 0)):
                    message = await receive()
            except TimeoutError as error:
                raise Refusal(408, "slow_body", f"the body did not arrive within {self._seconds:g} s") from error
            size += len(message.get("body", b""))
            complete = not message.get("more_body", False)
            if size > self._most:
                raise self._too_large()
            return message

        return limited

    def _too_large(self) -> Refusal:
        return Refusal(413, "too_large", f"the body has more than {self._most:,} bytes; send fewer items a request")
