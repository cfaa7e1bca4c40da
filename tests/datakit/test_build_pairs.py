"""Pairs keep every guarantee of DESIGN section 6, and every prompt without one has its reason in the ledger."""

import json
import shutil
import tempfile
from collections import Counter
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from rapidfuzz.distance import Levenshtein
from tokenizers import Tokenizer, models, pre_tokenizers

from datakit.build_pairs import build_pairs
from datakit.store import Store
from datakit.strategies.best_vs_worst import BestVsWorst
from datakit.strategy import Strategy
from rewards.outcome import Outcome, Status
from rewards.plugins import variant_class, variant_names
from schemas.errors import ConfigError, NotFoundError
from schemas.identity import content_id
from schemas.options import GroupOptions, PairOptions

SKIP, ERROR, TIMEOUT = Outcome(Status.SKIP), Outcome(Status.ERROR), Outcome(Status.TIMEOUT)
STRATEGIES = variant_names("datakit.strategies")


def ok(value: float) -> Outcome:
    return Outcome(Status.OK, value)


@pytest.fixture
def paired(tmp_path, make_reward, fill, drawn):
    """Pairs of one group or several, over a reward of one scorer unless another is given."""

    def build(*groups, reward=None, prompts=None, **options):
        reward = reward or make_reward(scorers=[{"rule": "a"}])
        store = Store(tmp_path / f"{len(list(tmp_path.iterdir()))}.duckdb")
        made = [[item if isinstance(item, drawn) else drawn(*item) for item in group] for group in groups]
        fill(store, made, reward, prompts=prompts)
        report = build_pairs("p", PairOptions(**options), reward=reward, groups=GroupOptions(), store=store)
        return report, store

    return build


def rows(store: Store, query: str) -> list[tuple]:
    with store.read() as con:
        return con.execute(query).fetchall()


def pairs(store: Store) -> list[tuple[str, str]]:
    return rows(
        store,
        """
        SELECT c.text, r.text FROM pairs p JOIN candidates c ON c.candidate_id = chosen_id
        JOIN candidates r ON r.candidate_id = rejected_id ORDER BY ALL
        """,
    )


def scored(*values: float | Outcome, texts: str = "") -> list[tuple]:
    """A group of candidates that differ in their texts, by their rewards."""
    return [(f"text {i}{texts}", [ok(v) if isinstance(v, float | int) else v]) for i, v in enumerate(values)]


def test_the_best_is_paired_with_the_worst(paired):
    report, store = paired(scored(0.5, 1.0, 0.0, 0.2))
    assert pairs(store) == [("text 1", "text 2")]
    assert report.counts["pairs"] == 1
    (pair,) = rows(store, "SELECT * EXCLUDE (run_id) REPLACE (strategy AS strategy) FROM pairs")
    assert pair[0:2] == ("p-pairs", 1)
    assert str(pair[2]) == content_id([str(pair[3]), str(pair[4]), str(pair[5])])
    assert pair[6:9] == (1.0, 0.0, 1.0)
    assert pair[-1] == "best_vs_worst"


def test_a_tie_at_an_end_goes_to_the_smaller_candidate_id(paired):
    _, store = paired(scored(1.0, 1.0, 0.0, 0.0, 0.0))
    best = rows(store, "SELECT min(candidate_id) FROM candidates WHERE text IN ('text 0', 'text 1')")
    worst = rows(store, "SELECT min(candidate_id) FROM candidates WHERE text NOT IN ('text 0', 'text 1')")
    assert rows(store, "SELECT chosen_id FROM pairs") == best
    assert rows(store, "SELECT rejected_id FROM pairs") == worst


@pytest.mark.parametrize(
    ("group", "options", "reason"),
    [
        ([], {}, "no_candidates"),
        (scored(1.0), {}, "one_candidate"),
        (scored(0.5, 0.5, 0.5), {}, "all_tied"),
        (scored(0.5, 0.5000001), {}, "margin_too_small"),
        (scored(0.1, 0.3), {"min_margin": 0.25}, "margin_too_small"),
        (scored(1.0, ERROR, TIMEOUT, ERROR), {}, "failed_scorer"),
        (scored(1.0, SKIP, SKIP), {}, "not_scored"),
        (scored(1.0, SKIP, -1e200), {}, "reward_overflow"),
        ([("a", [ok(1)]), ("b", []), ("c", [])], {}, "not_scored"),
        ([("same", [ok(1)]), ("  same\n", [ok(0)])], {}, "identical_texts"),
        ([("same", [ok(1)]), ("\u3000same\u2028", [ok(0)])], {}, "identical_texts"),
        ([("good", [ok(1)]), (" \n\x1f\u00a0", [ok(0)])], {}, "empty_text"),
        ([("good", [ok(1)]), ("cut", [ok(0)], "length")], {}, "truncated"),
        ([("good", [ok(1)], "length"), ("bad", [ok(0)], "length")], {"allow_truncated": "rejected"}, "truncated"),
        (scored(0.4, 0.1), {"min_chosen_reward": 0.5}, "chosen_reward_too_low"),
        ([("short", [ok(1)]), ("long " * 20, [ok(0)])], {"max_length_ratio": 3}, "length_ratio"),
        ([("the same words", [ok(1)]), ("the same words!", [ok(0)])], {"min_distance": 0.1}, "too_similar"),
    ],
)
def test_a_group_without_a_pair_has_its_reason_in_the_ledger(paired, group, options, reason):
    report, store = paired(group, **options)
    assert report.reasons == {reason: 1}
    assert report.counts["prompts_with_pairs"] == report.counts["pairs"] == 0
    assert report.needs_attention
    assert rows(store, "SELECT count(*) FROM pairs") == [(0,)]
    ledger = rows(store, "SELECT stage, reason, item_id FROM ledger")
    assert ledger == [("build-pairs", reason, rows(store, "SELECT prompt_id FROM members")[0][0])]


@pytest.mark.parametrize(
    ("allow", "expected"),
    [("none", [("d", "c")]), ("rejected", [("d", "b")]), ("both", [("a", "b")])],
)
def test_cut_off_answers_are_let_in_on_request(paired, allow, expected):
    group = [("a", [ok(1)], "length"), ("b", [ok(0)], "length"), ("c", [ok(0.3)]), ("d", [ok(0.6)], None)]
    assert pairs(paired(group, allow_truncated=allow)[1]) == expected


def test_a_failed_requirement_may_be_rejected_but_never_chosen(paired, make_reward):
    reward = make_reward(scorers=[{"rule": "a"}], require=[{"rule": "b"}])
    _, store = paired([("fails", [ok(1), ok(0)]), ("holds", [ok(0.4), ok(1)])], reward=reward)
    assert pairs(store) == [("holds", "fails")]
    report, _ = paired([("x", [ok(1), ok(0)]), ("y", [ok(0.4), ok(0)])], reward=reward)
    assert report.reasons == {"failed_requirement": 1}
    high = make_reward(scorers=[{"rule": "a"}], require=[{"rule": "b"}], required_reward=0.9)
    report, _ = paired([("fails", [ok(1), ok(0)]), ("holds", [ok(0.4), ok(1)])], reward=high)
    assert report.reasons == {"margin_too_small": 1}


def test_only_candidates_judged_by_the_same_scorers_are_compared(paired, make_reward):
    reward = make_reward(scorers=[{"rule": "a"}, {"rule": "b"}])
    report, _ = paired([("x", [ok(1), SKIP]), ("y", [ok(0), ok(0)])], reward=reward)
    assert report.reasons == {"different_scorers": 1}
    group = [("x", [ok(1), SKIP]), ("y", [ok(0), ok(0)]), ("z", [ok(0.5), ok(0.5)]), ("w", [SKIP, ok(0)])]
    assert pairs(paired(group, reward=reward)[1]) == [("z", "y")]


def test_identical_answers_are_collapsed_and_counted(paired):
    report, store = paired([("x", [ok(1)]), (" x", [ok(1)]), ("x\n", [ok(0)]), ("y", [ok(0.5)])])
    assert report.counts["identical_texts_collapsed"] == 2
    assert len(pairs(store)) == 1


def test_answers_that_differ_in_their_tool_calls_only_are_different(paired, drawn):
    def calling(city):
        call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": f'{{"city": "{city}"}}'}}
        return [{"role": "assistant", "content": "", "tool_calls": [call]}]

    report, _ = paired(
        [
            drawn("", [ok(1)], "tool_calls", calling("Oslo")),
            drawn("", [ok(0)], "tool_calls", calling("Rome")),
            drawn("", [ok(0)], "tool_calls", calling("Rome")),
        ]
    )
    assert report.counts["pairs"] == 1
    assert report.counts["identical_texts_collapsed"] == 1


def test_margins_that_are_equal_on_paper_are_equal(paired):
    report, _ = paired(scored(0.3, 0.2), min_margin=0.1)
    assert 0.3 - 0.2 < 0.1
    assert report.counts["pairs"] == 1


def test_a_normalised_reward_sets_the_margin_and_leaves_the_rewards(paired, make_reward):
    reward = make_reward(scorers=[{"rule": "a"}], normalise="rank")
    _, store = paired(scored(0.5, 0.5001, 0.5002), reward=reward, min_margin=0.9)
    assert rows(store, "SELECT chosen_reward, rejected_reward, margin FROM pairs") == [(0.5002, 0.5, 1.0)]


def test_lengths_and_spread_are_always_reported(paired):
    report, _ = paired(
        [("x" * 30, [ok(1)]), ("y" * 10, [ok(0)])],
        [("x" * 20, [ok(1)]), ("y" * 12, [ok(0)])],
        scored(0.5, 0.5),
        scored(0.5),
    )
    figures = dict(report.tables[0].rows)
    assert figures["mean length of chosen (characters)"] == 25
    assert figures["mean length of rejected (characters)"] == 11
    assert figures["standardised difference of the lengths (Cohen's d)"] == pytest.approx(14 / (26**0.5), abs=1e-4)
    assert figures["share of groups without spread"] == pytest.approx(1 / 3, abs=1e-4)


def test_the_same_again_writes_nothing_and_a_change_makes_a_new_version(paired, make_reward):
    report, store = paired(scored(1.0, 0.0), scored(0.5, 0.5))
    reward = make_reward(scorers=[{"rule": "a"}])

    def again(reward=reward, **options):
        return build_pairs("p", PairOptions(**options), reward=reward, groups=GroupOptions(), store=store)

    before = rows(store, "SELECT count(*) FROM runs")
    second = again()
    assert second.run_id is None
    assert (second.version, second.counts, second.reasons) == (1, report.counts, report.reasons)
    assert any("nothing to do" in note for note in second.notes)
    assert rows(store, "SELECT count(*) FROM runs") == before
    assert again(min_margin=0.1).version == 2
    assert again(min_margin=0.1).run_id is None
    assert again(reward=make_reward(scorers=[{"rule": "a", "weight": 2}])).version == 3
    with store.write() as con:
        con.execute("DELETE FROM pairs WHERE version = 3")
    assert again(reward=make_reward(scorers=[{"rule": "a", "weight": 2}])).version == 4
    with store.read() as con:
        config = json.loads(
            con.execute("SELECT config FROM datasets WHERE name = 'p-pairs' AND version = 2").fetchone()[0]
        )
    assert config["source"] == "p@1"
    assert config["options"]["min_margin"] == 0.1
    assert config["strategy"] == {"name": "best_vs_worst"}
    assert config["reward_id"] == reward.reward_id
    assert config["recipes"] == [content_id("recipe")]


def test_wrong_names_are_refused_with_one_line(paired, make_reward):
    _, store = paired(scored(1.0, 0.0))
    common = {"reward": make_reward(scorers=[{"rule": "a"}]), "groups": GroupOptions(), "store": store}
    with pytest.raises(NotFoundError, match="no data set 'q'"):
        build_pairs("q", PairOptions(), **common)
    with pytest.raises(ConfigError, match="no strategy 'best_vs_wurst'; did you mean 'best_vs_worst'"):
        build_pairs("p", PairOptions(strategy="best_vs_wurst"), **common)
    with pytest.raises(ConfigError, match="p@1 is a prompts set; choose another name"):
        build_pairs("p", PairOptions(), name="p", **common)
    with pytest.raises(ConfigError, match="`@` and a number mean a version"):
        build_pairs("p", PairOptions(), name="p@2", **common)
    with pytest.raises(ConfigError, match="p-pairs@1 is a pairs set; name the prompts instead: p@1"):
        build_pairs("p-pairs", PairOptions(), **common)
    with pytest.raises(ConfigError, match=r"needs a tokenizer\.json"):
        build_pairs("p", PairOptions(tokenizer=str(store.path.parent)), **common)


@pytest.fixture(scope="module")
def letters(tmp_path_factory):
    """A tokenizer of single bytes with a template that refuses the word `forbidden`."""
    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: number for number, letter in enumerate(alphabet)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    folder = tmp_path_factory.mktemp("letters")
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text(
        "{% for m in messages %}{{ m.content }}|"
        "{% if 'forbidden' in m.content %}{{ raise_exception('no') }}{% endif %}{% endfor %}"
    )
    return folder


def test_pairs_that_the_trainer_could_not_tell_apart_are_dropped_with_the_reason(paired, letters):
    start = "the same beginning " * 3
    report, store = paired(
        [(start + "yes", [ok(1)]), (start + "no", [ok(0)])],
        [("yes", [ok(1)]), ("no", [ok(0)])],
        [("forbidden", [ok(1)]), ("no", [ok(0)])],
        [("yes", [ok(1)]), ("no", [ok(0)])],
        prompts=[[{"role": "user", "content": text}] for text in ("a", "b", "c", "x" * 60)],
        tokenizer=str(letters),
        max_length=40,
    )
    assert pairs(store) == [("yes", "no")]
    assert report.reasons == {"prompt_too_long": 1, "same_after_truncation": 1, "template_refuses": 1}


def test_a_tokenizer_counts_by_its_content_not_by_its_path(paired, letters, make_reward, tmp_path):
    _, store = paired(scored(1.0, 0.0), tokenizer=str(letters))
    common = {"reward": make_reward(scorers=[{"rule": "a"}]), "groups": GroupOptions(), "store": store}
    moved = shutil.copytree(letters, tmp_path / "moved")
    assert build_pairs("p", PairOptions(tokenizer=str(moved)), **common).run_id is None
    (moved / "chat_template.jinja").write_text("{{ messages[-1].content }}")
    assert build_pairs("p", PairOptions(tokenizer=str(moved)), **common).version == 2


class FirstTwo(Strategy):
    """A strategy in Polars, and a careless one: pairs the two smallest ids, whatever they are."""

    def pair(self, group: pl.LazyFrame) -> pl.LazyFrame:
        assert group.collect_schema()["choosable"] == pl.Boolean
        ids = pl.col("candidate_id").sort()
        return group.group_by("prompt_id").agg(chosen_id=ids.first(), rejected_id=ids.get(1, null_on_oob=True))


OUTCOMES = st.one_of(
    st.sampled_from([0.0, 0.1, 0.3, 0.30000001, 0.7, 1.0]).map(ok), st.sampled_from([SKIP, ERROR, TIMEOUT])
)
TEXTS = st.sampled_from(["yes", " yes", "yes\n", "no", "no way", "", "  ", "maybe so", "x" * 40, "x" * 39 + "y"])
CANDIDATES = st.tuples(TEXTS, st.tuples(OUTCOMES, OUTCOMES, OUTCOMES), st.sampled_from(["stop", "length", None]))
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "min_margin": st.sampled_from([1e-6, 0.2, 0.5]),
        "min_chosen_reward": st.sampled_from([0.0, 0.5]),
        "max_pairs_per_prompt": st.sampled_from([1, 3]),
        "max_length_ratio": st.sampled_from([1.0, 4.0]),
        "min_distance": st.sampled_from([0.05, 0.6]),
        "allow_truncated": st.sampled_from(["none", "rejected", "both"]),
    },
)


def outcome_of(strategy, groups, options, reward, fill, *, reverse=False):
    """Counts, reasons, and pairs with both sides' rows."""
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "s.duckdb")
        fill(store, groups, reward, reverse=reverse)
        report = build_pairs(
            "p", PairOptions(strategy=strategy, **options), reward=reward, groups=GroupOptions(), store=store
        )
        found = rows(
            store,
            """
            SELECT q.prompt_id::VARCHAR, c.sample_index, r.sample_index, chosen_reward, rejected_reward, margin
            FROM pairs q JOIN candidates c ON c.candidate_id = chosen_id
            JOIN candidates r ON r.candidate_id = rejected_id ORDER BY ALL
            """,
        )
        ledger = rows(store, "SELECT item_id::VARCHAR, reason, detail FROM ledger ORDER BY ALL")
    return report, found, ledger


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    strategy=st.sampled_from(STRATEGIES),
    drawn_groups=st.lists(st.lists(CANDIDATES, max_size=6), min_size=1, max_size=6),
    options=OPTIONS,
    required=st.booleans(),
)
def test_every_pair_keeps_every_guarantee_and_the_prompts_add_up(
    strategy, drawn_groups, options, required, make_reward, fill, drawn
):
    reward = make_reward(
        scorers=[{"rule": "a"}, {"rule": "b", "weight": 2}], require=[{"rule": "c"}] if required else []
    )
    groups = [[drawn(text, outcomes, finish) for text, outcomes, finish in group] for group in drawn_groups]
    report, found, ledger = outcome_of(strategy, groups, options, reward, fill)
    prompts = [content_id([[{"role": "user", "content": f"Question {n}?"}], n]) for n in range(len(groups))]
    wanted = PairOptions(**options)
    for prompt, chosen, rejected, chosen_reward, rejected_reward, margin in found:
        group = groups[prompts.index(prompt)]
        sides = group[chosen], group[rejected]
        judged = [reward.combine(side.outcomes[: len(reward.scorers)]) for side in sides]
        assert [j.reward for j in judged] == [chosen_reward, rejected_reward]
        assert judged[0].failed is None
        assert judged[0].mask == judged[1].mask
        assert margin >= wanted.min_margin
        assert margin == pytest.approx(chosen_reward - rejected_reward, abs=1e-9)
        assert chosen_reward >= (wanted.min_chosen_reward or float("-inf"))
        texts = [side.text.strip() for side in sides]
        assert all(texts)
        assert texts[0] != texts[1]
        lengths = sorted(len(side.text) for side in sides)
        assert lengths[1] <= (wanted.max_length_ratio or float("inf")) * lengths[0]
        assert sides[0].finish_reason != "length" or wanted.allow_truncated == "both"
        assert sides[1].finish_reason != "length" or wanted.allow_truncated != "none"
    per_prompt = Counter(pair[0] for pair in found)
    assert all(count <= wanted.max_pairs_per_prompt for count in per_prompt.values())
    assert sorted([*per_prompt, *(row[0] for row in ledger)]) == sorted(prompts)
    assert report.counts["prompts"] == report.counts["prompts_with_pairs"] + sum(report.reasons.values())
    assert report.counts["pairs"] == len(found)
    assert outcome_of(strategy, groups, options, reward, fill, reverse=True)[1:] == (found, ledger)


def plain_best_vs_worst(prompt, group, options, reward):  # noqa: C901  (a funnel, step by step)
    """The same in plain Python, one group at a time: a pair (two indices) or the reason why there is none."""
    allow = options.allow_truncated
    judged = [reward.combine(c.outcomes[: len(reward.scorers)]) for c in group]
    ids = [content_id([prompt, index]) for index in range(len(group))]
    if len(group) < 2:
        return "one_candidate" if group else "no_candidates"
    left = [i for i, j in enumerate(judged) if j.reward is not None]
    if len(left) < 2:
        return "failed_scorer" if any(j.reason == "failed_scorer" for j in judged) else "not_scored"
    left = [i for i in left if group[i].text.strip()]
    if len(left) < 2:
        return "empty_text"
    left = [i for i in left if allow != "none" or group[i].finish_reason != "length"]
    if len(left) < 2:
        return "truncated"
    if len({group[i].text.strip() for i in left}) < 2:
        return "identical_texts"

    def may_win(i):
        long_enough = options.min_chosen_reward is None or judged[i].reward >= options.min_chosen_reward
        return judged[i].failed is None and long_enough and (allow == "both" or group[i].finish_reason != "length")

    distinct = {}
    for i in sorted(left, key=lambda i: (not may_win(i), ids[i])):
        distinct.setdefault((judged[i].mask, group[i].text.strip()), i)
    sizes = Counter(mask for mask, _ in distinct)
    mask = min(sizes, key=lambda mask: (-sizes[mask], mask))
    left = [i for (its, _), i in distinct.items() if its == mask]
    if len(left) < 2:
        return "different_scorers"
    if all(judged[i].failed for i in left):
        return "failed_requirement"
    if len({judged[i].reward for i in left}) == 1:
        return "all_tied"
    if allow == "rejected" and all(judged[i].failed or group[i].finish_reason == "length" for i in left):
        return "truncated"
    best = min((i for i in left if may_win(i)), key=lambda i: (-judged[i].reward, ids[i]), default=None)
    if best is None:
        return "chosen_reward_too_low"
    worst = min(left, key=lambda i: (judged[i].reward, ids[i]))
    if round(judged[best].reward - judged[worst].reward, 9) < options.min_margin:
        return "margin_too_small"
    short, long = sorted(len(group[i].text) for i in (best, worst))
    if options.max_length_ratio and long > options.max_length_ratio * short:
        return "length_ratio"
    distance = Levenshtein.normalized_distance(group[best].text.strip(), group[worst].text.strip())
    return "too_similar" if distance < options.min_distance else (best, worst)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    drawn_groups=st.lists(st.lists(CANDIDATES, max_size=6), min_size=1, max_size=12),
    options=OPTIONS,
    required=st.booleans(),
)
def test_best_vs_worst_and_its_reasons_are_those_of_a_plain_loop(
    drawn_groups, options, required, make_reward, fill, drawn
):
    reward = make_reward(scorers=[{"rule": "a"}, {"rule": "b"}], require=[{"rule": "c"}] if required else [])
    groups = [[drawn(text, outcomes, finish) for text, outcomes, finish in group] for group in drawn_groups]
    _, found, ledger = outcome_of("best_vs_worst", groups, options, reward, fill)
    made = {prompt: (chosen, rejected) for prompt, chosen, rejected, *_ in found}
    made |= {prompt: reason for prompt, reason, _ in ledger}
    for number, group in enumerate(groups):
        prompt = content_id([[{"role": "user", "content": f"Question {number}?"}], number])
        assert made[prompt] == plain_best_vs_worst(prompt, group, PairOptions(**options), reward)


@given(
    st.lists(
        st.tuples(st.integers(0, 3), st.integers(0, 99), st.sampled_from([0.0, 0.5, 1.0]), st.booleans()),
        max_size=30,
        unique_by=lambda row: row[:2],
    ),
    st.randoms(),
)
@settings(max_examples=30, deadline=None)
@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_strategy_does_not_depend_on_row_order(strategy, rows, random):
    schema = ["prompt_id", "candidate_id", "reward", "choosable"]
    chosen = variant_class("datakit.strategies", strategy, Strategy)()

    def pairs_of(rows):
        frame = pl.DataFrame(
            rows, schema, orient="row", schema_overrides={"reward": pl.Float64, "choosable": pl.Boolean}
        )
        frame = frame.with_columns(rejectable=True, chars=pl.lit(1), text=pl.col("candidate_id").cast(pl.String))
        return chosen.pair(frame.lazy()).sort("prompt_id", "chosen_id", "rejected_id").collect().rows()

    shuffled = list(rows)
    random.shuffle(shuffled)
    assert pairs_of(shuffled) == pairs_of(rows)


def test_a_careless_strategy_in_polars_cannot_break_a_guarantee(tmp_path, make_reward, fill, drawn):
    from datakit import datasets
    from datakit.derived import grade
    from datakit.matching import create_comparable, create_proposals

    reward = make_reward(scorers=[{"rule": "a"}], require=[{"rule": "b"}])
    store = Store(tmp_path / "s.duckdb")
    groups = [[drawn(f"t{i}", [ok(i % 3 / 2), ok(i % 2)]) for i in range(6)] for _ in range(30)]
    fill(store, groups, reward)
    with store.read() as con:
        grade(con, datasets.get(con, "p"), reward, GroupOptions())
        create_comparable(con, PairOptions())
        create_proposals(con, FirstTwo(), PairOptions())
        found = con.execute("""
            SELECT count(*), count(*) FILTER (refused IS NULL AND margin <= 0),
                count(*) FILTER (chosen_id IN (SELECT candidate_id FROM comparable WHERE NOT choosable))
            FROM proposals
        """).fetchone()
    assert found[0] > 0
    assert found[1:] == (0, 0)


def test_best_vs_worst_is_a_pure_query():
    assert BestVsWorst().model_dump() == {}


@pytest.fixture
def of_two_recipes(tmp_path, make_reward, fill, drawn):
    """Two groups of four: answers 0 and 1 (the best, the worst) by the first recipe, 2 and 3 by another."""
    reward = make_reward(scorers=[{"rule": "a"}])
    store = Store(tmp_path / "s.duckdb")
    fill(
        store, [[drawn(f"t{i}", [ok(value)]) for i, value in enumerate((1.0, 0.0, 0.8, 0.2))] for _ in range(2)], reward
    )
    with store.write() as con:
        con.execute("INSERT INTO recipes VALUES (?, 'other', 'r1', '{}')", [content_id("other")])
        con.execute("INSERT INTO dataset_recipes VALUES ('p', ?)", [content_id("other")])
        con.execute("UPDATE candidates SET recipe_id = ? WHERE sample_index >= 2", [content_id("other")])

    def build(**options):
        report = build_pairs("p", PairOptions(**options), reward=reward, groups=GroupOptions(), store=store)
        return report, rows(
            store,
            f"""
            SELECT DISTINCT c.sample_index, r.sample_index FROM pairs p JOIN candidates c ON c.candidate_id = chosen_id
            JOIN candidates r ON r.candidate_id = rejected_id WHERE version = {report.version} ORDER BY ALL
            """,
        )

    return build


def test_each_side_may_come_from_other_recipes(of_two_recipes):
    first, other = content_id("recipe"), content_id("other")
    assert of_two_recipes()[1] == [(0, 1)]
    assert of_two_recipes(chosen_recipe=(first,), rejected_recipe=(other[:6],))[1] == [(0, 3)]
    assert of_two_recipes(chosen_recipe=(other,), rejected_recipe=(first,))[1] == [(2, 1)]
    assert of_two_recipes(chosen_recipe=(other,))[1] == [(2, 1)]
    assert of_two_recipes(chosen_recipe=(other[:9],))[0].run_id is None, "the same recipe by another beginning"


def test_a_side_without_answers_of_its_recipe_is_told(of_two_recipes, tmp_path):
    store = Store(tmp_path / "s.duckdb")
    with store.write() as con:
        con.execute("INSERT INTO recipes VALUES (?, 'none', 'r1', '{}')", [content_id("none")])
    with pytest.raises(ConfigError, match=r"--rejected-recipe .*: not among the recipes of the groups; name it with"):
        of_two_recipes(rejected_recipe=(content_id("none"),))
    with pytest.raises(NotFoundError, match="no recipe 'xyz'"):
        of_two_recipes(chosen_recipe=("xyz",))
    with store.write() as con:
        con.execute("INSERT INTO dataset_recipes VALUES ('p', ?)", [content_id("none")])
    report, found = of_two_recipes(rejected_recipe=(content_id("none"),))
    assert (found, report.reasons) == ([], {"recipe_missing": 2})
