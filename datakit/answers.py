"""What pairs and selections compare of an answer: its text after strip, its tool calls, whether it was cut off."""

import sys

WHITE_SPACE = "".join(chr(code) for code in range(sys.maxunicode + 1) if chr(code).isspace())
"""What `str.strip` removes; DuckDB's own `trim` removes spaces only."""

_SPACES = "||".join(f"chr({ord(character)})" for character in WHITE_SPACE)
_CLASS = "".join(rf"\x{{{ord(character):x}}}" for character in WHITE_SPACE)
_CALLS = """if(messages IS NULL, []::VARCHAR[], list_filter(
    json_extract_string(messages, '$[*].tool_calls'), lambda c: c IS NOT NULL AND c NOT IN ('null', '[]')))"""


def stripped_sql(text: str) -> str:
    """`str.strip` of a VARCHAR expression.

    Most answers neither begin nor end with white space: two cheap looks at their ends spare them the slow trim.
    """
    edge = f"regexp_matches({text}, '^[{_CLASS}]') OR regexp_matches({text}, '[{_CLASS}]$')"
    return f"if({edge}, trim({text}, {_SPACES}), {text})"


ANSWER_FEATURES = f"""
    hash({stripped_sql("text")}, {_CALLS}) AS answer,
    answer = hash('', []::VARCHAR[]) AS empty,
    coalesce(finish_reason = 'length', false) AS truncated,
    length(text)::UINTEGER AS chars
"""
"""Columns for `create_groups`: a 64-bit hash that is equal where two answers say the same, whether the answer is empty,
whether it was cut off by max_tokens, and its length in characters."""


def messages_sql(candidate: str) -> str:
    """The turns of an answer, as JSON: with tool calls and reasoning where it has them.

    Args:
        candidate: alias of a row of `candidates`.
    """
    plain = f"json_array(json_object('role', 'assistant', 'content', {candidate}.text))"
    return f"coalesce({candidate}.messages, {plain})"
