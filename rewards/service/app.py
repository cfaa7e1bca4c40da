"""The app: the service's own endpoints, and those of the dialects that have `routes`."""

import logging
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from http import HTTPStatus
from importlib.metadata import version
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute
from starlette.exceptions import HTTPException
from starlette.middleware.exceptions import ExceptionMiddleware
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Receive, Scope, Send

from rewards.plugins import load_variant, variant_names
from rewards.service import routes
from rewards.service.batching import RewardService
from rewards.service.guard import Guard, check_address, problem
from rewards.service.refusal import ClientGone, Refusal
from rewards.spec import Reward
from schemas.errors import NoRewardError, UserError
from schemas.service import ServeOptions

CLIENT_CLOSED = 499
"""What proxies log for a client that went away before its answer; nobody gets to see it."""

logger = logging.getLogger(__name__)


def create_app(reward: Reward, settings: ServeOptions | None = None, *, token: str | None = None) -> FastAPI:
    """The service as an ASGI app; its lifespan starts and ends the worker processes.

    Args:
        reward: what judges.
        settings: limits and times.
        token: what clients must send as `Authorization: Bearer ...`. Without one only requests to this machine's own
            address are answered.

    Raises:
        ConfigError: the reward asks for what only a trainer can do, or others can reach the address and there is no
            token.
    """
    settings = settings or ServeOptions()
    check_address(settings.host, token)
    service = RewardService(reward, settings)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        try:
            await service.start()
            yield
        finally:
            await service.stop()

    app = FastAPI(
        title=f"Datakit: reward {reward.name}",
        version=version("datakit"),
        lifespan=lifespan,
        docs_url=None,  # their pages load scripts from elsewhere
        redoc_url=None,
    )
    app.state.service = service
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(UserError, _misunderstood)
    app.add_exception_handler(NoRewardError, _no_reward)
    app.add_exception_handler(HTTPException, _no_route)
    app.add_exception_handler(Exception, _failed)
    for event in (ClientGone, ClientDisconnect):
        app.add_exception_handler(event, _gone)
    app.include_router(routes.router)
    for name in variant_names("rewards.dialects"):
        routes_of = getattr(load_variant("rewards.dialects", name), "routes", None)
        if routes_of is not None:
            app.include_router(routes_of())
    often = next(route for route in app.routes if isinstance(route, APIRoute) and route.endpoint is routes.rewards)
    app.add_middleware(Express, route=often, handlers=app.exception_handlers)
    app.add_middleware(Guard, settings=settings, token=token, metrics=service.metrics)
    return app


class Express:
    """Middleware: one route that is called past the framework's router, which would take a tenth of its time."""

    def __init__(self, app: ASGIApp, route: APIRoute, handlers: Mapping[Any, Any]) -> None:
        self.app = app
        self._route = route
        self._direct = ExceptionMiddleware(self._answer, handlers=handlers)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one request."""
        if scope["type"] == "http" and scope["path"] == self._route.path and scope["method"] in self._route.methods:
            scope["route"] = self._route
            await self._direct(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _answer(self, scope: Scope, receive: Receive, send: Send) -> None:
        response: Response = await self._route.endpoint(Request(scope, receive))
        await response(scope, receive, send)


async def _refused(_: Request, error: Exception) -> Response:
    if not isinstance(error, Refusal):
        raise error
    return problem(error)


async def _misunderstood(_: Request, error: Exception) -> Response:
    # a body that fits its dialect, but cannot be made items of
    return problem(Refusal(422, "bad_request", str(error)))


async def _no_reward(_: Request, error: Exception) -> Response:
    return problem(Refusal(502, "no_reward", str(error)))


async def _no_route(_: Request, error: Exception) -> Response:
    if not isinstance(error, HTTPException):
        raise error
    response = problem(Refusal(error.status_code, HTTPStatus(error.status_code).name.lower(), str(error.detail)))
    response.headers.update(error.headers or {})
    return response


async def _gone(_: Request, __: Exception) -> Response:
    return Response(status_code=CLIENT_CLOSED)


async def _failed(_: Request, error: Exception) -> Response:
    # the framework raises it once more, for the log; a client learns nothing of the code
    return problem(Refusal(500, "internal", f"the service failed: {type(error).__name__}"))
