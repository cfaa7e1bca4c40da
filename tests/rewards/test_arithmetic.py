"""Rounding and normalisation of rewards."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.arithmetic import centred, rank, rounded, zscore

REWARDS = st.lists(st.none() | st.floats(-10, 10), max_size=12)


def test_a_masked_reward_counts_nowhere():
    assert centred([1, None, 0, 0]) == [pytest.approx(2 / 3), None, pytest.approx(-1 / 3), pytest.approx(-1 / 3)]


def test_the_z_score_is_that_of_the_trainers():
    spread = statistics.stdev([1, 0, 0])
    assert zscore([1, None, 0, 0]) == [
        pytest.approx(2 / 3 / (spread + 1e-4)),
        None,
        pytest.approx(-1 / 3 / (spread + 1e-4)),
        pytest.approx(-1 / 3 / (spread + 1e-4)),
    ]


def test_without_spread_the_z_score_is_zero():
    assert zscore([0.1, 0.1, None, 0.1]) == [0.0, 0.0, None, 0.0]
    assert zscore([5]) == [0.0]
    assert zscore([None]) == [None]
    assert zscore([]) == []


def test_ranks_are_averaged_over_ties_and_scaled_to_0_to_1():
    assert rank([3, 1, 2]) == [1.0, 0.0, 0.5]
    assert rank([3, None, 1, 3]) == [0.75, None, 0.0, 0.75]
    assert rank([2, 2]) == [0.5, 0.5]
    assert rank([7]) == [0.5]


@given(REWARDS)
def test_normalising_keeps_the_order_and_the_gaps(rewards):
    for normalised in (zscore(rewards), rank(rewards)):
        assert [n is None for n in normalised] == [r is None for r in rewards]
        pairs = [(r, n) for r, n in zip(rewards, normalised, strict=True) if r is not None and n is not None]
        for one, n_one in pairs:
            for other, n_other in pairs:
                assert (n_one <= n_other) if one <= other else (n_one >= n_other)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_rounding_moves_by_half_a_billionth_at_most_and_only_once(value):
    assert abs(rounded(value) - value) <= 0.5e-9 + abs(value) * 1e-15
    assert rounded(rounded(value)) == rounded(value)
