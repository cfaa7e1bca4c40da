"""Figures of reward models against small cases worked out by hand."""

from math import log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from train.harness.preference_figures import (
    Share,
    accuracy,
    by_length,
    calibration,
    calibration_error,
    pair_metrics,
    prefers_longer,
    wilson,
)
from train.harness.score_figures import pearson, score_figures, spearman


def margin_of(confidence, right=True):
    """The margin whose sigmoid is that."""
    return log(confidence / (1 - confidence)) * (1 if right else -1)


@pytest.mark.parametrize(
    ("right", "many", "low", "high"),
    [(8, 10, 0.4902, 0.9433), (0, 10, 0.0, 0.2775), (10, 10, 0.7225, 1.0), (50, 100, 0.4038, 0.5962)],
)
def test_wilson_intervals_are_those_of_the_textbook(right, many, low, high):
    assert wilson(right, many) == pytest.approx((low, high), abs=1e-4)


@given(many=st.integers(1, 5000), data=st.data())
def test_a_wilson_interval_holds_its_share_and_stays_within_0_and_1(many, data):
    right = data.draw(st.integers(0, many))
    low, high = wilson(right, many)
    assert 0 <= low <= right / many <= high + 1e-12 <= 1 + 1e-12
    assert wilson(many - right, many) == pytest.approx((1 - high, 1 - low), abs=1e-9)


def test_a_share_of_nothing_has_no_value_and_no_interval():
    assert (Share(0, 0).value, Share(0, 0).interval) == (None, None)
    assert Share(0, 0).cells() == (0, None, "")


def test_a_tie_is_wrong():
    assert accuracy(np.array([1.0, 0.0, -1.0, 2.0])) == Share(2, 4)


def test_the_calibration_error_is_that_of_the_bins_by_hand():
    """Four pairs at 0.95 of which three are right, two at 0.65 of which one is: (4 x 0.2 + 2 x 0.15) / 6."""
    margins = np.array([margin_of(0.95, right) for right in (True, True, True, False)])
    margins = np.append(margins, [margin_of(0.65), margin_of(0.65, right=False)])
    found = calibration(margins)
    assert [many for many, _, _ in found] == [2, 4]
    assert found[0][1:] == pytest.approx((0.65, 0.5))
    assert found[1][1:] == pytest.approx((0.95, 0.75))
    assert calibration_error(margins) == pytest.approx((4 * 0.2 + 2 * 0.15) / 6)


def test_a_calibrated_model_has_no_calibration_error_and_a_sure_one_that_is_wrong_has_the_largest():
    right = [margin_of(0.75)] * 3 + [margin_of(0.75, right=False)]
    assert calibration_error(np.array(right)) == pytest.approx(0)
    assert calibration_error(np.array([-800.0, -800.0])) == pytest.approx(1)  # no overflow
    assert calibration_error(np.array([800.0])) == pytest.approx(0)


@given(st.lists(st.floats(-50, 50), min_size=1, max_size=60))
def test_bins_hold_every_pair_once(margins):
    found = calibration(np.array(margins))
    assert sum(many for many, _, _ in found) == len(margins)
    assert all(0.5 <= sure <= 1 and 0 <= right <= 1 for _, sure, right in found)
    assert 0 <= calibration_error(np.array(margins)) <= 1


def test_pairs_are_grouped_by_which_answer_is_longer():
    """Within a tenth of the longer one they are alike: 90 and 100 are, 89 and 100 are not; so the other way round."""
    chosen = np.array([100.0, 100.0, 90.0, 89.0, 0.0, 5.0])
    rejected = np.array([90.0, 89.0, 100.0, 100.0, 0.0, 50.0])
    margins = np.array([1.0, 1.0, -1.0, -1.0, 1.0, 2.0])
    found = by_length(margins, chosen, rejected)
    assert found == {"longer": Share(1, 1), "equal": Share(2, 3), "shorter": Share(1, 2)}


@pytest.mark.parametrize(
    ("longer", "shorter", "warned"),
    [(Share(9, 10), Share(4, 10), True), (Share(9, 10), Share(5, 10), False), (Share(7, 10), Share(0, 10), False),
     (Share(9, 10), Share(0, 0), False), (Share(0, 0), Share(1, 10), False)],
)  # fmt: skip
def test_a_model_goes_by_length_if_it_is_right_on_longer_and_wrong_on_shorter_answers(longer, shorter, warned):
    assert prefers_longer({"longer": longer, "equal": Share(1, 1), "shorter": shorter}) is warned


def test_the_metrics_of_pairs_have_all_figures_but_those_of_empty_groups():
    margins = np.array([1.0, -1.0])
    found = pair_metrics(margins, by_length(margins, np.array([9.0, 9.0]), np.array([1.0, 1.0])))
    assert found["held_out/accuracy"] == found["held_out/accuracy_chosen_longer"] == 0.5
    assert found["held_out/margin"] == 0
    assert not {"held_out/accuracy_chosen_equal", "held_out/accuracy_chosen_shorter"} & found.keys()


def test_correlations_are_those_by_hand():
    """Ranks of 10, 20, 20, 40 are 1, 2.5, 2.5, 4; Spearman with 1, 2, 3, 4: 4.5 / sqrt(4.5 x 5)."""
    one, other = np.array([1.0, 2.0, 3.0, 4.0]), np.array([10.0, 20.0, 20.0, 40.0])
    assert spearman(one, other) == pytest.approx(4.5 / (4.5 * 5) ** 0.5)
    assert pearson(one, other) == pytest.approx(45 / (5 * 475) ** 0.5)
    assert spearman(one, np.ones(4)) is None
    assert pearson(one[:1], other[:1]) is None


def test_a_missing_score_is_left_out_of_every_figure():
    said = np.array([1.0, np.nan, 3.0, 5.0])
    predicted, lengths = np.array([2.0, 99.0, 3.0, 3.0]), np.array([10.0, 1e9, 20.0, 30.0])
    found = score_figures(said, predicted, lengths)
    assert found["answers"] == 3
    assert found["mse"] == pytest.approx((1 + 0 + 4) / 3)
    assert found["variance"] == pytest.approx(8 / 3)
    assert found["said_length_spearman"] == pytest.approx(1)
    assert score_figures(np.array([np.nan]), predicted[:1], lengths[:1]) == {"answers": 0}
