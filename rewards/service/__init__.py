'''The reward service: a reward over HTTP, for many clients at once.

    from rewards.service import create_app
    app = create_app(load_reward(RewardOptions(reward=Path("reward.yaml"))), ServeOptions(timeout=2))

A dialect over HTTP is a file in rewards/dialects/ with a function `routes`; the app finds it by itself:

    def routes() -> APIRouter:
        router = APIRouter()

        @router.post("/get_reward", response_model=Said, responses=TRAINER_REFUSALS, openapi_extra=takes(Asked, x=...))
        async def get_reward(request: Request) -> Response:
            """First line of the docstring: OpenAPI's summary."""
            asked = await read(request, Asked)                       # 4xx with a reason if it does not fit
            items = [RewardItem(prompt=..., completion=..., columns={...}) for ... in asked]
            results = await service_of(request).results(items, gone=request.is_disconnected)
            return answer(Said(rewards=[number_of(result, options) for result in results]))

        return router

`results(items)` gives one `ItemResult` for each item, in order. `Refusal`, `UserError` (422) and `NoRewardError` (502)
become refusals with a reason. What dialects share is in rewards/dialect.py.
'''

from rewards.item_judge import Scored
from rewards.service.app import create_app
from rewards.service.batching import Answer, RewardService
from rewards.service.refusal import ClientGone, Refusal
from rewards.service.routes import REFUSALS, TRAINER_REFUSALS, service_of
from rewards.service.wire import answer, read, takes

__all__ = [
    "REFUSALS",
    "TRAINER_REFUSALS",
    "Answer",
    "ClientGone",
    "Refusal",
    "RewardService",
    "Scored",
    "answer",
    "create_app",
    "read",
    "service_of",
    "takes",
]
