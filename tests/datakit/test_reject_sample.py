"""Selections keep the best of each group, above its mean or a floor, and say why a group gave none."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datakit.build_pairs import build_pairs
from datakit.reject_sample import reject_sample
from datakit.store import Store
from rewards.outcome import Outcome, Status
from schemas.errors import ConfigError
from schemas.identity import content_id
from schemas.options import GroupOptions, PairOptions, SelectOptions

SKIP, ERROR = Outcome(Status.SKIP), Outcome(Status.ERROR)


def ok(value: float) -> Outcome:
    return Outcome(Status.OK, value)


@pytest.fixture
def selected(tmp_path, make_reward, fill, drawn):
    """A selection from one group or several."""

    def build(*groups, reward=None, **options):
        reward = reward or make_reward(scorers=[{"rule": "a"}])
        store = Store(tmp_path / f"{len(list(tmp_path.iterdir()))}.duckdb")
        fill(store, [[drawn(*item) for item in group] for group in groups], reward)
        report = reject_sample("p", SelectOptions(**options), reward=reward, groups=GroupOptions(), store=store)
        return report, kept(store), store

    return build


def kept(store: Store) -> list[tuple]:
    with store.read() as con:
        return con.execute("""
            SELECT text, reward, rank FROM selections s JOIN candidates USING (candidate_id)
            WHERE (dataset, version) IN (SELECT (name, max(version)) FROM datasets GROUP BY name)
            ORDER BY s.prompt_id, rank
        """).fetchall()


def scored(*values: float | Outcome) -> list[tuple]:
    return [(f"text {i}", [ok(v) if isinstance(v, float | int) else v]) for i, v in enumerate(values)]


def test_a_fifth_of_each_group_is_kept_and_at_least_one(selected):
    report, rows, _ = selected(scored(*[i / 10 for i in range(10)]), scored(0.0, 1.0))
    assert sorted(rows) == [("text 1", 1.0, 1), ("text 8", 0.8, 2), ("text 9", 0.9, 1)]
    assert report.counts | {"prompts": 2, "prompts_with_answers": 2, "answers": 3} == report.counts
    assert report.dataset == "p-best"


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"best": 3}, ["text 3", "text 2"]),
        ({"best": 1}, ["text 3"]),
        ({"share": 0.5}, ["text 3", "text 2"]),
        ({"share": 1.0, "floor": 0.2}, ["text 3", "text 2", "text 1"]),
        ({"share": 1.0, "floor": 0.9}, ["text 3"]),
    ],
)
def test_how_many_are_kept_and_above_what(selected, options, expected):
    _, rows, _ = selected(scored(0.0, 0.2, 0.8, 1.0), **options)
    assert [text for text, _, _ in rows] == expected


@pytest.mark.parametrize("group", [(0.1, 0.4, 0.7), (0.3, 0.4, 0.5), (1, 4, 7)])
def test_an_answer_that_equals_the_mean_on_paper_is_not_above_it(selected, group):
    assert [reward for _, reward, _ in selected(scored(*group), best=2)[1]] == [group[-1]]


@pytest.mark.parametrize(
    ("group", "options", "reason"),
    [
        ([], {}, "no_candidates"),
        (scored(0.9), {}, "one_candidate"),
        (scored(0.5, 0.5), {}, "all_tied"),
        (scored(ERROR, ERROR), {}, "failed_scorer"),
        (scored(SKIP, SKIP), {}, "not_scored"),
        (scored(1e200, SKIP), {}, "reward_overflow"),
        (scored(0.2, 0.3), {"floor": 0.5}, "below_floor"),
        ([(" ", [ok(1)]), ("\n", [ok(0)])], {}, "empty_text"),
        ([("a", [ok(1)], "length"), ("b", [ok(0)], "length")], {}, "truncated"),
        ([("a", [ok(1)], "length"), ("b", [ok(0)])], {}, "not_above_mean"),
    ],
)
def test_a_group_that_gives_none_has_its_reason_in_the_ledger(selected, group, options, reason):
    report, rows, store = selected(group, **options)
    assert report.reasons == {reason: 1}
    assert rows == []
    with store.read() as con:
        assert con.execute("SELECT stage, reason FROM ledger").fetchall() == [("reject-sample", reason)]


def test_a_group_without_spread_is_kept_with_a_floor_only(selected):
    _, rows, _ = selected(scored(0.5, 0.5), floor=0.5)
    assert [reward for _, reward, _ in rows] == [0.5]


def test_what_failed_a_requirement_or_a_scorer_is_never_kept(selected, make_reward):
    reward = make_reward(scorers=[{"rule": "a"}], require=[{"rule": "b"}], required_reward=5)
    group = [("fails", [ok(1), ok(0)]), ("breaks", [ERROR, ok(1)]), ("holds", [ok(6), ok(1)])]
    assert selected(group, reward=reward, share=1.0)[1] == [("holds", 6.0, 1)]
    report, _, _ = selected([("x", [ok(1), ok(0)]), ("y", [ok(2), ok(0)])], reward=reward, floor=0)
    assert report.reasons == {"failed_requirement": 1}


def test_one_of_identical_answers_is_kept(selected):
    group = [("x", [ok(1)]), ("x ", [ok(1)]), ("y", [ok(0.9)]), ("z", [ok(0)])]
    assert [text.strip() for text, _, _ in selected(group, share=1.0)[1]] == ["x", "y"]


def test_the_same_again_writes_nothing(selected, make_reward):
    report, rows, store = selected(scored(0.0, 1.0))
    common = {"reward": make_reward(scorers=[{"rule": "a"}]), "groups": GroupOptions(), "store": store}
    again = reject_sample("p", SelectOptions(), **common)
    assert (again.run_id, again.version, again.counts) == (None, 1, report.counts)
    assert reject_sample("p", SelectOptions(best=1), **common).version == 2
    assert kept(store) == rows
    with pytest.raises(ConfigError, match="p-best@2 is a selection set; choose another name"):
        build_pairs("p", PairOptions(), name="p-best", **common)


CANDIDATES = st.tuples(
    st.sampled_from(["yes", "yes ", "no", "", "so", "maybe"]),
    st.one_of(st.sampled_from([0.0, 0.1, 0.5, 1.0]).map(ok), st.sampled_from([SKIP, ERROR])),
    st.sampled_from(["stop", "length"]),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    drawn_groups=st.lists(st.lists(CANDIDATES, max_size=7), min_size=1, max_size=8),
    options=st.fixed_dictionaries(
        {},
        optional={
            "share": st.sampled_from([0.2, 0.5, 1.0]),
            "best": st.sampled_from([1, 2]),
            "floor": st.sampled_from([0.0, 0.5]),
            "allow_truncated": st.booleans(),
        },
    ),
)
def test_the_prompts_add_up_and_every_answer_is_above_its_bound(drawn_groups, options, make_reward, fill, drawn):
    reward = make_reward(scorers=[{"rule": "a"}])
    groups = [[drawn(text, [outcome], finish) for text, outcome, finish in group] for group in drawn_groups]
    seen = []
    for reverse in (False, True):
        with tempfile.TemporaryDirectory() as folder:
            store = Store(Path(folder) / "s.duckdb")
            fill(store, groups, reward, reverse=reverse)
            report = reject_sample("p", SelectOptions(**options), reward=reward, groups=GroupOptions(), store=store)
            with store.read() as con:
                rows = con.execute("""
                    SELECT s.prompt_id::VARCHAR, sample_index, rank, reward
                    FROM selections s JOIN candidates USING (candidate_id) ORDER BY ALL
                """).fetchall()
        seen.append((rows, report.reasons, report.counts))
    assert seen[0] == seen[1]
    rows, reasons, counts = seen[0]
    assert counts["prompts"] == len(groups) == counts["prompts_with_answers"] + sum(reasons.values())
    wanted = SelectOptions(**options)
    for number, group in enumerate(groups):
        prompt = content_id([[{"role": "user", "content": f"Question {number}?"}], number])
        mine = [row for row in rows if row[0] == prompt]
        rewards = [c.outcomes[0].value for c in group if c.outcomes[0].value is not None]
        assert len(mine) <= (wanted.best or max(1, round(wanted.share * len(group))))
        assert [rank for *_, rank, _ in sorted(mine, key=lambda row: row[2])] == list(range(1, len(mine) + 1))
        for _, index, _, value in mine:
            if wanted.floor is None:
                assert value > sum(rewards) / len(rewards)
            else:
                assert value >= wanted.floor
            assert group[index].text.strip()
            assert wanted.allow_truncated or group[index].finish_reason != "length"
        texts = [group[index].text.strip() for _, index, _, _ in mine]
        assert len(set(texts)) == len(texts)
