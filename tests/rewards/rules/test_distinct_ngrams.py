"""`distinct_ngrams`: repetition."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards import Verdict
from rewards.rules.distinct_ngrams import distinct_ngrams


@pytest.mark.parametrize(
    ("completion", "n", "value"),
    [
        # TRL's own example of its penalty, over token ids: 0.0 and -0.75
        ("one two three four", 2, 1.0),
        ("five five five five five", 2, 0.25),
        ("It is. It is! it is", 2, 2 / 5),
        ("好好好好", 1, 0.25),
        ("今天天气，今天天气", 2, 4 / 7),
        ("too short", 3, 1.0),
        ("", 3, None),
        (" \n\t", 1, None),
        ("👍", 3, 1.0),
        ("!!!!!!", 2, 0.2),
        ("! ! !\n! ! !", 2, 0.2),
        ("😂" * 100, 3, 1 / 98),
        ("——————", 1, 1 / 6),
        ("！？！？！？", 2, 2 / 5),
        ("ok !!!!!!!!!!", 3, 1.0),  # signs beside words do not count
    ],
)
def test_different_among_all(completion, n, value):
    assert distinct_ngrams(completion, n=n).value == (None if value is None else pytest.approx(value))


def test_the_reason_says_how_many():
    assert distinct_ngrams("a a a a").reason == "1 of 2 repeated"
    assert distinct_ngrams("") == Verdict(None, "no text")
    assert distinct_ngrams("a b") == Verdict(1.0, "fewer than 3 words")


@given(st.lists(st.sampled_from(["cat", "dog", "天", "气"]), min_size=4, max_size=20), st.integers(2, 5))
def test_a_text_said_again_repeats_more(words, times):
    text = " ".join(words)
    assert distinct_ngrams(" ".join([text] * times)).value <= distinct_ngrams(text).value + 1e-9
    assert distinct_ngrams(" ".join([text] * 20)).value <= len(words) / (len(words) * 20 - 2)
