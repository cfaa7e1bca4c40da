"""Overload, deadlines, clients that leave, broken scorers: every accepted request gets exactly one answer."""

import asyncio
import os
import signal
from pathlib import Path

import pytest

from rewards.service import ClientGone, Refusal
from schemas.service import RewardItem

pytestmark = pytest.mark.anyio


def body(*completions, **more):
    return {"items": [{"completion": text} for text in completions], **more}


def service_in(client):
    return client.app.state.service


async def status_of(client, *completions, **more):
    found = (await client.post("/v1/rewards", json=body(*completions, **more))).json()["items"]
    return [item["outcomes"]["behaves"]["status"] for item in found]


def children() -> list[int]:
    return [int(pid) for pid in Path(f"/proc/self/task/{os.getpid()}/children").read_text().split()]


def workers() -> list[int]:
    return [pid for pid in children() if b"rewards.worker" in Path(f"/proc/{pid}/cmdline").read_bytes()]


async def until(holds):
    async with asyncio.timeout(20):
        while not holds():
            await asyncio.sleep(0.01)


async def test_what_is_not_judged_by_the_deadline_is_a_timeout_and_the_rest_is_there(served, reward_of):
    async with served(reward_of("behaves"), timeout=20) as client:
        assert await status_of(client, "fast", deadline=20) == ["ok"]
        response = await client.post("/v1/rewards", json=body("fast", "sleep 2", deadline=0.2))
        first, second = response.json()["items"]
        assert first["cached"]
        assert second["outcomes"]["behaves"]["status"] == "timeout"
        assert "0.2 s" in second["outcomes"]["behaves"]["reason"]
        assert second["reward"] is None


async def test_a_full_queue_refuses_with_429_and_takes_requests_again_when_it_has_emptied(served, reward_of):
    async with served(reward_of("behaves"), timeout=20, lanes=1, batch=1, max_queue=4, max_items=4) as client:
        held = asyncio.create_task(status_of(client, "sleep 0.5"))
        await until(lambda: service_in(client)._lanes[0].since is not None)
        accepted = [asyncio.create_task(status_of(client, f"a {n}", f"b {n}")) for n in range(2)]
        await until(lambda: service_in(client).queue.items == 4)
        refused = await client.post("/v1/rewards", json=body("c"))
        assert refused.status_code == 429
        assert 1 <= int(refused.headers["retry-after"]) <= 60
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.post("/v1/rewards", json=body())).status_code == 200
        assert await asyncio.gather(held, *accepted) == [["ok"], ["ok", "ok"], ["ok", "ok"]]
        assert (await client.get("/readyz")).status_code == 200
        assert await status_of(client, "c") == ["ok"]


async def test_ten_times_what_fits_is_answered_once_each_or_refused(served, reward_of):
    async with served(reward_of("calls"), batch=4, max_queue=16, max_items=4, cache=0) as client:
        requests = [client.post("/v1/rewards", json=body(f"{n}")) for n in range(160)]
        found = [response.status_code for response in await asyncio.gather(*requests)]
        assert set(found) == {200, 429}
        assert found.count(200) >= 16
        assert (await client.post("/v1/rewards", json=body("after"))).status_code == 200


async def test_a_client_that_leaves_takes_its_queued_work_with_it(served, reward_of):
    left = False

    async def gone():
        return left

    async with served(reward_of("behaves"), timeout=20, lanes=1, batch=1) as client:
        service = service_in(client)
        held = asyncio.create_task(status_of(client, "sleep 0.6"))
        await until(lambda: service._lanes[0].since is not None)
        items = [RewardItem(completion=f"never judged {n}") for n in range(5)]
        leaving = asyncio.create_task(service.score(items, gone=gone))
        await until(lambda: service.queue.items == 5)
        left = True
        with pytest.raises(ClientGone):
            await leaving
        assert service.queue.items == 0
        assert await held == ["ok"]
        found = (await client.get("/metrics")).text
        assert 'datakit_outcomes_total{scorer="behaves",status="ok"} 1.0' in found
        assert "datakit_abandoned_requests_total 1.0" in found


async def test_the_rest_of_a_batch_that_nobody_waits_for_is_given_up(served, reward_of):
    async with served(reward_of("behaves"), timeout=20, lanes=1, cache=0) as client:
        rows = [f"sleep 1.{n}" for n in range(40)]  # a minute of work
        leaving = asyncio.create_task(client.post("/v1/rewards", json=body(*rows)))
        await until(lambda: service_in(client)._lanes and service_in(client)._lanes[0].since is not None)
        leaving.cancel()
        async with asyncio.timeout(30):
            assert await status_of(client, "next") == ["ok"]


async def test_a_row_that_hangs_does_not_hold_up_other_requests(served, reward_of):
    async with served(reward_of("behaves"), timeout=20) as client:
        hanging = asyncio.create_task(status_of(client, "sleep 60", deadline=50))
        await until(lambda: service_in(client)._lanes[0].since is not None)
        for text in ("one", "two", "three"):
            assert await status_of(client, text) == ["ok"]
        assert not hanging.done()
        hanging.cancel()


async def test_a_killed_worker_costs_at_most_the_row_that_it_was_on(served, reward_of):
    before = set(workers())
    async with served(reward_of("behaves"), timeout=20, cache=0) as client:
        running = asyncio.create_task(status_of(client, *(f"sleep 0.0{n}" for n in range(10, 30))))
        await until(lambda: service_in(client)._lanes[0].since is not None)
        await asyncio.sleep(0.1)
        for pid in set(workers()) - before:
            os.kill(pid, signal.SIGKILL)
        found = await running
        assert len(found) == 20
        assert found.count("error") <= 1
        assert set(found) <= {"ok", "error"}
        assert await status_of(client, "after") == ["ok"]
        for pid in set(workers()) - before:  # while they are idle
            os.kill(pid, signal.SIGKILL)
        assert await status_of(client, "after that") == ["ok"]


async def test_a_fault_of_the_service_itself_is_an_error_of_the_batch_and_the_next_is_judged(served, reward_of):
    async with served(reward_of("behaves")) as client:
        service = service_in(client)
        broken = RewardItem.model_construct(completion="x", prompt=7, columns={}, messages=None, tools=None, model=None)
        object.__setattr__(broken, "n_tokens", None)
        object.__setattr__(broken, "finish_reason", None)
        answer = await service.score([broken])
        (outcome,) = answer.results[0].outcomes
        assert outcome.status == "error"
        assert "the service failed" in outcome.reason
        assert answer.results[0].reward is None
        assert await status_of(client, "after") == ["ok"]


async def test_stopping_finishes_what_was_accepted_and_refuses_the_rest(served, reward_of):
    before = set(workers())
    async with served(reward_of("behaves"), timeout=20, batch=2) as client:
        service = service_in(client)
        accepted = [asyncio.create_task(status_of(client, f"sleep 0.{n}")) for n in range(1, 6)]
        await until(lambda: len(service._open) == 5)
        stopping = asyncio.create_task(service.stop())
        await asyncio.sleep(0)
        with pytest.raises(Refusal, match="stopping"):
            await service.score([RewardItem(completion="late")])
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get("/healthz")).status_code == 200
        assert await asyncio.gather(*accepted) == [["ok"]] * 5
        await stopping
        assert not service.stuck
        assert not set(workers()) - before


async def test_the_cache_keeps_to_its_size(served, reward_of):
    async with served(reward_of("behaves"), cache=10) as client:
        await status_of(client, *(f"text {n}" for n in range(40)))
        assert len(service_in(client)._cache) == 10
        (item,) = (await client.post("/v1/rewards", json=body("text 39"))).json()["items"]
        assert item["cached"]


async def test_apps_of_one_process_count_apart(served, reward_of):
    async with served(reward_of("behaves")) as one, served(reward_of("behaves")) as other:
        await status_of(one, "x", "y")
        assert "datakit_items_total 2.0" in (await one.get("/metrics")).text
        assert "datakit_items_total 0.0" in (await other.get("/metrics")).text
