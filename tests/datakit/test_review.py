"""People rate answers: the page shows what was drawn, what it saves is stored, agreement is reported."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

from datakit.build_pairs import build_pairs
from datakit.review import agreement, review
from datakit.review_page import render
from datakit.review_rows import Item
from rewards.outcome import Outcome, Status
from schemas.errors import ConfigError, InputError
from schemas.options import GroupOptions, PairOptions, ReviewOptions


def ok(value: float) -> Outcome:
    return Outcome(Status.OK, value)


@pytest.fixture
def reward(make_reward: Any) -> Any:
    return make_reward(name="r", scorers=({"rule": "a"}, {"rule": "b"}))


@pytest.fixture
def reviewed(desk: Any, fill: Any, drawn: Any, reward: Any) -> Any:
    """A store with 20 prompts of four answers each, and a way to write the page and to read its data."""
    groups = [
        [drawn(f"Answer {place} to {number}.", (ok(place / 4), ok(0.5))) for place in range(4)] for number in range(20)
    ]
    fill(desk.store, groups, reward)

    def write(name: str = "p", **options: Any) -> dict[str, Any]:
        given = options.pop("reward", None)
        page = desk.folder / "review.html"
        review(name, ReviewOptions(output=page, **options), store=desk.store, reward=given)
        return data_of(page.read_text(encoding="utf-8"))

    return write


def data_of(page: str) -> dict[str, Any]:
    found = re.search(r'<script type="application/json" id="data">(.*?)</script>', page, re.DOTALL)
    assert found
    data: dict[str, Any] = json.loads(found[1])
    return data


def saved(data: dict[str, Any], rater: str = "Ana", **more: Any) -> dict[str, Any]:
    """What the page would save: ratings by length of text, preferences for the longer text."""
    answers = [answer for item in data["items"] for answer in item["answers"]]
    return {
        "datakit_review": 1,
        "dataset": data["dataset"],
        "rater": rater,
        "answers": [
            {"candidate_id": answer["id"], "rating": 1 + int(answer["text"].split()[1]), "flagged": False, "note": ""}
            for answer in answers
        ],
        "preferences": [
            {
                "left_id": item["answers"][0]["id"],
                "right_id": item["answers"][1]["id"],
                "verdict": "left" if item["answers"][0]["text"] > item["answers"][1]["text"] else "right",
            }
            for item in data["items"]
        ],
        **more,
    }


def put(desk: Any, review: dict[str, Any]) -> Any:
    file: Path = desk.folder / "saved.json"
    file.write_text(json.dumps(review), encoding="utf-8")
    return desk.ingest(file)


def test_the_same_seed_draws_the_same_prompts_and_two_different_answers(reviewed: Any) -> None:
    data = reviewed(sample=6)
    assert len(data["items"]) == 6
    assert data == reviewed(sample=6)
    assert data != reviewed(sample=6, seed=1)
    for item in data["items"]:
        texts = [answer["text"] for answer in item["answers"]]
        assert len(set(texts)) == 2
        assert all(answer["outcomes"] == [] for answer in item["answers"])


def test_with_a_reward_every_other_prompt_shows_the_best_and_the_worst(reviewed: Any, reward: Any) -> None:
    items = reviewed(sample=20, reward=reward)["items"]
    for item in items[::2]:
        assert {answer["reward"] for answer in item["answers"]} == {0.25, 0.625}
    assert any(answer["text"].startswith("Answer 3") for item in items for answer in item["answers"][:1])
    assert any(answer["text"].startswith("Answer 0") for item in items for answer in item["answers"][:1])
    assert items[0]["answers"][0]["outcomes"][1] == {"scorer": "b", "status": "ok", "value": 0.5, "reason": ""}


def test_the_two_sides_of_pairs_are_shown(desk: Any, reviewed: Any, reward: Any) -> None:
    build_pairs("p", PairOptions(), reward=reward, groups=GroupOptions(), store=desk.store, name="q")
    for item in reviewed("q", sample=5)["items"]:
        assert {answer["text"].split()[1] for answer in item["answers"]} == {"0", "3"}


def test_sft_examples_have_one_answer(desk: Any, reviewed: Any) -> None:
    desk.ingest([{"instruction": "Name a colour.", "output": "Blue"}], name="sft.jsonl")
    items = reviewed("sft")["items"]
    assert [answer["text"] for answer in items[0]["answers"]] == ["Blue"]
    assert items[0]["turns"] == [{"role": "user", "text": "Name a colour."}]


def test_a_set_without_answers_is_one_line(desk: Any, reviewed: Any) -> None:
    desk.ingest([{"prompt": "Name a colour."}], name="bare.jsonl")
    with pytest.raises(ConfigError, match="bare@1 has no answers to review"):
        reviewed("bare")


def test_hostile_texts_stay_texts(desk: Any) -> None:
    hostile = "</script><img src=x onerror=alert(1)><!--<script> \u2028 \U0001f600"
    item = Item(
        "i", [{"role": "user", "text": hostile}], [{"id": "c", "text": hostile, "reward": None, "outcomes": []}]
    )
    desk.ingest([{"prompt": "a"}], name="bare.jsonl")
    with desk.store.read() as con:
        from datakit import datasets

        page = render(datasets.get(con, "bare"), [item])
    assert page.count("</script>") == 2
    assert "<img" not in page
    assert data_of(page)["items"][0]["answers"][0]["text"] == hostile


def test_what_a_person_said_is_stored_once_as_scores_and_comparisons(desk: Any, reviewed: Any) -> None:
    said = saved(reviewed(sample=5))
    said["answers"][0] |= {"flagged": True, "note": "wrong"}
    report = put(desk, said)
    assert report.counts == {"ratings": 10, "flags": 1, "preferences": 5, "stored": 16}
    assert report.exit_code == 0
    human = "FROM scorers JOIN newest_scores USING (scorer_id) WHERE kind = 'human'"
    assert desk.sql(f"SELECT name, count(*), max(reason) {human} GROUP BY name ORDER BY name") == [
        ("Ana", 10, None),
        ("Ana: flag", 1, "wrong"),
    ]
    assert desk.sql("SELECT count(*) FROM comparisons WHERE verdict IN ('left', 'right')") == [5]
    again = put(desk, said)
    assert again.run_id is None
    assert again.counts["stored"] == 0
    assert desk.sql("SELECT count(*) FROM scores WHERE scorer_id IN (SELECT scorer_id FROM scorers)") == [11]


def test_a_changed_mind_takes_the_place_of_what_was_said(desk: Any, reviewed: Any) -> None:
    said = saved(reviewed(sample=2))
    put(desk, said)
    said["answers"][0]["rating"] = 10
    said["preferences"][0]["verdict"] = "tie"
    assert put(desk, said).counts["stored"] == 2
    candidate = said["answers"][0]["candidate_id"]
    assert desk.sql(f"SELECT value FROM scores WHERE candidate_id = '{candidate}' AND value > 1.5") == [10.0]
    assert desk.sql("SELECT count(*) FROM comparisons") == [2]


def test_unknown_answers_go_to_the_ledger(desk: Any, reviewed: Any) -> None:
    said = saved(reviewed(sample=2))
    said["answers"][0]["candidate_id"] = "00000000-0000-0000-0000-000000000000"
    report = put(desk, said)
    assert report.reasons == {"unknown_answer": 1}
    assert report.exit_code == 1
    assert desk.sql("SELECT detail FROM ledger WHERE reason = 'unknown_answer'") == [
        "00000000-0000-0000-0000-000000000000"
    ]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"rater": ""}, "rater"),
        ({"answers": [{"candidate_id": "x"}]}, "answers[0].candidate_id"),
        ({"answers": [{"candidate_id": "00000000-0000-0000-0000-000000000000", "rating": 11}]}, "answers[0].rating"),
        ({"colour": 1}, "unknown field 'colour'"),
    ],
)
def test_a_file_that_a_page_did_not_save_is_one_line(desk: Any, reviewed: Any, change: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=r".*") as raised:
        put(desk, saved(reviewed(sample=2), **change))
    assert message in str(raised.value)
    assert "saved.json" in str(raised.value)


def test_a_broken_file_is_one_line(desk: Any, reviewed: Any) -> None:
    file = desk.file(b'{"datakit_review": 1, "dataset": ', "saved.json")
    with pytest.raises(InputError, match="not the JSON that a review page saves"):
        desk.ingest(file)


def test_agreement_with_the_reward_and_between_raters(desk: Any, reviewed: Any, reward: Any) -> None:
    data = reviewed(sample=10)
    put(desk, saved(data))
    contrary = saved(data, "Ben")
    for one in contrary["answers"]:
        one["rating"] = 11 - one["rating"]
    contrary["preferences"][0]["verdict"] = "tie"
    for one in contrary["preferences"][1:]:
        one["verdict"] = {"left": "right", "right": "left"}[one["verdict"]]
    put(desk, contrary)
    report = agreement("p", store=desk.store, reward=reward)
    assert report.counts == {"ratings": 40, "preferences": 20, "raters": 2}
    tables = {table.title: table.rows for table in report.tables}
    assert tables["ratings against the reward"] == (("Ana", 20, 1.0), ("Ben", 20, -1.0))
    assert tables["preferences against the reward"] == (
        ("Ana", 10, 0, 0, 10, 0, 1.0),
        ("Ben", 10, 1, 0, 0, 9, 0.0),
    )
    between = tables["between raters"][0]
    assert between[:3] == ("Ana", "Ben", 10)
    assert between[3] < 0
    assert between[4:] == (20, -1.0)
    assert agreement("p", store=desk.store).tables[0].title == "between raters"


def test_nobody_rated_is_said(desk: Any, reviewed: Any, reward: Any) -> None:
    report = agreement("p", store=desk.store, reward=reward)
    assert report.tables == ()
    assert report.notes[0].startswith("nobody rated its answers")
