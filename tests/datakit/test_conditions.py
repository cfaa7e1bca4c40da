"""Conditions on columns: SQL and Python agree whatever the columns hold; a misspelt column is refused."""

import json

import duckdb
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datakit.conditions import condition_sql
from datakit.score import score
from rewards.condition import condition_of
from schemas.errors import RuleError
from schemas.options import GroupOptions, ScoreOptions

WORDS = st.sampled_from(["maths", "", "it's", "数学", 'a"b', "true", "1", "null", "line\nbreak", "\\u0061"])
NUMBERS = st.sampled_from([0, 1, 1.0, -0.0, 0.1, 1e-3, 2**53 - 1, 9007199254740991.0])
PLAIN = WORDS | NUMBERS | st.booleans()
WANTED = PLAIN | st.lists(PLAIN, min_size=1, max_size=3) | st.fixed_dictionaries({"exists": st.booleans()})
FOUND = st.none() | PLAIN | st.lists(PLAIN | st.none(), max_size=3) | st.just({"maths": 1}) | st.just(2**53)
NAMES = st.sampled_from(["tag", "we'ird/k~y", ""])


@settings(max_examples=150, deadline=None)
@given(wanted=st.dictionaries(NAMES, WANTED, max_size=2), columns=st.none() | st.dictionaries(NAMES, FOUND))
def test_sql_and_python_agree_on_every_condition(wanted, columns):
    condition = condition_of(wanted)
    text = None if columns is None else json.dumps(columns, ensure_ascii=False)
    query = f"SELECT {condition_sql(condition, 'c')} FROM (SELECT ?::JSON AS c)"
    found = duckdb.execute(query, [text]).fetchall()
    assert found == [(condition.holds(columns or {}),)]


@pytest.mark.parametrize(
    ("wanted", "columns", "holds"),
    [
        ({"tag": "maths"}, {"tag": "maths"}, True),
        ({"tag": "maths"}, {"tag": "Maths"}, False),
        ({"tag": ["maths", "code"]}, {"tag": "code"}, True),
        ({"tag": "maths"}, {"tag": ["easy", "maths"]}, True),
        ({"level": 1}, {"level": 1.0}, True),
        ({"level": 1}, {"level": True}, False),
        ({"level": 1}, {"level": "1"}, False),
        ({"answer": {"exists": True}}, {"answer": False}, True),
        ({"answer": {"exists": True}}, {"answer": None}, False),
        ({"answer": {"exists": False}}, {}, True),
        ({"tag": "maths", "level": 1}, {"tag": "maths", "level": 2}, False),
        ({}, {}, True),
    ],
)
def test_a_condition_asks_for_values_of_one_kind_and_all_of_its_columns(wanted, columns, holds):
    assert condition_of(wanted).holds(columns) is holds


@pytest.mark.parametrize("wanted", [None, [], {}, {"exists": 1}, {"exist": True}, [None], [["a"]], 2**53, float("nan")])
def test_what_is_no_condition_is_refused_with_its_column(wanted):
    with pytest.raises(ValueError, match=r"^tag: "):
        condition_of({"tag": wanted})


def rows(*tags):
    return [
        {"prompt": f"Question {number}?", "completion": "yes", **({"tag": tag} if tag else {})}
        for number, tag in enumerate(tags)
    ]


def test_a_scorer_runs_only_where_it_is_meant_and_the_counts_add_up(desk, make_reward):
    desk.ingest(rows("maths", "chat", None, "maths"))
    reward = make_reward(scorers=[{"rule": "a", "when": {"tag": "maths"}}, {"rule": "b"}])
    report = score("data", ScoreOptions(workers=1), reward=reward, groups=GroupOptions(), store=desk.store)
    counts = report.counts
    assert (counts["candidates"], counts["rules"], counts["outcomes"], counts["not asked for (when)"]) == (4, 2, 6, 2)
    assert (counts["judged"], counts["missing"]) == (6, 0)
    assert desk.sql("SELECT name, count(*) FROM scores JOIN scorers USING (scorer_id) GROUP BY ALL ORDER BY ALL") == [
        ("a", 2),
        ("b", 4),
    ]
    wider = make_reward(scorers=[{"rule": "a"}, {"rule": "b"}])
    again = score("data", ScoreOptions(workers=1), reward=wider, groups=GroupOptions(), store=desk.store)
    assert (again.counts["already there"], again.counts["judged"]) == (6, 2)


def test_a_condition_on_a_column_that_no_prompt_has_is_refused_unless_it_asks_for_that(desk, make_reward):
    desk.ingest(rows("maths", "chat"))
    options = {"groups": GroupOptions(), "store": desk.store}
    with pytest.raises(RuleError, match=r"scorer a asks for the column 'tga' .*did you mean 'tag'"):
        score("data", ScoreOptions(), reward=make_reward(scorers=[{"rule": "a", "when": {"tga": "x"}}]), **options)
    reward = make_reward(scorers=[{"rule": "a", "when": {"tga": {"exists": False}}}])
    assert score("data", ScoreOptions(workers=1), reward=reward, **options).counts["judged"] == 2
