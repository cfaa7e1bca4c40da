"""`rouge_l`: the longest common subsequence of words."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.rules.rouge_l import rouge_l


@pytest.mark.parametrize(
    ("completion", "reference", "value"),
    [
        # Lin 2004, section 3.1: the same bigrams, but not the same order
        ("police kill the gunman", "police killed the gunman", 0.75),
        ("the gunman kill police", "police killed the gunman", 0.5),
        # precision 5/8, recall 5/9
        ("The quick brown dog jumps on the log.", "The quick brown fox jumps over the lazy dog", 10 / 17),
        ("Don't stop, it's fine!", "don t stop it s fine", 1.0),
        ("今天天气很好", "今天，天气不好。", 10 / 12),
        ("用 Python 写代码", "用python写程序", 2 * 3 / 10),
        ("", "a", 0.0),
        ("a", ["b", "a c"], 2 / 3),
        ("a", "...", None),
        ("a", [], None),
    ],
)
def test_published_values_and_chinese(completion, reference, value):
    assert rouge_l(completion, reference).value == (value if value is None else pytest.approx(value))


def test_a_reference_that_is_no_text_is_an_error():
    with pytest.raises(TypeError, match="reference: a text or a list of texts is wanted, found int 42"):
        rouge_l("x", 42)


def common(left: list[str], right: list[str]) -> int:
    """The textbook's table."""
    row = [0] * (len(right) + 1)
    for a in left:
        before = row[:]
        for j, b in enumerate(right, start=1):
            row[j] = before[j - 1] + 1 if a == b else max(before[j], row[j - 1])
    return row[-1]


words = st.lists(st.sampled_from(["a", "b", "the", "42", "好", "天"]), min_size=1, max_size=12)


@given(words, words)
def test_it_is_the_f1_measure_of_the_definition(left, right):
    length = common(left, right)
    precision, recall = length / len(left), length / len(right)
    expected = 2 * precision * recall / (precision + recall) if length else 0.0
    assert rouge_l(" ".join(left), " ".join(right)).value == pytest.approx(expected)
