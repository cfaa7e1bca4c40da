"""`think_tags`: reasoning, then an answer."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.dialects import trl
from rewards.reasoning import split_reasoning
from rewards.rules.think_tags import think_tags

WHOLE = [
    ("<think>2 and 2 make 4.</think>\n4", True, ""),
    ("<think>\n我来想想。\n</think>\n\n答案是四。", True, ""),
    ("2 and 2 make 4.</think>4", True, ""),
    ("<think>r</think>Use `<think>` tags.", True, ""),
    ("<think>r</think>\n```\n<think>\n```\nis a tag.", True, ""),
    ("4", False, "no reasoning"),
    ("", False, "no reasoning"),
    ("<think></think>4", False, "no reasoning"),
    ("<think>Let me see", False, "no answer after the reasoning"),
    ("<think>r</think> \n", False, "no answer after the reasoning"),
    ("<think>a<think>b</think>c", False, "<think> in the reasoning"),
    ("<think>a</think>b</think>c", False, "</think> in the answer"),
    ("<think>a</think>b<think>c</think>", False, "<think> in the answer"),
    ("<think>a</think><thinking>b", False, "<thinking> in the answer"),
    ("4<think>r</think>", False, "no reasoning"),
]


@pytest.mark.parametrize(("text", "value", "reason"), WHOLE)
def test_it_says_the_same_of_a_whole_text_and_of_one_that_was_split(text, value, reason):
    reasoning, answer = split_reasoning(text)
    for found in (think_tags(text), think_tags(answer, reasoning)):
        assert (found.value, found.reason) == (value, reason)


def test_trainers_give_the_same_rewards():
    reward = trl("think_tags")
    completions = [[{"role": "assistant", "content": text}] for text, _, _ in WHOLE]
    expected = [float(value) for _, value, _ in WHOLE]
    assert reward(prompts=["p"] * len(WHOLE), completions=completions) == expected


@given(st.text(), st.text())
def test_any_split_text_is_judged_as_the_whole_one(reasoning, answer):
    text = f"<think>{reasoning}</think>{answer}"
    split, rest = split_reasoning(text)
    assert think_tags(rest, split) == think_tags(text)
