"""What makes two answers the same."""

import json

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datakit.answers import ANSWER_FEATURES, WHITE_SPACE, messages_sql, stripped_sql


@pytest.fixture(scope="module")
def con():
    with duckdb.connect() as con:
        yield con


@settings(max_examples=150, deadline=None)
@given(
    st.text(
        st.one_of(st.sampled_from(WHITE_SPACE), st.sampled_from("ab\u200b\ufeff\n$^"), st.characters(codec="utf-8"))
    )
)
def test_sql_strips_what_python_strips(con, text):
    row = con.execute(f"SELECT {stripped_sql('t')} FROM (SELECT $1::VARCHAR AS t)", [text]).fetchone()
    assert row[0] == text.strip()


def features(con, text, messages=None, finish_reason="stop"):
    row = [text, json.dumps(messages) if messages else None, finish_reason]
    query = "SELECT $1::VARCHAR AS text, $2::JSON AS messages, $3::VARCHAR AS finish_reason"
    return con.execute(f"SELECT {ANSWER_FEATURES} FROM ({query})", row).fetchone()


def turn(content, **more):
    return [{"role": "assistant", "content": content, **more}]


CALL = [{"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]


def test_answers_are_the_same_up_to_white_space_and_reasoning(con):
    answer = features(con, "yes")[0]
    assert features(con, " yes\n")[0] == answer
    assert features(con, "yes", turn("yes", reasoning_content="well"))[0] == answer
    assert features(con, "yes", turn("yes", tool_calls=None))[0] == answer
    assert features(con, "yes", turn("yes", tool_calls=CALL))[0] != answer
    assert features(con, "Yes")[0] != answer


def test_an_answer_is_empty_without_text_and_calls(con):
    assert [features(con, text)[1] for text in ("", " \u3000\n", "x", "0")] == [True, True, False, False]
    assert features(con, "", turn("", reasoning_content="hm"))[1]
    assert not features(con, "", turn("", tool_calls=CALL))[1]


def test_length_counts_characters_and_only_max_tokens_cuts_off(con):
    assert features(con, "你好 é")[3] == 4
    assert [features(con, "x", finish_reason=reason)[2] for reason in ("length", "stop", None)] == [True, False, False]


def test_an_answer_becomes_messages(con):
    query = f"SELECT {messages_sql('t', 'm')} FROM (SELECT $1::VARCHAR AS t, $2::JSON AS m)"
    assert json.loads(con.execute(query, ['a "b"\n', None]).fetchone()[0]) == turn('a "b"\n')
    kept = turn("x", tool_calls=CALL)
    assert json.loads(con.execute(query, ["x", json.dumps(kept)]).fetchone()[0]) == kept
