"""What pairs and selections compare of an answer: its text after strip, its tool calls, whether it was cut off."""

import sys

WHITE_SPACE = "".join(chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace())
"""What `str.strip` removes; DuckDB's own `trim` removes spaces only."""

_SPACE = "[" + "".join(rf"\x{{{ord(character):x}}}" for character in WHITE_SPACE) + "]"
_CALLS = """if(messages IS NULL, []::VARCHAR[], list_filter(
    json_extract_string(messages, '$[*].tool_calls'), lambda c: c IS NOT NULL AND c NOT IN ('null', '[]')))"""


def stripped_sql(text: str) -> str:
    """`str.strip` of a VARCHAR expression.

    Most answers neither begin nor end with white space: two cheap looks at their ends spare them the replacing. And
    replacing at an anchor is ten times faster than `trim` with a list of characters, which reads the whole text.
    """
    edge = f"regexp_matches({text}, '^{_SPACE}') OR regexp_matches({text}, '{_SPACE}$')"
    bare = f"regexp_replace(regexp_replace({text}, '{_SPACE}+$', ''), '^{_SPACE}+', '')"
    return f"if({edge}, {bare}, {text})"


ANSWER_FEATURES = f"""
    hash({stripped_sql("text")}, {_CALLS}) AS answer,
    answer = hash('', []::VARCHAR[]) AS empty,
    coalesce(finish_reason = 'length', false) AS truncated,
    length(text)::UINTEGER AS chars
"""
"""Columns for `create_groups`: a 64-bit hash that is equal where two answers say the same, whether the answer is empty,
whether it was cut off by max_tokens, and its length in characters."""


def messages_sql(text: str, messages: str) -> str:
    """The turns of an answer, as JSON: with tool calls and reasoning where it has them.

    Args:
        text: SQL of its `text`.
        messages: SQL of its `messages`, null where it is one turn of that text.
    """
    return f"coalesce({messages}, json_array(json_object('role', 'assistant', 'content', {text})))"
