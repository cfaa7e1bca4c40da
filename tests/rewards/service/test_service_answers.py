"""What the service answers: every item its own outcome, in order, whatever its neighbours do."""

import asyncio
from itertools import count

import pytest

pytestmark = pytest.mark.anyio
fresh = (f"answer {number}" for number in count())


def items(*completions, **more):
    return {"items": [{"id": place, "completion": text, **more} for place, text in enumerate(completions)]}


async def judged(client, *completions, **more):
    response = await client.post("/v1/rewards", json=items(*completions, **more))
    assert response.status_code == 200, response.text
    return response.json()["items"]


async def test_every_item_gets_its_reward_outcomes_and_id_in_order(client):
    response = await client.post("/v1/rewards", json=items("a", "bb", "skip", "ccc"))
    body = response.json()
    assert [item["id"] for item in body["items"]] == [0, 1, 2, 3]
    assert [item["reward"] for item in body["items"]] == [0.01, 0.02, None, 0.03]
    assert [item["reason"] for item in body["items"]] == ["", "", "not_scored", ""]
    first = body["items"][0]["outcomes"]["behaves"]
    assert (first["status"], first["value"], first["reason"]) == ("ok", 0.01, "1 characters")
    assert body["reward"] == "served"
    assert body["timings"]["total"] >= body["timings"]["waited"] >= 0
    said = (await client.get("/version")).json()
    assert said["versions"] == body["versions"]
    assert set(said["versions"]["scorers"]) == {"behaves"}


async def test_what_hangs_dies_or_raises_costs_its_own_item_only(client):
    good = next(fresh)
    found = await judged(client, "sleep 60", good, "die", "raise no", "skip", good + "!")
    statuses = [item["outcomes"]["behaves"]["status"] for item in found]
    assert statuses == ["timeout", "ok", "error", "error", "skip", "ok"]
    assert [item["reward"] is None for item in found] == [True, False, True, True, True, False]
    assert [item["reason"] for item in found[:4]] == ["failed_scorer", "", "failed_scorer", "failed_scorer"]
    assert "ValueError: no" in found[3]["outcomes"]["behaves"]["reason"]


async def test_no_items_get_no_results(client):
    assert await judged(client) == []


async def test_an_answer_may_be_messages_and_its_reasoning_is_not_judged(client):
    turns = [{"role": "assistant", "content": "<think>hm</think>four"}, {"role": "tool", "content": "x"}]
    (found,) = await judged(client, turns, messages=[{"role": "user", "content": "2 + 2?"}])
    assert found["reward"] == 0.04


async def test_an_item_that_is_too_long_is_an_error_of_its_own(client):
    found = await judged(client, "长" * 21_000, "a")
    assert [item["reward"] for item in found] == [None, 0.01]
    assert "more than 20,000 characters" in found[0]["outcomes"]["behaves"]["reason"]


async def test_a_column_that_one_item_lacks_is_that_items_error(served, reward_of):
    async with served(reward_of("mentions")) as client:
        body = {"items": [{"completion": "42", "columns": {"answer": "42"}}, {"completion": "42"}]}
        body["items"].append({"completion": "42", "columns": {"answer": None}})
        found = (await client.post("/v1/rewards", json=body)).json()["items"]
    statuses = [item["outcomes"]["mentions"]["status"] for item in found]
    assert statuses == ["ok", "error", "skip"]
    assert "'answer'" in found[1]["outcomes"]["mentions"]["reason"]


async def test_what_was_judged_is_remembered_but_a_failure_is_tried_again(client):
    text = next(fresh)
    assert not (await judged(client, text))[0]["cached"]
    again = (await judged(client, text))[0]
    assert again["cached"]
    assert again["reward"] == len(text) / 100
    for _ in range(2):
        assert not (await judged(client, "raise again"))[0]["cached"]


async def test_a_remembered_outcome_is_not_given_to_other_inputs(served, reward_of):
    async with served(reward_of("mentions")) as client:
        for answer, reward, cached in (("42", 1.0, False), ("43", 0.0, False), ("42", 1.0, True)):
            columns = {"answer": answer, "row": str(reward)}
            (item,) = await judged(client, "it is 42", columns=columns)
            assert (item["reward"], item["cached"]) == (reward, cached)
        (item,) = await judged(client, "it is 42", columns={"answer": "42", "row": "another, which no rule reads"})
        assert item["cached"]


async def test_requests_that_arrive_together_are_judged_together(served, reward_of):
    async with served(reward_of("calls"), cache=0) as client:
        found = await asyncio.gather(*(judged(client, next(fresh)) for _ in range(40)))
        sizes = [item["reward"] for (item,) in found]
    assert max(sizes) >= 20
    assert len(sizes) == 40


async def test_equal_items_are_judged_once(served, reward_of):
    async with served(reward_of("calls"), cache=0) as client:
        found = await judged(client, *(["the same"] * 30))
    assert [item["reward"] for item in found] == [1.0] * 30
