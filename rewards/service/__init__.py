'''The reward service: a reward over HTTP, for many clients at once.

    from rewards.service import create_app
    app = create_app(load_reward(RewardOptions(reward=Path("reward.yaml"))), ServeOptions(timeout=2))

A dialect over HTTP is a file in rewards/dialects/ with an `APIRouter` named `router`; the app finds it by itself:

    router = APIRouter()

    @router.post("/get_reward", response_model=Said, responses=REFUSALS, openapi_extra=takes(Asked, one={...}))
    async def get_reward(request: Request) -> Response:
        """First line of the docstring: OpenAPI's summary."""
        asked = await read(request, Asked)                       # 4xx with a reason if it does not fit
        items = [RewardItem(prompt=..., completion=..., columns={...}) for ... in asked]
        judged = await service_of(request).score(items, gone=request.is_disconnected)
        return answer(Said(rewards=[scored.reward for scored in judged.results]))

`score(items, *, deadline=None, gone=None) -> Answer` gives one `Scored` for each item, in order: `reward` (None where
there is none), `outcomes` (one a scorer), `reason`, `failed`. It raises `Refusal`, which the app turns into its status.
In tests: `httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://127.0.0.1")` inside
`async with app.router.lifespan_context(app)`; without a token other hosts are refused.
'''

from rewards.item_judge import Scored
from rewards.service.app import create_app
from rewards.service.batching import Answer, RewardService
from rewards.service.refusal import ClientGone, Refusal
from rewards.service.routes import REFUSALS, service_of
from rewards.service.wire import answer, read, takes

__all__ = [
    "REFUSALS",
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
