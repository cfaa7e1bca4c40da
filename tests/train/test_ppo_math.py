"""PPO's arithmetic against small cases worked out by hand."""

import math

import pytest
import torch

from train.harness import ppo_math

NULL = math.nan


def table(*rows):
    return torch.tensor(rows, dtype=torch.float64)


def same(found, *rows):
    assert found.tolist() == [pytest.approx(row, abs=1e-6) for row in rows]


def test_the_score_is_earned_by_the_last_token_and_the_kl_by_each():
    ratio = table([0.1, -0.2, 0.3], [0.4, 0.5, 9.0], [1.0, 1.0, 1.0])
    mask = table([1, 1, 1], [1, 1, 0], [0, 0, 0])  # the second is padded, the third has no score
    found = ppo_math.token_rewards(torch.tensor([1.0, -2.0, NULL]).double(), ratio, mask, 0.5)
    same(found, [-0.05, 0.1, 1 - 0.15], [-0.2, -2 - 0.25, 0.0], [0.0, 0.0, 0.0])


def test_an_answer_of_one_token_earns_all_at_once():
    found = ppo_math.token_rewards(table([3.0])[0], table([0.5, 0.0]), table([1, 0]), 0.1)
    same(found, [3 - 0.05, 0.0])


def test_gae_by_hand():
    # gamma 0.5, lambda 0.5; from the end: delta = 1 - 0.4 = 0.6
    # delta = 0 + 0.5 * 0.4 - 0.2 = 0.0, A = 0.0 + 0.25 * 0.6 = 0.15
    # delta = 0 + 0.5 * 0.2 - 0.6 = -0.5, A = -0.5 + 0.25 * 0.15 = -0.4625
    rewards, values = table([0, 0, 1]), table([0.6, 0.2, 0.4])
    same(ppo_math.gae(rewards, values, torch.ones(1, 3), 0.5, 0.5), [-0.4625, 0.15, 0.6])


def test_gae_does_not_see_what_is_masked():
    rewards, values = table([0, 1, 0], [0, 0, 0]), table([0.5, 0.5, 7.0], [3.0, 3.0, 3.0])
    mask = table([1, 1, 0], [0, 0, 0])
    # delta = 1 - 0.5 (what follows is 0, not 7), then 0.5 - 0.5 + 0.5
    same(ppo_math.gae(rewards, values, mask, 1.0, 1.0), [0.5, 0.5, 0.0], [0.0, 0.0, 0.0])


@pytest.mark.parametrize(
    ("lam", "expected"),
    [(1.0, [2 + 0.9 * 4 - 1, 4 - 3]), (0.0, [2 + 0.9 * 3 - 1, 4 - 3])],
    ids=["the whole return less the value", "the difference of one token"],
)
def test_the_ends_of_lambda(lam, expected):
    same(ppo_math.gae(table([2, 4]), table([1, 3]), torch.ones(1, 2), 0.9, lam), expected)


def test_whitening_by_hand():
    # of 1, 2, 3: mean 2, variance 2/3; 100 does not count
    unit = 1 / math.sqrt(2 / 3)
    same(ppo_math.whiten(table([1, 2], [3, 100]), table([1, 1], [1, 0])), [-unit, 0.0], [unit, 0.0])


def test_whitening_is_over_all_processes():
    mine, theirs = table([1.0, 2.0]), table([6.0, 7.0])
    mask = torch.ones(1, 2)
    both = ppo_math.whiten(torch.cat([mine, theirs]), torch.ones(2, 2))
    # what the other process adds: its sum and count, then its sum of squares about the common mean 4
    other = iter([torch.tensor([13.0, 2.0]), torch.tensor([4.0 + 9.0, 2.0])])
    assert torch.allclose(ppo_math.whiten(mine, mask, lambda own: own + next(other)), both[:1])


@pytest.mark.parametrize("mask", [table([0, 0]), table([1, 0])], ids=["no token", "one token"])
def test_whitening_of_next_to_nothing_is_zero(mask):
    same(ppo_math.whiten(table([5, 6]), mask), [0.0, 0.0])


def test_the_clipped_value_loss_by_hand():
    values, old, returns = table([1.0, 1.0, 0.1, -1.0]), table([0.0, 0.0, 0.0, 0.0]), table([2.0, 0.0, 1.0, 0.0])
    # 1: |1-2| = 1, clipped to 0.2: |0.2-2| = 1.8 is worse; 2: |1-0| = 1 is worse than 0.2
    # 3: 0.1 is not clipped: 0.9; 4: |-1| = 1 is worse than 0.2
    same(ppo_math.value_loss(values, old, returns, 0.2), [1.8**2 / 2, 0.5, 0.9**2 / 2, 0.5])


def test_the_value_loss_has_no_gradient_where_it_is_clipped():
    values = table([1.0, 1.0]).requires_grad_()
    ppo_math.value_loss(values, table([0.0, 0.0]), table([2.0, 0.0]), 0.2).sum().backward()
    same(values.grad, [0.0, 1.0])  # held back from a return that it already moved toward; free to come back


def test_the_mean_counts_what_is_not_masked_and_is_zero_of_nothing():
    assert ppo_math.masked_mean(table([1, 2], [6, 9]), table([1, 1], [1, 0])).item() == 3
    assert ppo_math.masked_mean(table([1, 2]), table([0, 0])).item() == 0


def test_explained_variance_by_hand():
    returns, mask = table([0, 1, 2, 50]), table([1, 1, 1, 0])  # variance 2/3
    assert ppo_math.explained_variance(table([5, 6, 7, 0]), returns, mask) == pytest.approx(1)  # a constant off
    assert ppo_math.explained_variance(table([0, 0, 0, 0]), returns, mask) == pytest.approx(0)
    assert ppo_math.explained_variance(table([0, 1, 1, 0]), returns, mask) == pytest.approx(1 - (2 / 9) / (2 / 3))
    assert math.isnan(ppo_math.explained_variance(table([0, 1, 2, 3]), table([1, 1, 1, 1]), mask))


def test_the_watched_kl_by_hand_and_its_expectation():
    ratio = table([math.log(2), 0.0, 9.0])
    assert ppo_math.kl_mean(ratio, table([1, 1, 0])) == pytest.approx((0.5 - 1 + math.log(2)) / 2)
    policy, reference = table([0.7, 0.2, 0.1]), table([0.3, 0.3, 0.4])
    log_ratio = (policy / reference).log()
    exact = (policy * log_ratio).sum().item()  # the sum over a vocabulary of three, each as often as it is sampled
    assert ppo_math.kl_mean(log_ratio, policy) == pytest.approx(exact)


def test_the_coefficient_follows_the_band():
    band = (0.01, 0.04)  # the target is 0.02
    assert ppo_math.adapted(0.5, 0.02, band, 1) == pytest.approx(0.5)
    assert ppo_math.adapted(0.5, 0.022, band, 1) == pytest.approx(0.5 * 1.1)
    assert ppo_math.adapted(0.5, 9.0, band, 1) == pytest.approx(0.5 * 1.2)
    assert ppo_math.adapted(0.5, 0.0, band, 1) == pytest.approx(0.5 * 0.8)
    assert ppo_math.adapted(0.5, 0.0, band, 0.1) == pytest.approx(0.5 * 0.98)
