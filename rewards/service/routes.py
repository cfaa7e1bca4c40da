"""The service's own endpoints."""

from importlib.metadata import version
from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_LATEST
from pydantic_core import to_json

from rewards.item_judge import told_of
from rewards.service.batching import Answer, RewardService
from rewards.service.refusal import Refusal
from rewards.service.wire import read, takes
from schemas.service import (
    ErrorResponse,
    HealthResponse,
    RewardItem,
    RewardsRequest,
    RewardsResponse,
    VersionResponse,
)

router = APIRouter()

REFUSALS: dict[int | str, dict[str, Any]] = {
    400: {"model": ErrorResponse, "description": "The body is no JSON."},
    401: {"model": ErrorResponse, "description": "The token is missing or wrong."},
    403: {"model": ErrorResponse, "description": "Without a token the service is for its own machine only."},
    408: {"model": ErrorResponse, "description": "The body took too long to arrive."},
    413: {"model": ErrorResponse, "description": "The body is too large, or has too many items."},
    415: {"model": ErrorResponse, "description": "The body does not call itself JSON."},
    422: {"model": ErrorResponse, "description": "The body does not fit."},
    429: {"model": ErrorResponse, "description": "Too many items are waiting; Retry-After says for how long."},
    503: {"model": ErrorResponse, "description": "The service is stopping."},
}
"""What a route that reads a body and calls `RewardService.score` may answer beside 200; for `responses`."""

TRAINER_REFUSALS: dict[int | str, dict[str, Any]] = REFUSALS | {
    502: {"model": ErrorResponse, "description": "An answer has no reward, and the trainer has no word for that."}
}
"""The same of a dialect that must tell a number."""

ONE: dict[str, Any] = {
    "items": [{"id": 1, "prompt": "What is 6 x 7?", "completion": "It is 42.", "columns": {"answer": "42"}}]
}
CHAT: dict[str, Any] = {
    "items": [
        {
            "messages": [{"role": "user", "content": "Name a colour."}],
            "completion": [{"role": "assistant", "content": "Red."}],
            "finish_reason": "stop",
        }
    ],
    "deadline": 10,
}


def service_of(request: Request) -> RewardService:
    """The service of the app that a request came to."""
    service: RewardService = request.app.state.service
    return service


@router.post(
    "/v1/rewards",
    response_model=RewardsResponse,
    responses=REFUSALS,
    openapi_extra=takes(RewardsRequest, one=ONE, chat=CHAT),
)
async def rewards(request: Request) -> Response:
    """Judge candidates: a reward and the scorers' outcomes for each, in order. A failure is its item's own."""
    body = await read(request, RewardsRequest)
    service = service_of(request)
    judged = await service.score(body.items, deadline=body.deadline, gone=request.is_disconnected)
    return Response(to_json(response_of(service, body.items, judged)), media_type="application/json")


def response_of(service: RewardService, items: list[RewardItem], judged: Answer) -> dict[str, Any]:
    """What the native endpoint answers: the fields of a `RewardsResponse`."""
    return {
        "reward": service.reward.name,
        "items": [
            told_of(item, scored, service.names, cached=place in judged.cached)
            for place, (item, scored) in enumerate(zip(items, judged.results, strict=True))
        ],
        "versions": service.versions,
        "timings": {"waited": judged.waited, "total": judged.total},
    }


@router.get("/healthz")
async def healthz() -> HealthResponse:
    """Whether the process is alive."""
    return HealthResponse(status="ok")


@router.get("/readyz", responses={503: {"model": ErrorResponse}})
async def readyz(request: Request) -> HealthResponse:
    """Whether requests should be sent here."""
    trouble = service_of(request).trouble
    if trouble:
        raise Refusal(503, "not_ready", trouble, retry_after=1)
    return HealthResponse(status="ok")


@router.get("/version")
async def what(request: Request) -> VersionResponse:
    """What judges here: each scorer's fingerprint."""
    service = service_of(request)
    return VersionResponse(datakit=version("datakit"), reward=service.reward.name, versions=service.versions)


@router.get("/metrics", response_class=Response)
async def metrics(request: Request) -> Response:
    """Numbers for Prometheus."""
    return Response(service_of(request).metrics.text(), media_type=CONTENT_TYPE_LATEST)
