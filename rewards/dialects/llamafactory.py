"""LLaMA-Factory: the reward server of its PPO (INTEROP section 10).

    reward_model: http://127.0.0.1:8000/v1/score/evaluation
    reward_model_type: api

It sends prompt and answer as one text, so the service must be told where the answer begins (`--answer-after`), and no
labels: rules that read a column fail, and say so.
"""

from typing import Any, Literal
from uuid import uuid4

from pydantic import Field

from rewards.dialect import number_of, split_text
from schemas.base import Frozen
from schemas.service import Wire


class Asked(Wire):
    """What LLaMA-Factory sends."""

    model: str
    messages: list[str]
    """Prompt and answer, decoded."""
    max_length: int | None = Field(None, ge=1)
    """Not used: what is too long for a scorer is its error."""


class Said(Frozen):
    """What LLaMA-Factory reads: `scores`."""

    id: str
    object: Literal["score.evaluation"] = "score.evaluation"
    model: str
    scores: list[float]


EXAMPLE: dict[str, Any] = {
    "model": "model",
    "messages": ["<|im_start|>user\n6 x 7?<|im_end|>\n<|im_start|>assistant\n42"],
}


def routes() -> Any:
    """The service's endpoint."""
    from fastapi import APIRouter, Request, Response

    from rewards.service import TRAINER_REFUSALS, answer, read, service_of, takes

    router = APIRouter()

    @router.post(
        "/v1/score/evaluation", response_model=Said, responses=TRAINER_REFUSALS, openapi_extra=takes(Asked, one=EXAMPLE)
    )
    async def evaluation(request: Request) -> Response:
        """Scores for LLaMA-Factory's PPO: one for each text, in order."""
        asked = await read(request, Asked)
        service = service_of(request)
        items = [split_text(text, service.settings) for text in asked.messages]
        results = await service.results(items, gone=request.is_disconnected)
        scores = [number_of(result, service.settings) for result in results]
        return answer(Said(id=f"scoreval-{uuid4().hex}", model=asked.model, scores=scores))

    return router
