"""`cosine_length`: short is better, on a cosine."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.outcome import Outcome, Status
from rewards.rules.cosine_length import cosine_length
from rewards.spec import Requirement, RewardSpec, ScorerEntry, reward_of


@pytest.mark.parametrize(
    ("n_tokens", "value"), [(0, 1.0), (25, 0.853553), (50, 0.5), (75, 0.146447), (100, 0.0), (900, 0.0)]
)
def test_it_falls_from_one_to_zero(n_tokens, value):
    assert cosine_length("x", 100, n_tokens).value == pytest.approx(value, abs=1e-6)


@pytest.mark.parametrize(("correct", "reward"), [(1.0, 0.75), (0.0, 0.0)])
def test_scaled_and_with_a_requirement_it_is_trls_reward_for_correct_answers(correct, reward):
    # TRL's own example: 50 of 100 tokens, right: 0.75
    spec = RewardSpec(
        name="r",
        scorers=(ScorerEntry(rule="cosine_length", scale={"from": (0, 1), "to": (0.5, 1)}),),
        require=(Requirement(rule="is_json"),),
        required_reward=0,
    )
    made = reward_of(spec)
    value = cosine_length("x", 100, 50).value
    outcomes = {"cosine_length": Outcome(Status.OK, value), "is_json": Outcome(Status.OK, correct)}
    combined = made.combine([outcomes[scorer.name] for scorer in made.scorers], {})
    assert combined.reward == pytest.approx(reward)


def test_all_units_count():
    assert cosine_length("今天天气", 8, None, "words").value == pytest.approx(0.5)
    assert cosine_length("ab", 4, None, "characters").value == pytest.approx(0.5)
    assert cosine_length("One. 二。", 4, None, "sentences").value == pytest.approx(0.5)
    assert cosine_length("x", 4, None).value is None


def test_bad_columns_are_errors():
    with pytest.raises(ValueError, match="max_length: more than 0 is wanted"):
        cosine_length("x", 0, 3)
    with pytest.raises(ValueError, match="max_length: a whole number"):
        cosine_length("x", 0.5, 3)


@given(st.integers(0, 300), st.integers(1, 200))
def test_longer_is_never_better(length, most):
    assert cosine_length("x", most, length).value >= cosine_length("x", most, length + 1).value
