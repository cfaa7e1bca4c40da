"""What a person is shown of a store, of a data set and of a prompt."""

from typing import Any

import pytest

from datakit.show import show
from rewards.outcome import Outcome, Status
from rewards.spec import ScorerEntry
from schemas.errors import NotFoundError, UserError
from schemas.report import Report

GOOD, BAD = Outcome(Status.OK, 1.0), Outcome(Status.OK, 0.0)


@pytest.fixture
def groups(desk: Any, fill: Any, drawn: Any, make_reward: Any) -> Any:
    """A desk whose store has the data set `p`: two prompts with scored groups."""
    reward = make_reward(scorers=(ScorerEntry(rule="a"),))
    fill(desk.store, [[drawn("yes", [GOOD]), drawn("no", [BAD])], [drawn("so", [GOOD])]], reward)
    with desk.store.write() as con:
        con.execute(
            "INSERT INTO scorers BY NAME SELECT ? AS scorer_id, 'a' AS name, 'rule' AS kind",
            [reward.scorers[0].scorer_id],
        )
    return desk


def tables(report: Report) -> dict[str, tuple[tuple[Any, ...], ...]]:
    return {table.title: table.rows for table in report.tables}


def test_a_store_is_shown_with_its_data_sets_recipes_and_runs(groups):
    shown = tables(show(store=groups.store))
    assert list(shown) == ["Data sets", "Recipes", "Newest runs"]
    assert shown["Data sets"][0][:5] == ("p@1", "prompts", 2, 3, 0)


def test_a_data_set_is_shown_with_its_columns_outcomes_and_prompts(groups):
    shown = tables(show("p", store=groups.store))
    assert [row[2:] for row in shown["Outcomes"]] == [(2 / 3, 3, 0, 0, 0)]
    assert [row[1:] for row in shown["First prompts"]] == [("Question 0?", 2), ("Question 1?", 1)]


def test_a_column_counts_the_rows_that_have_a_value_in_it(desk):
    odd = 'we"ird/k.y~z'
    desk.ingest([{"prompt": "a", "tag": "x", "level": None}, {"prompt": "b", "tag": None, odd: [1]}, {"prompt": "c"}])
    shown = tables(show("data", store=desk.store))["Columns"]
    assert shown == (("level", 0, 3, None), ("tag", 1, 3, "x"), (odd, 1, 3, "[1]"))


def test_a_prompt_is_shown_with_its_group_and_outcomes(groups):
    [prompt] = groups.sql("SELECT prompt_id::VARCHAR FROM members WHERE line = 1")
    shown = tables(show(prompt=prompt[:12], store=groups.store))
    assert shown[f"Prompt {prompt}"] == (("user", "Question 0?"),)
    assert [row[-1] for row in shown["Group"]] == ["yes", "no"]
    assert [row[3:5] for row in shown["Outcomes"]] == [("ok", 1.0), ("ok", 0.0)]


def test_what_is_empty_says_what_would_fill_it(desk):
    with desk.store.write():
        pass
    [none] = show(store=desk.store).tables
    assert (none.title, none.rows, none.empty) == ("Data sets", (), "none yet; `datakit ingest FILE` makes one")
    desk.ingest([{"prompt": "a"}])
    said = {table.title: table.empty for table in show("data", store=desk.store).tables if not table.rows}
    assert said == {
        "Columns": "none",
        "Outcomes": "none yet; there are no answers, `datakit generate data --model M` draws them",
    }
    desk.ingest([{"prompt": "a", "completion": "b"}])
    said = {table.title: table.empty for table in show("data", store=desk.store).tables if not table.rows}
    assert said["Outcomes"] == "none yet; `datakit score data --rules FILE` judges the answers"


def test_the_beginning_of_an_id_must_be_of_one_prompt(groups):
    with pytest.raises(UserError, match="several prompts"):
        show(prompt="", store=groups.store)
    with pytest.raises(NotFoundError, match="no prompt whose id begins with 'zz'"):
        show(prompt="zz", store=groups.store)
