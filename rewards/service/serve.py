"""The service as a process: its socket, its server, its end."""

import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import uvicorn
from fastapi import FastAPI

from rewards.service.app import create_app
from rewards.service.batching import RewardService
from rewards.spec import Reward
from schemas.errors import ConfigError, StageStopped
from schemas.service import ServeOptions

BACKLOG = 2048
"""Connections that wait to be accepted."""
LEAVE = 5
"""Seconds beyond a request's deadline that a client gets to read its answer when the service stops."""
SWITCH = 0.0005
"""Seconds after which the event loop yields to a lane's thread; Python's 5 ms would be most of a batch's time."""
GARBAGE = 20_000
"""New objects after which garbage is looked for: some hundred requests, rather than every tenth."""
STUCK = 1
"""Exit code if a scorer that no process holds would not end."""


def serve(
    reward: Reward, settings: ServeOptions, *, token: str | None, announce: Callable[[str], None]
) -> RewardService:
    """Serve a reward until SIGTERM or Ctrl-C, and then finish what was accepted.

    Args:
        reward: what judges.
        settings: where, and with which limits.
        token: what clients must send, if anything.
        announce: told the address, once clients may connect.

    Returns:
        The service, after its end.

    Raises:
        ConfigError: the address cannot be had, or needs a token.
        StageStopped: the worker processes do not start.
    """
    app = create_app(reward, settings, token=token)
    service: RewardService = app.state.service
    listener = _listen(settings.host, settings.port)
    host, port = listener.getsockname()[:2]
    announce(f"serving {reward.name} on http://{f'[{host}]' if ':' in host else host}:{port}")
    run(app, settings, listener)
    if service.stuck:  # a thread cannot be ended; the worker processes end with this one
        announce("a scorer is still busy; ended without it")
        os._exit(STUCK)
    return service


def run(app: FastAPI, settings: ServeOptions, listener: socket.socket) -> None:
    """Run an app in this process until a signal ends it.

    Raises:
        StageStopped: it does not start.
    """
    config = uvicorn.Config(
        app,
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        lifespan="on",
        timeout_graceful_shutdown=int(settings.deadline) + LEAVE,
    )
    server = uvicorn.Server(config)
    _quicken()
    with listener, _quiet_end(server):
        server.run(sockets=[listener])
    if not server.started:
        raise StageStopped("the service did not start; the lines above say why")


def _quicken() -> None:
    """Settings of this process: what is loaded now stays, and need not be looked through for garbage again."""
    sys.setswitchinterval(SWITCH)
    gc.collect()
    gc.freeze()
    gc.set_threshold(GARBAGE)


def _listen(host: str, port: int) -> socket.socket:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    try:
        return socket.create_server((host.strip("[]"), port), family=family, backlog=BACKLOG)
    except OSError as error:
        raise ConfigError(f"cannot listen on {host} port {port}: {error.strerror}; choose another --port") from error


@contextmanager
def _quiet_end(server: uvicorn.Server) -> Iterator[None]:
    """The server raises the signal that ended it once more; by then all is done, and it is no failure."""

    def once_more(number: int, _: FrameType | None) -> None:
        if not server.started:
            raise SystemExit(128 + number)

    before = {number: signal.signal(number, once_more) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
