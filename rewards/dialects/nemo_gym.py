"""NeMo-Gym: a resources server whose `/verify` judges a rollout (INTEROP section 8).

Its word for an answer without a reward is `mask_sample`, with `failure_kind` and `failure_reason`: the number beside it
is no measurement. The fields of the row are the columns; prompt, answer and tools are those of the Responses API.
"""

from typing import Any

from pydantic import ConfigDict, JsonValue

from rewards.dialect import is_skip, item_of, why
from schemas.base import Frozen
from schemas.service import ItemResult, RewardItem, Wire

Object = dict[str, JsonValue]


class Asked(Wire):
    """What NeMo-Gym sends: a row's own fields, what was asked, and what was answered."""

    model_config = ConfigDict(strict=True, extra="allow")

    responses_create_params: Object
    response: Object


class Said(Frozen):
    """The same fields, and a verdict."""

    model_config = ConfigDict(frozen=True, extra="allow")

    reward: float
    mask_sample: bool = False
    """The reward is no valid measurement."""
    failure_kind: str | None = None
    """skip, error or timeout."""
    failure_reason: str | None = None
    reward_components: dict[str, float] = {}
    """By scorer: what it said, if anything."""


EXAMPLE: dict[str, Any] = {
    "answer": "42",
    "responses_create_params": {"input": [{"role": "user", "content": "6 x 7?"}]},
    "response": {
        "id": "resp_1",
        "object": "response",
        "model": "policy",
        "status": "completed",
        "output": [
            {
                "type": "message",
                "role": "assistant",
                "content": [{"type": "output_text", "text": "42", "annotations": []}],
            }
        ],
    },
}


def item_from(asked: Asked) -> RewardItem:
    """The item of a rollout.

    Raises:
        ConfigError: the input's or the output's messages are none.
    """
    params, response = asked.responses_create_params, asked.response
    given = params.get("input")
    messages = [{"role": "user", "content": given}] if isinstance(given, str) else _messages(given)
    if isinstance(instructions := params.get("instructions"), str):
        messages.insert(0, {"role": "system", "content": instructions})
    tools = params.get("tools")
    columns = dict(asked.model_extra or {}) | ({"tools": tools} if isinstance(tools, list) else {})
    usage = response.get("usage")
    tokens = usage.get("output_tokens") if isinstance(usage, dict) else None
    item = item_of(
        messages,
        _messages(response.get("output")) or "",
        columns,
        n_tokens=tokens if isinstance(tokens, int) else None,
    )
    model = response.get("model")
    return item.model_copy(
        update={"finish_reason": _finish(response), "model": model if isinstance(model, str) else None}
    )


def _messages(items: JsonValue) -> list[dict[str, Any]]:
    """Messages in OpenAI's chat form, of items in its Responses form; reasoning goes with the message after it."""
    found: list[dict[str, Any]] = []
    thought = ""
    for item in items if isinstance(items, list) else []:
        if not isinstance(item, dict):
            continue
        match item.get("type", "message"):
            case "message":
                role = item.get("role")
                message = {"role": role, "content": _text(item.get("content"))}
                if role == "assistant" and thought:
                    message["reasoning_content"], thought = thought, ""
                found.append(message)
            case "reasoning":
                thought += _text(item.get("summary")) + _text(item.get("content"))
            case "function_call":
                call = {"name": item.get("name"), "arguments": item.get("arguments")}
                calls = [{"id": item.get("call_id"), "type": "function", "function": call}]
                found.append({"role": "assistant", "content": None, "tool_calls": calls})
            case "function_call_output":
                output = _text(item.get("output"))
                found.append({"role": "tool", "content": output, "tool_call_id": item.get("call_id")})
    return found


def _text(content: JsonValue) -> str:
    if isinstance(content, str):
        return content
    parts = [part.get("text") for part in content if isinstance(part, dict)] if isinstance(content, list) else []
    return "".join(part for part in parts if isinstance(part, str))


def _finish(response: Object) -> str | None:
    """Why the generation ended, in the chat form's words."""
    details = response.get("incomplete_details")
    if isinstance(details, dict) and details.get("reason") == "max_output_tokens":
        return "length"
    return "stop" if response.get("status") == "completed" else None


def said_of(asked: Asked, result: ItemResult) -> Said:
    """What is told of a rollout."""
    failed = None if result.reward is not None else "skip" if is_skip(result) else _failure(result)
    verdict = Said(
        reward=result.reward or 0.0,
        mask_sample=failed is not None,
        failure_kind=failed,
        failure_reason=why(result) if failed else None,
        reward_components={name: said.value for name, said in result.outcomes.items() if said.value is not None},
    )
    return Said.model_validate({**asked.model_dump(), **verdict.model_dump()})


def _failure(result: ItemResult) -> str:
    statuses = {said.status for said in result.outcomes.values()}
    return "timeout" if "timeout" in statuses and "error" not in statuses else "error"


def routes() -> Any:
    """The service's endpoints: what a resources server of NeMo-Gym needs to judge; sessions have no state here."""
    from fastapi import APIRouter, Request, Response

    from rewards.service import REFUSALS, answer, read, service_of, takes

    router = APIRouter()

    @router.post("/verify", response_model=Said, responses=REFUSALS, openapi_extra=takes(Asked, one=EXAMPLE))
    async def verify(request: Request) -> Response:
        """Judge a rollout for NeMo-Gym: the request's own fields, the reward, and whether it is to be masked."""
        asked = await read(request, Asked)
        (result,) = await service_of(request).results([item_from(asked)], gone=request.is_disconnected)
        return answer(said_of(asked, result))

    @router.post("/seed_session")
    async def seed_session() -> dict[str, JsonValue]:
        """Begin a session: there is nothing to prepare."""
        return {}

    @router.post("/close_session")
    async def close_session() -> dict[str, JsonValue]:
        """End a session: there is nothing to clear."""
        return {}

    return router
