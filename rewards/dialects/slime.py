"""slime: a remote reward whose answer's body is the reward (INTEROP section 9).

--rm-type remote_rm --rm-url http://127.0.0.1:8000/slime
--rm-url http://127.0.0.1:8000/slime/scores --reward-key reward      # with what each scorer said
"""

from typing import Any

from pydantic import JsonValue

from rewards.dialect import item_of, label_columns, number_of, without_special
from schemas.service import DialectOptions, Message, RewardItem, Wire


class Asked(Wire):
    """What slime sends."""

    prompt: str | list[Message]
    response: str
    label: JsonValue = None
    """What the data set says: null, a text, or an object of columns."""


EXAMPLE: dict[str, Any] = {"prompt": "6 x 7?", "response": "42", "label": "42"}


def _item(asked: Asked, options: DialectOptions) -> RewardItem:
    return item_of(asked.prompt, without_special(asked.response, options), label_columns(asked.label, options))


def routes() -> Any:
    """The service's endpoints."""
    from fastapi import APIRouter, Request
    from fastapi.responses import JSONResponse

    from rewards.service import TRAINER_REFUSALS, read, service_of, takes

    router = APIRouter()
    described: dict[str, Any] = {"responses": TRAINER_REFUSALS, "openapi_extra": takes(Asked, one=EXAMPLE)}

    async def judged(request: Request) -> tuple[float, dict[str, float | None]]:
        service = service_of(request)
        item = _item(await read(request, Asked), service.settings)
        (result,) = await service.results([item], gone=request.is_disconnected)
        return number_of(result, service.settings), {name: said.value for name, said in result.outcomes.items()}

    @router.post("/slime", response_model=float, **described)
    async def reward(request: Request) -> JSONResponse:
        """A reward for slime: the body is the number."""
        return JSONResponse((await judged(request))[0])

    @router.post("/slime/scores", response_model=dict[str, float | None], **described)
    async def scores(request: Request) -> JSONResponse:
        """A reward for slime's `--reward-key reward`, and what each scorer said (null: nothing)."""
        number, said = await judged(request)
        return JSONResponse({**said, "reward": number})

    return router
