"""People rate answers: the page shows what was drawn, what it saves is stored, agreement is reported."""

import json
import re
from pathlib import Path
from typing import Any
from uuid import UUID

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


NOBODY = "00000000-0000-0000-0000-000000000000"


def human(desk: Any) -> tuple[Any, Any]:
    """What people said, as the store holds it."""
    scores = desk.sql(
        "SELECT name, candidate_id, value, reason FROM scores JOIN scorers USING (scorer_id) ORDER BY ALL"
    )
    comparisons = desk.sql("SELECT left_id, right_id, verdict FROM comparisons ORDER BY ALL")
    return scores, comparisons


def only(said: dict[str, Any], **parts: Any) -> dict[str, Any]:
    """The same file with nothing said but `parts`."""
    return {**said, "answers": [], "preferences": [], **parts}


def test_a_note_with_half_a_character_is_refused_and_the_rating_beside_it_is_stored(desk: Any, reviewed: Any) -> None:
    said = saved(reviewed(sample=2))
    said["answers"][0] |= {"flagged": True, "note": "half \ud83d of a smile"}
    report = put(desk, said)
    assert report.reasons == {"invalid_unicode": 1}
    assert report.exit_code == 1
    assert report.counts["stored"] == 6
    assert desk.sql("SELECT count(*) FROM scorers JOIN scores USING (scorer_id) WHERE name = 'Ana: flag'") == [0]
    assert desk.sql("SELECT detail FROM ledger WHERE reason = 'invalid_unicode'")[0].startswith(
        f"{said['answers'][0]['candidate_id']}: note: "
    )


@pytest.mark.parametrize("field", ["rater", "dataset"])
def test_a_name_with_half_a_character_is_one_line(desk: Any, reviewed: Any, field: str) -> None:
    with pytest.raises((ConfigError, InputError), match=r"saved\.json"):
        put(desk, saved(reviewed(sample=2)) | {field: "Ana \ud83d"})


def test_an_answer_cannot_be_preferred_to_itself_nor_to_an_answer_of_another_prompt(desk: Any, reviewed: Any) -> None:
    said = saved(reviewed(sample=2))
    (one, other), (foreign, _) = ([side[key] for key in ("left_id", "right_id")] for side in said["preferences"])
    pairs = [(one, one), (one, foreign), (one, NOBODY), (one, other)]
    preferences = [{"left_id": left, "right_id": right, "verdict": "left"} for left, right in pairs]
    report = put(desk, only(said, preferences=preferences))
    assert report.reasons == {"same_answer": 1, "different_prompts": 1, "unknown_answer": 1}
    assert report.counts["preferences"] == report.counts["stored"] + sum(report.reasons.values())
    assert report.exit_code == 1
    assert dict(desk.sql("SELECT reason, detail FROM ledger WHERE stage = 'ingest'")) == {
        "same_answer": f"{one} {one}",
        "different_prompts": f"{one} {foreign}",
        "unknown_answer": NOBODY,
    }
    assert desk.sql("SELECT count(*) FROM comparisons") == [1]


MIRRORED = {"left": "right", "right": "left", "tie": "tie"}


@pytest.mark.parametrize("verdict", list(MIRRORED))
def test_the_same_preference_the_other_way_round_is_nothing_new(desk: Any, reviewed: Any, verdict: str) -> None:
    said = saved(reviewed(sample=1))
    ours = said["preferences"][0] | {"verdict": verdict}
    theirs = {"left_id": ours["right_id"], "right_id": ours["left_id"], "verdict": MIRRORED[verdict]}
    put(desk, only(said, preferences=[ours]))
    before = human(desk)
    report = put(desk, only(said, preferences=[theirs]))
    assert report.run_id is None
    assert report.notes[0].startswith("nothing to do")
    assert human(desk) == before


@pytest.mark.parametrize("files", [1, 2])
@pytest.mark.parametrize(("first", "then"), [("left", "left"), ("right", "right"), ("tie", "left"), ("right", "tie")])
def test_of_a_preference_said_both_ways_round_the_last_counts(
    desk: Any, reviewed: Any, files: int, first: str, then: str
) -> None:
    said = saved(reviewed(sample=1))
    ours = said["preferences"][0] | {"verdict": first}
    theirs = {"left_id": ours["right_id"], "right_id": ours["left_id"], "verdict": then}
    for told in [[ours, theirs]] if files == 1 else [[ours], [theirs]]:
        report = put(desk, only(said, preferences=told))
    assert report.reasons == ({"said_again": 1} if files == 1 else {})
    assert report.exit_code == 0
    assert human(desk)[1] == [(UUID(theirs["left_id"]), UUID(theirs["right_id"]), then)]


def test_of_a_rating_said_twice_in_a_file_the_last_counts(desk: Any, reviewed: Any) -> None:
    said = saved(reviewed(sample=1))
    answer = said["answers"][0] | {"flagged": True, "note": "first"}
    again = answer | {"rating": 9, "note": "second"}
    report = put(desk, only(said, answers=[answer, said["answers"][1], again]))
    assert report.reasons == {"said_again": 2}
    assert report.counts == {"ratings": 3, "flags": 2, "preferences": 0, "stored": 3}
    assert report.exit_code == 0
    name = UUID(answer["candidate_id"])
    assert [row for row in human(desk)[0] if row[1] == name] == [
        ("Ana", name, 9.0, None),
        ("Ana: flag", name, 1.0, "second"),
    ]


def test_a_second_reading_of_a_file_with_refused_statements_writes_nothing(desk: Any, reviewed: Any) -> None:
    said = saved(reviewed(sample=2))
    said["answers"].append(said["answers"][0] | {"rating": 10, "flagged": True, "note": "\udc00"})
    said["answers"][1]["candidate_id"] = NOBODY
    said["preferences"][0]["right_id"] = said["preferences"][0]["left_id"]
    first = put(desk, said)
    assert first.reasons == {"unknown_answer": 1, "said_again": 1, "same_answer": 1, "invalid_unicode": 1}
    state = [human(desk), *(desk.sql(f"FROM {table} ORDER BY ALL") for table in ("ledger", "runs", "scorers"))]
    second = put(desk, said)
    assert second.run_id is None
    assert second.counts["stored"] == 0
    assert second.reasons == first.reasons
    assert [human(desk), *(desk.sql(f"FROM {table} ORDER BY ALL") for table in ("ledger", "runs", "scorers"))] == state


@pytest.mark.parametrize("rater", [" ", "\t\n", "Ana: flag", " Ana: flag "])
def test_a_rater_is_not_named_like_nobody_or_like_the_flags_of_another(desk: Any, reviewed: Any, rater: str) -> None:
    with pytest.raises(ConfigError, match=r"saved\.json.*rater.*name"):
        put(desk, saved(reviewed(sample=2), rater))


def test_spaces_around_a_name_make_no_second_rater(desk: Any, reviewed: Any) -> None:
    said = saved(reviewed(sample=2))
    put(desk, said)
    assert put(desk, said | {"rater": " Ana "}).run_id is None
