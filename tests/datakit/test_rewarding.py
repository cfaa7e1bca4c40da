"""The reward in SQL is the reward in Python, bit for bit; normalisation over groups."""

import struct
import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datakit import datasets
from datakit.build_pairs import build_pairs
from datakit.derived import grade
from datakit.reward_view import record_reward
from datakit.score import score
from datakit.sql import sql
from datakit.store import Store
from rewards.arithmetic import rank, zscore
from rewards.outcome import Outcome, Status
from schemas.errors import ConfigError, RuleError
from schemas.identity import content_id
from schemas.options import GroupOptions, PairOptions, ScoreOptions

VALUES = st.one_of(
    st.sampled_from([0.0, 1.0, 0.1, 0.2, 0.3, 0.7, 1 / 3, 2 / 3, -0.5, 5e-10, 1.5e-9, -0.0]),
    st.floats(0, 1),
    st.floats(-1e12, 1e12),
    st.sampled_from([1e150, -1e200, 1.7e308, -1.7e308]),
)
OUTCOMES = st.one_of(
    VALUES.map(lambda value: Outcome(Status.OK, value)),
    VALUES.map(lambda value: Outcome(Status.OK, value)),
    st.sampled_from([Outcome(Status.SKIP), Outcome(Status.ERROR), Outcome(Status.TIMEOUT), None]),
)
WEIGHTS = st.floats(1e-6, 1e6) | st.just(1e150)
COLUMNS = {"answer": "42", "keywords": ["a"]}
"""Of every prompt that `fill` makes."""
CONDITIONS = st.sampled_from(
    [
        {},
        {"answer": "42"},
        {"answer": ["41", "42"], "keywords": "a"},
        {"answer": 42},
        {"keywords": {"exists": True}},
        {"answer": "42", "level": {"exists": True}},
    ]
)
ENDS = st.sampled_from([-1e150, -1.0, -0.0, 0.0, 0.1, 1 / 3, 1.0, 7.0, 100.0]) | st.floats(-1e6, 1e6)


@st.composite
def adjusted(draw):
    """A scorer's clip and scale."""
    low, high, start, end, first, last = draw(st.tuples(*[ENDS] * 6))
    found = {"clip": (low, high)} if low < high and draw(st.booleans()) else {}
    if start < end and first != last and draw(st.booleans()):
        found["scale"] = {"from": (start, end), "to": draw(st.sampled_from([(first, last), (0.0, 1.0), (1.0, 0.0)]))}
    return found


@st.composite
def specs(draw):
    conditions = {rule: draw(st.just({}) | CONDITIONS) for rule in "abcd"}
    rules = draw(st.lists(st.sampled_from("abcd"), min_size=1, max_size=4, unique=True))
    required = draw(st.lists(st.sampled_from("abcd"), max_size=2, unique=True))
    return {
        "combine": draw(st.sampled_from(["mean", "sum"])),
        "scorers": [
            {"rule": rule, "weight": draw(WEIGHTS), "when": conditions[rule], **draw(adjusted())} for rule in rules
        ],
        "require": [
            {"rule": rule, "when": conditions[rule], "min": draw(st.sampled_from([0.5, 0.1, 1.0]))} for rule in required
        ],
        "required_reward": draw(st.sampled_from([None, 0.0, -1.5])),
    }


def graded(store: Store, reward) -> dict[str, tuple]:
    with store.read() as con:
        grade(con, datasets.get(con, "p"), reward, GroupOptions())
        rows = con.execute("SELECT candidate_id::VARCHAR, reward, mask, failed, ungraded, level FROM graded").fetchall()
    return {row[0]: row[1:] for row in rows}


def in_view(store: Store, reward) -> dict[str, tuple]:
    """What SQL on the store sees."""
    with store.write() as con:
        record_reward(con, reward)
    with store.read() as con:
        rows = con.execute(
            "SELECT candidate_id::VARCHAR, reward, level, failed, reason FROM rewards "
            f"WHERE dataset = 'p' AND version = 1 AND name = '{reward.name}'"
        ).fetchall()
    return {row[0]: row[1:] for row in rows}


def bits(value: float | None) -> bytes | None:
    return None if value is None else struct.pack(">d", value)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), spec=specs())
def test_sql_and_python_give_the_same_rewards_bit_for_bit(data, spec, make_reward, fill, drawn):
    reward = make_reward(**spec)
    width = len(reward.scorers)
    groups = data.draw(st.lists(st.lists(st.tuples(*[OUTCOMES] * width), max_size=6), min_size=1, max_size=5))
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "s.duckdb")
        fill(store, [[drawn(f"text {i}", outcomes) for i, outcomes in enumerate(group)] for group in groups], reward)
        prompts = [content_id([[{"role": "user", "content": f"Question {g}?"}], g]) for g in range(len(groups))]
        keyed = {content_id([prompts[g], i]): o for g, group in enumerate(groups) for i, o in enumerate(group)}
        try:
            expected = {key: reward.combine(outcomes, COLUMNS) for key, outcomes in keyed.items()}
        except ConfigError:
            expected = None
        if expected is None:
            with pytest.raises(ConfigError, match="state required_reward"):
                graded(store, reward)
            return
        found, seen = graded(store, reward), in_view(store, reward)
    assert found.keys() == seen.keys() == expected.keys()
    names = [reward.scorers[place].name for place, _ in reward.bounds]
    for key, combined in expected.items():
        value, mask, failed, ungraded, level = found[key]
        assert bits(value) == bits(combined.reward)
        assert level == value
        assert mask == combined.mask
        assert (ungraded or "") == combined.reason
        assert (None if failed is None else names[failed]) == combined.failed
        assert (bits(seen[key][0]), *seen[key][1:]) == (bits(value), level, combined.failed, ungraded)


@pytest.mark.parametrize(("normalise", "formula"), [("zscore", zscore), ("rank", rank)])
@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    groups=st.lists(
        st.lists(st.none() | st.sampled_from([0.0, 0.1, 0.25, 1.0]) | st.floats(0, 1), max_size=8), max_size=6
    )
)
def test_normalising_in_sql_is_that_of_python(normalise, formula, groups, make_reward, fill, drawn):
    reward = make_reward(scorers=[{"rule": "a"}], normalise=normalise)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "s.duckdb")
        outcome = {None: Outcome(Status.ERROR)}
        filled = [
            [drawn(str(i), [outcome.get(value) or Outcome(Status.OK, value)]) for i, value in enumerate(group)]
            for group in groups
        ]
        fill(store, filled, reward)
        found = graded(store, reward)
        assert {key: row[:2] for key, row in in_view(store, reward).items()} == {
            key: (row[0], row[-1]) for key, row in found.items()
        }
    for number, group in enumerate(groups):
        prompt = content_id([[{"role": "user", "content": f"Question {number}?"}], number])
        rows = [found[content_id([prompt, index])] for index in range(len(group))]
        expected = formula([row[0] for row in rows])
        assert [row[-1] for row in rows] == [None if e is None else pytest.approx(e, abs=1e-9) for e in expected]


def test_a_score_counts_only_for_the_columns_that_it_was_given(tmp_path, make_reward, fill, drawn):
    reward = make_reward(scorers=[{"rule": "d"}])
    store = Store(tmp_path / "s.duckdb")
    fill(store, [[drawn("x", [Outcome(Status.OK, 0.5)])]], reward)
    assert [row[0] for row in graded(store, reward).values()] == [0.5]
    with store.write() as con:
        con.execute("""UPDATE members SET columns = '{"answer": "43"}'""")
    assert [row[3] for row in graded(store, reward).values()] == ["not_scored"]


def test_the_view_holds_each_reward_by_name_as_it_was_used_last(tmp_path, make_reward, fill, drawn):
    light, heavy = (make_reward(name="it's", scorers=[{"rule": "a"}, {"rule": "b", "weight": w}]) for w in (1, 3))
    store = Store(tmp_path / "s.duckdb")
    fill(store, [[drawn("x", [Outcome(Status.OK, 1.0), Outcome(Status.OK, 0.0)])]], light)
    options = {"groups": GroupOptions(), "store": store}
    query = "SELECT name, reward, reward_id::VARCHAR FROM rewards ORDER BY name"
    assert sql(query, store=store).tables[0].rows == ()
    for reward, value in [(light, 0.5), (heavy, 0.25), (light, 0.5)]:
        assert score("p", ScoreOptions(), reward=reward, **options).run_id is None
        assert sql(query, store=store).tables[0].rows == (("it's", value, reward.reward_id),)
    other = make_reward(name="other", scorers=[{"rule": "a"}], require=[{"rule": "b"}])
    build_pairs("p", PairOptions(), reward=other, **options)
    found = sql("SELECT name, reward, failed FROM rewards ORDER BY name", store=store).tables[0].rows
    assert found == (("it's", 0.5, None), ("other", 0.0, "b"))


def test_values_that_build_pairs_refuses_have_no_reward_in_the_view(tmp_path, make_reward, fill, drawn):
    reward = make_reward(scorers=[{"rule": "a"}], require=[{"rule": "b"}])
    store = Store(tmp_path / "s.duckdb")
    fill(store, [[drawn("x", [Outcome(Status.OK, 7.0), Outcome(Status.OK, 1.0)])]], reward)
    with pytest.raises(ConfigError, match="'a' gave 7"):
        graded(store, reward)
    assert list(in_view(store, reward).values()) == [(None, None, None, "outside_0_to_1")]


def test_pairs_with_a_misspelt_condition_are_refused(tmp_path, make_reward, fill, drawn):
    reward = make_reward(scorers=[{"rule": "a", "when": {"anwser": "42"}}])
    store = Store(tmp_path / "s.duckdb")
    fill(store, [[drawn("x", [Outcome(Status.OK, 1.0)])]], reward)
    with pytest.raises(RuleError, match="did you mean 'answer'"):
        build_pairs("p", PairOptions(), reward=reward, groups=GroupOptions(), store=store)
