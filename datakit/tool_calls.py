"""Tool calls as chat templates take them: their arguments are objects. The store has OpenAI's form, JSON text.

What an engine renders, what the token check renders and what is exported come from here, so that the model that
answered and the trainer read the same text. (vLLM, and servers that speak OpenAI's form, parse for themselves.)
"""

import json

from datakit.conversation import Message
from schemas.identity import canonical_json


def with_objects(messages: list[Message]) -> list[Message]:
    """The messages, with the arguments of their tool calls as objects. What is no JSON object stays text."""
    return [_with_objects(turn) if turn.get("tool_calls") else turn for turn in messages]


def with_objects_json(messages: str) -> str:
    """`with_objects` from JSON to JSON, for SQL."""
    return json.dumps(with_objects(json.loads(messages)), ensure_ascii=False, separators=(",", ":"))


def _with_objects(turn: Message) -> Message:
    return {**turn, "tool_calls": [_call(call) for call in turn["tool_calls"]]}


def _call(call: Message) -> Message:
    function = call.get("function") or {}
    arguments = function.get("arguments")
    if not isinstance(arguments, str):
        return call
    return {**call, "function": {**function, "arguments": _object(arguments)}}


def _object(arguments: str) -> object:
    try:
        found = json.loads(arguments or "{}")
        canonical_json(found).encode()  # Python's parser takes NaN, numbers without end and halves of characters
    except (ValueError, RecursionError):  # a model's own broken JSON
        return arguments
    return found if isinstance(found, dict) else arguments
