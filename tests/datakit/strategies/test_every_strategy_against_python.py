"""Each strategy against a few lines of Python that say what it means, on small groups in any order."""

import math
from fractions import Fraction
from itertools import permutations

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein

from datakit.strategies.all_pairs import AllPairs
from datakit.strategies.best_vs_quantile import BestVsQuantile
from datakit.strategies.best_vs_random import BestVsRandom
from datakit.strategies.margin_over_distance import MarginOverDistance
from datakit.strategies.winners_vs_rest import WinnersVsRest
from rewards.outcome import Outcome, Status
from schemas.errors import ConfigError, RuleError
from schemas.options import PairOptions

CANDIDATE = st.fixed_dictionaries(
    {
        "prompt_id": st.integers(1, 3),
        "reward": st.sampled_from([0.0, 0.25, 0.5, 1.0]),
        "chars": st.integers(1, 30),
        "choosable": st.booleans(),
        "rejectable": st.booleans(),
    }
)
GROUPS = st.lists(CANDIDATE, min_size=1, max_size=14).map(
    lambda drawn: [{**row, "candidate_id": f"{number:02}"} for number, row in enumerate(drawn)]
)


def found_by(strategy, rows):
    """Pairs as (chosen, rejected) rows; the same in the other order of rows."""
    first, second = (strategy.pair(pl.LazyFrame(order)).collect().rows(named=True) for order in (rows, rows[::-1]))
    key = {row["candidate_id"]: row for row in rows}
    pairs = [(key[one["chosen_id"]], key[one["rejected_id"]]) for one in first]
    assert sorted((one["chosen_id"], one["rejected_id"]) for one in first) == sorted(
        (one["chosen_id"], one["rejected_id"]) for one in second
    )
    assert len({(c["candidate_id"], r["candidate_id"]) for c, r in pairs}) == len(pairs)
    return pairs


def groups_of(rows):
    return [[row for row in rows if row["prompt_id"] == prompt] for prompt in {row["prompt_id"] for row in rows}]


def best_of(group):
    """The choosable one with the highest reward, of equals that with the smallest id; None if there is none."""
    return min((row for row in group if row["choosable"]), key=lambda row: (-row["reward"], row["candidate_id"]),
               default=None)  # fmt: skip


def worse_than(best, group):
    return [row for row in group if best and row["rejectable"] and row["reward"] < best["reward"]]


def could_pair(group):
    return [(c, r) for c, r in permutations(group, 2) if c["choosable"] and r in worse_than(c, group)]


@settings(deadline=None, max_examples=40)
@given(GROUPS, st.integers(0, 3))
def test_best_vs_random_pairs_the_best_with_one_that_is_worse(rows, seed):
    pairs = {chosen["prompt_id"]: (chosen, rejected) for chosen, rejected in found_by(BestVsRandom(seed=seed), rows)}
    for group in groups_of(rows):
        worse = worse_than(best_of(group), group)
        pair = pairs.get(group[0]["prompt_id"])
        assert (pair is not None) == bool(worse)
        if pair:
            assert pair[0] == best_of(group)
            assert pair[1] in worse


def test_best_vs_random_draws_evenly_and_by_its_seed():
    rows = [
        {"prompt_id": 1, "candidate_id": f"{n:02}", "reward": float(n == 0), "chars": 1, "choosable": True,
         "rejectable": True}
        for n in range(5)
    ]  # fmt: skip
    drawn = [found_by(BestVsRandom(seed=seed), rows)[0][1]["candidate_id"] for seed in range(60)]
    assert [drawn.count(f"{n:02}") for n in range(5)] == pytest.approx([0, 15, 15, 15, 15], abs=10)
    assert drawn[:5] == [found_by(BestVsRandom(seed=seed), rows)[0][1]["candidate_id"] for seed in range(5)]


@settings(deadline=None, max_examples=60)
@given(GROUPS, st.sampled_from([0.0, 1.0, 2.0]))
def test_best_vs_quantile_takes_the_nearest_to_the_mean_minus_k_deviations(rows, deviations):
    pairs = {c["prompt_id"]: (c, r) for c, r in found_by(BestVsQuantile(deviations=deviations), rows)}
    for group in groups_of(rows):
        best = best_of(group)
        rewards = [Fraction(row["reward"]) for row in group]
        mean = sum(rewards) / len(rewards)
        target = float(mean) - deviations * math.sqrt(sum((one - mean) ** 2 for one in rewards) / len(rewards))
        worse = worse_than(best, group)
        pair = pairs.get(group[0]["prompt_id"])
        assert (pair is not None) == bool(worse)
        if pair:
            assert pair[0] == best
            nearest = min(abs(row["reward"] - target) for row in worse)
            assert abs(pair[1]["reward"] - target) == pytest.approx(nearest, abs=1e-12)


def test_best_vs_quantile_leaves_the_tail_of_a_large_group_alone():
    """64 answers, 60 of them around 0.5 and a few that are broken: the rejected one is bad, not broken."""
    rewards = [1.0, -3.0, -3.5, -4.0, *(0.4 + 0.2 * n / 59 for n in range(60))]
    rows = [
        {"prompt_id": 1, "candidate_id": f"{n:02}", "reward": reward, "chars": 1, "choosable": True, "rejectable": True}
        for n, reward in enumerate(rewards)
    ]
    (pair,) = found_by(BestVsQuantile(), rows)
    mean = sum(rewards) / 64
    target = mean - 2 * math.sqrt(sum((one - mean) ** 2 for one in rewards) / 64)
    assert pair[0]["reward"] == 1.0
    assert pair[1]["reward"] == min(rewards[1:], key=lambda one: abs(one - target)) != min(rewards)
    (small,) = found_by(BestVsQuantile(), rows[4:12])
    assert small[1]["reward"] == min(row["reward"] for row in rows[4:12])


@settings(deadline=None, max_examples=40)
@given(GROUPS)
def test_all_pairs_are_all_that_could_be(rows):
    wanted = [pair for group in groups_of(rows) for pair in could_pair(group)]
    found = found_by(AllPairs(), rows)
    assert len(found) == len(wanted)
    assert all(pair in wanted for pair in found)


@settings(deadline=None, max_examples=40)
@given(GROUPS, st.integers(1, 5))
def test_strata_take_one_pair_of_each_part_by_margin(rows, strata):
    found = found_by(AllPairs(strata=strata), rows)
    for group in groups_of(rows):
        wanted = sorted(
            ((c["reward"] - r["reward"], c["candidate_id"], r["candidate_id"]) for c, r in could_pair(group))
        )
        mine = sorted(
            wanted.index((c["reward"] - r["reward"], c["candidate_id"], r["candidate_id"]))
            for c, r in found
            if c["prompt_id"] == group[0]["prompt_id"]
        )
        parts = min(strata, len(wanted))
        assert len(mine) == parts
        size, longer = divmod(len(wanted), strata)  # as ntile deals them: the first parts have one more
        ends = [sum(size + (part < longer) for part in range(upto)) for upto in range(parts + 1)]
        assert all(low <= place < high for place, low, high in zip(mine, ends, ends[1:], strict=False))


@settings(deadline=None, max_examples=60)
@given(GROUPS, st.sampled_from([{}, {"share": 0.5}, {"threshold": 0.5}, {"threshold": 0.5, "band": 4.0}]))
def test_winners_are_paired_with_the_rest_of_their_band(rows, options):
    strategy = WinnersVsRest(**options)
    wanted = []
    for group in groups_of(rows):
        if strategy.threshold is None:
            most = max(1, round(strategy.share * len(group)))
            winners = [row for row in group if sum(one["reward"] > row["reward"] for one in group) < most]
        else:
            winners = [row for row in group if row["reward"] >= strategy.threshold]
        band = {row["candidate_id"]: math.floor(math.log(row["chars"]) / math.log(strategy.band)) for row in group}
        wanted += [
            (c, r)
            for c in winners
            for r in group
            if r not in winners and c["choosable"] and r["rejectable"]
            and band[c["candidate_id"]] == band[r["candidate_id"]]
        ]  # fmt: skip
    found = found_by(strategy, rows)
    assert len(found) == len(wanted)
    assert all(pair in wanted for pair in found)


@settings(deadline=None, max_examples=40)
@given(GROUPS, st.lists(st.text("ab", min_size=1, max_size=8), min_size=14, max_size=14, unique=True))
def test_margin_over_distance_takes_the_most_telling_pair(rows, texts):
    rows = [{**row, "text": text} for row, text in zip(rows, texts, strict=False)]

    def telling(pair):
        distance = Levenshtein.normalized_distance(pair[0]["text"], pair[1]["text"])
        return (pair[0]["reward"] - pair[1]["reward"]) / max(distance, 0.05)

    found = {c["prompt_id"]: (c, r) for c, r in found_by(MarginOverDistance(), rows)}
    for group in groups_of(rows):
        wanted = could_pair(group)
        pair = found.get(group[0]["prompt_id"])
        assert (pair is not None) == bool(wanted)
        if pair:
            assert pair in wanted
            assert telling(pair) == pytest.approx(max(map(telling, wanted)))


@pytest.mark.parametrize(
    ("name", "option", "message"),
    [
        ("best_vs_random", {"sead": 1}, "strategy best_vs_random: unknown field 'sead'; did you mean 'seed'"),
        ("best_vs_quantile", {"deviations": -1}, "deviations: Input should be greater than or equal to 0, found -1"),
        ("winners_vs_rest", {"share": 0.5, "threshold": 1}, "share and threshold exclude each other"),
        ("best_vs_worst", {"ratio": 2}, "unknown field 'ratio'"),
    ],
)
def test_a_wrong_option_is_one_line(name, option, message):
    from datakit.strategy import load_strategy

    with pytest.raises(ConfigError, match=message):
        load_strategy(PairOptions(strategy=name, option=option))


MINE = """
import polars as pl

def longest(group: pl.LazyFrame, least=0) -> pl.LazyFrame:
    assert set(group.select("text").collect()["text"]) == {"x", "y", "z"}
    by = pl.col("candidate_id").sort_by("reward", "candidate_id")
    return group.filter(pl.col("chars") >= least).group_by("prompt_id").agg(chosen_id=by.last(), rejected_id=by.first())

def itself(group):
    return group.select(chosen_id="candidate_id", rejected_id="candidate_id")

def unknown(group):
    return group.select(chosen_id="candidate_id", rejected_id=pl.lit("00000000-0000-0000-0000-000000000000"))

def crossed(group):
    return group.select(chosen_id=pl.col("candidate_id").sort().first(), rejected_id=pl.col("candidate_id"))

def broken(group):
    return group.select(chosen_id="candidate")
"""


@pytest.fixture
def scored(tmp_path, make_reward, fill, drawn):
    from datakit.store import Store

    reward = make_reward(scorers=[{"rule": "a"}])
    store = Store(tmp_path / "s.duckdb")
    ok = [[Outcome(Status.OK, value)] for value in (0.0, 1.0, 0.5)]
    fill(store, [[drawn(text, one) for text, one in zip("xyz", ok, strict=True)] for _ in range(3)], reward)
    (tmp_path / "mine.py").write_text(MINE)
    return store, reward, tmp_path / "mine.py"


def test_a_function_of_a_users_file_is_a_strategy(scored):
    from datakit.build_pairs import build_pairs
    from schemas.options import GroupOptions

    store, reward, file = scored
    common = {"reward": reward, "groups": GroupOptions(), "store": store}
    report = build_pairs("p", PairOptions(strategy=f"{file}:longest"), **common)
    assert (report.counts["pairs"], report.version) == (3, 1)
    assert build_pairs("p", PairOptions(strategy=f"{file}:longest"), **common).run_id is None
    none = build_pairs("p", PairOptions(strategy=f"{file}:longest", option={"least": 5}), **common)
    assert (none.counts["pairs"], none.version, none.reasons) == (0, 2, {"not_proposed": 3})
    file.write_text(MINE.replace(">= least", "> least"))
    assert build_pairs("p", PairOptions(strategy=f"{file}:longest"), **common).version == 3, "another function"
    with store.read() as con:
        named = con.execute("SELECT DISTINCT strategy FROM pairs").fetchall()
    assert named == [("mine.py:longest",)]


@pytest.mark.parametrize(
    ("function", "message"),
    [
        ("itself", "the strategy pairs an answer and itself: .*and 8 more"),
        ("unknown", "the strategy pairs an answer that it was not given"),
        ("crossed", "the strategy pairs answers to different prompts"),
        ("broken", "strategy broken: ColumnNotFoundError"),
        ("lengest", "no function 'lengest' in .*mine.py; did you mean 'longest'"),
    ],
)
def test_what_a_users_strategy_gets_wrong_is_one_line(scored, function, message):
    from datakit.build_pairs import build_pairs
    from schemas.options import GroupOptions

    store, reward, file = scored
    with pytest.raises(RuleError, match=message):
        build_pairs("p", PairOptions(strategy=f"{file}:{function}"), reward=reward, groups=GroupOptions(), store=store)
    with store.read() as con:
        assert con.execute("SELECT count(*) FROM pairs").fetchone() == (0,)
