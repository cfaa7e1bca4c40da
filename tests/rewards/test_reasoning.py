"""Reasoning and answer are told apart in one place."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.reasoning import split_reasoning


@pytest.mark.parametrize(
    ("text", "reasoning", "answer"),
    [
        ("<think>\nhm\n</think>\n\nyes", "hm", "yes"),
        ("  <think>hm</think>yes", "hm", "yes"),
        ("hm\n</think>\nyes", "hm", "yes"),
        ("<think>cut off", "cut off", ""),
        ("<think>\n\n</think>\n\nyes", None, "yes"),
        ("yes", None, "yes"),
        ("  yes ", None, "  yes "),
        ("Put it between <think> and </think>.", None, "Put it between <think> and </think>."),
        ("<think>a</think>b</think>c", "a", "b</think>c"),
        ("", None, ""),
    ],
)
def test_reasoning_is_split_off(text, reasoning, answer):
    assert split_reasoning(text) == (reasoning, answer)


@given(st.text(), st.text())
def test_an_answer_with_or_without_reasoning_is_the_same_answer(reasoning, answer):
    if "think>" not in reasoning + answer:
        assert split_reasoning(f"<think>{reasoning}</think>{answer}") == (reasoning.strip() or None, answer.lstrip())
        assert split_reasoning(answer) == (None, answer)
