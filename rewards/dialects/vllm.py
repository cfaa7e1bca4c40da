"""vLLM's `/classify`, for clients of a reward model behind vLLM such as verl's reward loop (INTEROP section 4).

verl sends the conversation in the reward model's chat template, as one text, so the service must be told where the
answer begins (`--answer-after`); and reads `data[-1]["probs"][-1]`, which is the reward as it is, through no sigmoid.
"""

import time
from typing import Any, Literal
from uuid import uuid4

from pydantic import ConfigDict

from rewards.dialect import number_of, split_text
from schemas.base import Frozen
from schemas.service import Wire


class Asked(Wire):
    """What clients of vLLM send; further fields are vLLM's own and mean nothing here."""

    model_config = ConfigDict(strict=True, extra="ignore")

    model: str = ""
    input: str | list[str]
    use_activation: bool | None = None
    """Not used: a reward goes through no activation."""


class Classified(Frozen):
    """One text."""

    index: int
    label: str
    probs: list[float]
    """The reward."""
    num_classes: int = 1


class Usage(Frozen):
    """Tokens are not counted."""

    prompt_tokens: int = 0
    total_tokens: int = 0
    completion_tokens: int = 0


class Said(Frozen):
    """What vLLM answers."""

    id: str
    object: Literal["list"] = "list"
    created: int
    model: str
    data: list[Classified]
    usage: Usage = Usage()


EXAMPLE: dict[str, Any] = {"model": "reward", "input": "<|im_start|>assistant\n42", "use_activation": False}


def routes() -> Any:
    """The service's endpoint."""
    from fastapi import APIRouter, Request, Response

    from rewards.service import TRAINER_REFUSALS, answer, read, service_of, takes

    router = APIRouter()

    @router.post("/classify", response_model=Said, responses=TRAINER_REFUSALS, openapi_extra=takes(Asked, one=EXAMPLE))
    async def classify(request: Request) -> Response:
        """Rewards as vLLM's classification endpoint gives them: one for each text, in order."""
        asked = await read(request, Asked)
        service = service_of(request)
        texts = [asked.input] if isinstance(asked.input, str) else asked.input
        results = await service.results(
            [split_text(text, service.settings) for text in texts], gone=request.is_disconnected
        )
        data = [
            Classified(index=place, label=service.reward.name, probs=[number_of(result, service.settings)])
            for place, result in enumerate(results)
        ]
        return answer(Said(id=f"classify-{uuid4().hex}", created=int(time.time()), model=asked.model, data=data))

    return router
