"""Conversations in one form, OpenAI's, whatever form they came in.

A message is a dict: role, content (always a string), and where present tool_calls, tool_call_id, name and
reasoning_content. A tool call is {"type": "function", "function": {"name", "arguments"}, "id"?} whose arguments are a
JSON string: the order of the arguments is kept, their spacing is made one.
"""

import json
from typing import Any, NoReturn

from rewards.reasoning import OPEN, split_reasoning
from schemas.errors import InputError

Message = dict[str, Any]

ROLES = {
    "human": "user",
    "user": "user",
    "gpt": "assistant",
    "chatgpt": "assistant",
    "bing": "assistant",
    "bard": "assistant",
    "bot": "assistant",
    "model": "assistant",
    "assistant": "assistant",
    "function_call": "assistant",
    "tool_call": "assistant",
    "system": "system",
    "developer": "developer",
    "tool": "tool",
    "function": "tool",
    "observation": "tool",
    "function_response": "tool",
    "tool_response": "tool",
}
"""What data sets call the speakers, and OpenAI's names for them."""

CALL_ROLES = ("function_call", "tool_call")
"""Turns of ShareGPT files whose text is a tool call."""

_TEXT_KEYS = ("text", "value", "content")
_REASONING_KEYS = ("reasoning_content", "reasoning", "thinking")
_KNOWN = {
    *("role", "from", "content", "value", "name", "tool_calls", "tool_call_id", "function_call"),
    *_REASONING_KEYS,
}


class RowError(InputError):
    """One row that cannot be used; the file goes on without it.

    Attributes:
        reason: the ledger's word for it.
        detail: what was found, and where in the row.
    """

    def __init__(self, reason: str, detail: str) -> None:
        super().__init__(f"{reason.replace('_', ' ')}: {detail}")
        self.reason = reason
        self.detail = detail


def kind_of(value: object) -> str:
    """A JSON value's kind, for messages to people."""
    names = {str: "text", bool: "true/false", int: "a number", float: "a number", list: "a list", dict: "an object"}
    return "nothing" if value is None else names.get(type(value), f"a {type(value).__name__}")


def wrong_type(what: str, value: object, expected: str) -> NoReturn:
    """Refuse the row for the type of a value."""
    raise RowError("wrong_type", f"{what} is {kind_of(value)}, expected {expected}")


def unpacked(value: object) -> object:
    """A list or object that a file (CSV, many Parquet files) keeps as JSON text; anything else unchanged.

    A struct of equally long lists, which is how older HF data sets store a list of structs, becomes that list.
    """
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            value = json.loads(value)
        except (ValueError, RecursionError):
            return value
    if isinstance(value, dict) and value and all(isinstance(column, list) for column in value.values()):
        lengths = {len(column) for column in value.values()}
        if len(lengths) == 1:
            return [dict(zip(value, items, strict=True)) for items in zip(*value.values(), strict=True)]
    return value


def looks_like_turns(value: object) -> bool:
    """Whether a value is a list of turns, rather than a text."""
    value = unpacked(value)
    return isinstance(value, list) and all(isinstance(t, dict) and ("role" in t or "from" in t) for t in value)


def conversation(value: object, what: str) -> tuple[list[Message], dict[str, list[Any]]]:
    """Turns in OpenAI form.

    Args:
        value: a list of turns (role/content or from/value), or JSON text of one.
        what: the field, for messages.

    Returns:
        The messages, and what else the turns had (loss weights, say): a list a key, with None where a turn lacks it.

    Raises:
        RowError: it is not a conversation, or an empty one.
    """
    turns = unpacked(value)
    if not isinstance(turns, list):
        wrong_type(what, value, "a list of turns")
    if not turns:
        raise RowError("empty_conversation", f"{what} has no turns")
    messages = [message(turn, f"{what}[{index}]") for index, turn in enumerate(turns)]
    extras: dict[str, list[Any]] = {}
    for index, turn in enumerate(turns):
        for key in turn.keys() - _KNOWN:
            if turn[key] is not None:
                extras.setdefault(key, [None] * len(turns))[index] = turn[key]
    return messages, extras


def message(turn: object, what: str) -> Message:
    """One turn in OpenAI form.

    Raises:
        RowError: it has no known speaker, or holds something other than text, reasoning and tool calls.
    """
    if not isinstance(turn, dict):
        wrong_type(what, turn, "a turn (role and content, or from and value)")
    speaker = turn.get("role", turn.get("from"))
    if not isinstance(speaker, str):
        wrong_type(f"{what}.role", speaker, "a speaker such as user or assistant")
    role = ROLES.get(speaker.lower())
    if role is None:
        raise RowError("unknown_role", f"{what}: {speaker!r} is none of {', '.join(ROLES)}")
    result: Message = {"role": role}
    content = turn["content"] if turn.get("content") is not None else turn.get("value")
    if speaker.lower() in CALL_ROLES:
        result |= {"content": "", "tool_calls": _calls(content, what)}
    else:
        result |= _content(content, role, what)
    _add_keys(result, turn, what)
    if content is None and "tool_calls" not in result and "reasoning_content" not in result:
        raise RowError("missing_field", f"{what} has no content")
    return result


def _add_keys(result: Message, turn: dict[str, Any], what: str) -> None:
    """What a turn says outside of its content: reasoning, tool calls, names."""
    for key in _REASONING_KEYS:
        if isinstance(turn.get(key), str) and turn[key]:
            result.setdefault("reasoning_content", turn[key])
    calls = turn.get("tool_calls") or turn.get("function_call")
    if calls:
        result.setdefault("tool_calls", []).extend(_calls(calls, what))
    for key in ("name", "tool_call_id"):
        if isinstance(turn.get(key), str):
            result[key] = turn[key]


def _content(content: object, role: str, what: str) -> Message:
    if isinstance(content, str):
        return {"content": content}
    if content is None:
        return {"content": ""}
    if role == "tool" and not _is_parts(content):  # what a tool returned, left as data
        return {"content": json.dumps(content, ensure_ascii=False)}
    if isinstance(content, list):
        return _parts(content, what)
    wrong_type(f"{what}.content", content, "text or a list of parts")


def _is_parts(content: object) -> bool:
    return isinstance(content, list) and all(isinstance(part, dict) and "type" in part for part in content)


def _parts(parts: list[Any], what: str) -> Message:
    """A list of content parts: texts are joined, reasoning and tool calls go to their own keys."""
    texts: list[str] = []
    reasoning: list[str] = []
    calls: list[Any] = []
    for index, part in enumerate(parts):
        kind = "text" if isinstance(part, str) else part.get("type") if isinstance(part, dict) else None
        if kind in ("text", "input_text", "output_text"):
            texts.append(_text(part, f"{what}.content[{index}]", _TEXT_KEYS))
        elif kind in ("reasoning", "thinking"):
            reasoning.append(_text(part, f"{what}.content[{index}]", (*_TEXT_KEYS, "reasoning", "thinking")))
        elif kind == "tool_call":
            value = part.get("value", part.get("tool_call", {k: v for k, v in part.items() if k != "type"}))
            calls += _calls(value, what)
        else:
            raise RowError("unsupported_content", f"{what}.content[{index}] is a part of type {kind!r}, not text")
    result: Message = {"content": "".join(texts)}
    if reasoning:
        result["reasoning_content"] = "".join(reasoning)
    if calls:
        result["tool_calls"] = calls
    return result


def _text(part: Any, what: str, keys: tuple[str, ...]) -> str:
    if isinstance(part, str):
        return part
    text = next((part[key] for key in keys if part.get(key) is not None), None)
    if not isinstance(text, str):
        wrong_type(what, text, "text")
    return text


def _calls(value: object, what: str) -> list[Message]:
    """Tool calls: one or a list of them, as objects or JSON text, with or without OpenAI's `function` wrapper."""
    found = unpacked(value)
    calls = found if isinstance(found, list) else [found]
    return [_call(unpacked(call), what) for call in calls]


def _call(call: object, what: str) -> Message:
    inner = call.get("function", call) if isinstance(call, dict) else None
    if not isinstance(call, dict) or not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
        raise RowError("broken_tool_call", f"{what}: a tool call needs a name and arguments, found {str(call)[:80]!r}")
    arguments = inner.get("arguments", inner.get("parameters"))
    result: Message = {"type": "function", "function": {"name": inner["name"], "arguments": _arguments(arguments)}}
    if isinstance(call.get("id"), str):
        result["id"] = call["id"]
    return result


def _arguments(arguments: object) -> str:
    if arguments is None:
        return "{}"
    if isinstance(arguments, str):
        try:
            arguments = json.loads(arguments)
        except (ValueError, RecursionError):
            return str(arguments)  # a model's own broken JSON: kept as it is
    return json.dumps(arguments, ensure_ascii=False)


def tools(value: object) -> list[dict[str, Any]] | None:
    """Tool definitions in OpenAI form; None where there are none.

    Raises:
        RowError: it is not a list of definitions with names.
    """
    found = unpacked(value)
    if found is None or found == "" or found == [] or found == {}:
        return None
    definitions = []
    for item in found if isinstance(found, list) else [found]:
        tool = unpacked(item)
        inner = tool.get("function", tool) if isinstance(tool, dict) else None
        if not isinstance(tool, dict) or not isinstance(inner, dict) or not isinstance(inner.get("name"), str):
            wrong_type("tools", item, "a list of functions with names")
        definitions.append(tool if "function" in tool else {"type": "function", "function": tool})
    return definitions


def split_answer(messages: list[Message]) -> tuple[list[Message], Message | None]:
    """A conversation as its prompt and the assistant's last turn, if it ends with one."""
    if messages and messages[-1]["role"] == "assistant":
        return messages[:-1], messages[-1]
    return messages, None


def without_thoughts(answer: Message) -> Message:
    """An answer whose <think> block is its reasoning, as it is for generated answers; others unchanged."""
    if "reasoning_content" in answer or not answer["content"].lstrip().startswith(OPEN):
        return answer
    reasoning, text = split_reasoning(answer["content"])
    return {**answer, "content": text, "reasoning_content": reasoning}


def said(role: str, text: str) -> Message:
    """A message of plain text."""
    return {"role": role, "content": text}


def is_plain(messages: list[Message]) -> bool:
    """Whether an answer is one assistant turn of nothing but text."""
    return len(messages) == 1 and messages[0].keys() == {"role", "content"}
