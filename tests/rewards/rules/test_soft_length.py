"""`soft_length`: bounds that fade."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards import Verdict
from rewards.plugins import find_rule
from rewards.rules.length_band import length_band
from rewards.rules.soft_length import soft_length
from rewards.scorer import bind
from schemas.errors import RuleError


@pytest.mark.parametrize(
    ("n_tokens", "punishment"),
    [(1, 0.0), (80, 0.0), (81, -0.05), (90, -0.5), (99, -0.95), (100, -1.0), (101, -1.0), (5000, -1.0)],
)
def test_it_is_one_plus_the_soft_overlong_punishment_of_dapo(n_tokens, punishment):
    # L_max 100, L_cache 20; TRL's own example is 90 tokens: -0.5
    found = soft_length("x", n_tokens, None, 80, "tokens", band=20)
    assert found.value == pytest.approx(1 + punishment)


@pytest.mark.parametrize(
    ("completion", "low", "high", "unit", "value"),
    [
        ("one two three", 3, 3, "words", 1.0),
        ("one two", 3, None, "words", 0.75),
        ("今天天气很好", None, 4, "words", 0.5),
        ("今天天气很好", 8, None, "characters", 0.5),
        ("One. Two. Three.", None, 2, "sentences", 0.75),
        ("好。很好！真的吗？", 4, None, "sentences", 0.75),
        ("", 10, None, "words", 0.0),
        ("x", None, None, "words", None),
        ("x", None, 5, "tokens", None),
    ],
)
def test_beyond_a_bound_it_falls_by_a_share_of_the_band(completion, low, high, unit, value):
    assert soft_length(completion, None, low, high, unit, band=4).value == value


def test_the_reason_says_how_far():
    assert soft_length("a b c", None, None, 2, band=4) == Verdict(0.75, "3 words, 1 beyond the bounds")


def test_bad_columns_and_options_are_errors():
    with pytest.raises(ValueError, match="'pages' is none of: characters, words, sentences, tokens"):
        soft_length("x", None, 1, 2, "pages", band=1)
    with pytest.raises(ValueError, match="max_length: a whole number of at least 0 is wanted, found str 'long'"):
        soft_length("x", None, None, "long", band=1)
    with pytest.raises(RuleError, match="needs the option 'band'"):
        bind(find_rule("soft_length", []))
    with pytest.raises(RuleError, match="greater than 0"):
        bind(find_rule("soft_length", []), options={"band": 0})


@given(st.integers(0, 50), st.integers(0, 20), st.integers(20, 40), st.integers(1, 30))
def test_one_is_where_the_band_holds_and_nobody_is_punished_for_coming_nearer(length, low, high, band):
    def value(n: int) -> float:
        return float(soft_length("x", n, low, high, "tokens", band=band).value)

    assert (value(length) == 1.0) is length_band("x", length, low, high, "tokens").value
    nearer = length + 1 if length < low else length - 1 if length > high else length
    assert value(nearer) >= value(length)
