"""Between HTTP and models: reading a body, describing it in OpenAPI, answering."""

from typing import Any, TypeVar

from fastapi import Request, Response
from pydantic import BaseModel, ValidationError

from rewards.service.refusal import Refusal

Body = TypeVar("Body", bound=BaseModel)

SHOWN = 3
"""Mistakes of a body that an answer lists."""


async def read(request: Request, model: type[Body]) -> Body:
    """The body of a request.

    Raises:
        Refusal: it is no JSON (400), does not call itself JSON (415), or does not fit the model (422).
    """
    kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    if kind != "application/json" and not kind.endswith("+json"):  # no web page may send that without being asked
        raise Refusal(415, "not_json", f"send JSON, with Content-Type: application/json (it was {kind or 'not set'})")
    body = await request.body()
    try:
        return model.model_validate_json(body)
    except ValidationError as error:
        raise _refusal(error) from error


def _refusal(error: ValidationError) -> Refusal:
    mistakes = error.errors(include_url=False, include_context=False, include_input=False)
    if mistakes[0]["type"] == "json_invalid":
        return Refusal(400, "bad_json", mistakes[0]["msg"])
    told = [f"{'.'.join(map(str, mistake['loc'])) or 'body'}: {mistake['msg']}" for mistake in mistakes[:SHOWN]]
    more = [f"and {len(mistakes) - SHOWN} more"] if len(mistakes) > SHOWN else []
    return Refusal(422, "bad_request", "; ".join(told + more))


def answer(body: BaseModel) -> Response:
    """A model as a response."""
    return Response(body.model_dump_json(), media_type="application/json")


def takes(model: type[BaseModel], **examples: dict[str, Any]) -> dict[str, Any]:
    """What OpenAPI says of a route that calls `read`: pass it as `openapi_extra`.

    Args:
        model: what the body must fit.
        examples: by name; as JSON values.
    """
    schema = model.model_json_schema()
    content = {
        "schema": _inlined(schema, schema.pop("$defs", {})),
        "examples": {name: {"value": value} for name, value in examples.items()},
    }
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def _inlined(node: Any, known: dict[str, Any]) -> Any:
    """A schema without references; none of ours is recursive."""
    match node:
        case {"$ref": str(ref), **rest}:
            return {**_inlined(known[ref.rpartition("/")[2]], known), **rest}
        case dict():
            return {name: _inlined(value, known) for name, value in node.items()}
        case list():
            return [_inlined(value, known) for value in node]
        case _:
            return node
