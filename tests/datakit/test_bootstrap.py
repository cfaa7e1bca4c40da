"""The bootstrap, against distributions worked out by hand."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datakit.bootstrap import DRAWS, Estimate, _draws, estimates


def test_of_two_prompts_the_samples_are_distributed_as_by_hand():
    # drawn twice from two prompts: both the first 1/4, one of each 1/2, both the second 1/4
    counts = np.concatenate(list(_draws(2)))
    assert counts.shape == (DRAWS, 2)
    assert set(map(tuple, counts)) == {(2, 0), (1, 1), (0, 2)}
    shares = [(counts[:, 0] == number).mean() for number in (2, 1, 0)]
    assert shares == pytest.approx([1 / 4, 1 / 2, 1 / 4], abs=4 * np.sqrt(0.25 / DRAWS))


def test_the_interval_of_two_prompts_is_the_whole_range():
    # 1/4 of the means are 0 and 1/4 are 1, both more than 2.5 %
    assert estimates(np.array([[0.0], [1.0]])) == [Estimate(0.5, 0.0, 1.0, 2)]


def test_the_interval_of_four_prompts_is_that_of_the_binomial():
    # values 0, 0, 0, 1: the mean is Binomial(4, 1/4) / 4, whose quantiles at 2.5 % and 97.5 % are 0 and 3/4
    # (P(0) = .316, P(<= 2) = .949, P(<= 3) = .996)
    assert estimates(np.array([[0.0], [0.0], [0.0], [1.0]])) == [Estimate(0.25, 0.0, 0.75, 4)]


def test_the_interval_of_many_prompts_is_the_normal_one():
    values = np.random.default_rng(1).normal(size=(2000, 1))
    [found] = estimates(values)
    half = 1.96 * values.std() / np.sqrt(2000)
    assert found.mean == pytest.approx(values.mean())
    assert [found.low, found.high] == pytest.approx([values.mean() - half, values.mean() + half], abs=half / 20)


def test_prompts_without_a_value_are_left_out():
    values = np.array([[1.0, np.nan], [3.0, np.nan], [np.nan, np.nan], [np.nan, 7.0]])
    first, second = estimates(values)
    assert first == Estimate(2.0, 1.0, 3.0, 2)
    assert second == Estimate(7.0, None, None, 1)
    assert estimates(np.full((3, 1), np.nan)) == [Estimate(None, None, None, 0)]
    assert estimates(np.zeros((0, 2))) == [Estimate(None, None, None, 0)] * 2


@settings(max_examples=20, deadline=None)
@given(st.lists(st.tuples(st.floats(-9, 9), st.floats(-9, 9)), min_size=2, max_size=12), st.booleans())
def test_a_column_does_not_depend_on_the_others(rows, other_first):
    values = np.array(rows)
    alone = estimates(values[:, :1])[0]
    together = estimates(values[:, [1, 0, 1]] if other_first else values)[1 if other_first else 0]
    assert together == alone
    assert alone.low <= alone.mean + 1e-9
    assert alone.mean <= alone.high + 1e-9


@settings(max_examples=20, deadline=None)
@given(st.lists(st.floats(-9, 9), min_size=2, max_size=12), st.floats(-5, 5), st.sampled_from([0.5, 2.0]))
def test_it_moves_and_stretches_with_the_values(rows, shift, factor):
    values = np.array(rows)[:, None]
    [one], [other] = estimates(values), estimates(values * factor + shift)
    moved = [end * factor + shift for end in (one.mean, one.low, one.high)]
    assert [other.mean, other.low, other.high] == pytest.approx(moved, abs=1e-6)
