"""`datakit serve` as its users run it: a socket, a token, signals, clients that stall."""

import json
import os
import signal
import socket
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import pytest

from rewards.service.serve import serve
from schemas.errors import ConfigError
from schemas.service import ServeOptions

TOKEN = "a token of the tests"
HEADERS = {"Authorization": f"Bearer {TOKEN}"}
AS_JSON = f"Authorization: Bearer {TOKEN}\r\nContent-Type: application/json\r\nContent-Length: "


def ended(process: subprocess.Popen[str]) -> str:
    """What it printed, after it ended by itself and well."""
    said, errors = process.communicate(timeout=60)
    assert process.returncode == 0, errors
    return said


def judge(url: str, *texts: str) -> list[str]:
    """The statuses of some completions."""
    body = {"items": [{"completion": text} for text in texts]}
    response = httpx.post(f"{url}/v1/rewards", json=body, headers=HEADERS, timeout=60)
    assert response.status_code == 200, response.text
    return [item["outcomes"]["behaves"]["status"] for item in response.json()["items"]]


def workers_of(process: subprocess.Popen[str]) -> list[int]:
    """Its worker processes."""
    tasks = Path(f"/proc/{process.pid}/task").glob("*/children")
    return [int(pid) for task in tasks for pid in task.read_text().split()]


def test_a_token_a_killed_worker_clients_that_stall_and_leave_and_a_sigterm_under_load(serving):
    with serving("--timeout", "20", token=TOKEN) as (process, url):
        address = ("127.0.0.1", int(url.rpartition(":")[2]))
        assert httpx.post(f"{url}/v1/rewards", json={"items": []}).status_code == 401
        assert judge(url, "a", "raise b", "skip") == ["ok", "error", "skip"]

        before = number(url, "datakit_items_total")
        body = json.dumps({"items": [{"completion": f"sleep 1.{n}"} for n in range(30)]})
        with socket.create_connection(address) as leaving:
            leaving.sendall(f"POST /v1/rewards HTTP/1.1\r\nHost: x\r\n{AS_JSON}{len(body)}\r\n\r\n{body}".encode())
            wait_for(url, "datakit_items_total", before + 30)
        wait_for(url, "datakit_abandoned_requests_total", 1)
        wait_for(url, "datakit_lanes_free", 2)

        with socket.create_connection(address) as stalled:
            stalled.sendall(f"POST /v1/rewards HTTP/1.1\r\nAuthorization: Bearer {TOKEN}\r\nContent-Le".encode())
            assert judge(url, "while another client stalls") == ["ok"]
            (worker,) = workers_of(process)
            os.kill(worker, signal.SIGKILL)
            assert judge(url, "after the kill") == ["ok"]
            assert workers_of(process) != [worker]

            before = number(url, "datakit_items_total")
            with ThreadPoolExecutor(12) as clients:
                answers = [clients.submit(judge, url, f"sleep 0.{n}", f"text {n}") for n in range(1, 13)]
                wait_for(url, "datakit_items_total", before + 24)
                process.send_signal(signal.SIGTERM)
                assert [answer.result() for answer in answers] == [["ok", "ok"]] * 12
            left = workers_of(process)
            assert "requests" in ended(process)
        assert not [pid for pid in left if Path(f"/proc/{pid}").exists()]


def number(url: str, metric: str) -> float:
    """One of the service's numbers."""
    lines = httpx.get(f"{url}/metrics", headers=HEADERS).text.split("\n")
    return next(float(line.split()[1]) for line in lines if line.startswith(f"{metric} "))


def wait_for(url: str, metric: str, least: float) -> None:
    """Until a number has grown so large."""
    for _ in range(300):
        if number(url, metric) >= least:
            return
        time.sleep(0.05)
    raise AssertionError(f"{metric} is {number(url, metric)}")


def test_an_address_that_cannot_be_had_is_the_users_mistake(reward_of):
    with socket.create_server(("127.0.0.1", 0)) as taken:
        settings = ServeOptions(port=taken.getsockname()[1])
        with pytest.raises(ConfigError, match="choose another --port"):
            serve(reward_of("behaves"), settings, token=None, announce=print)
    with pytest.raises(ConfigError, match="DATAKIT_TOKEN"):
        serve(reward_of("behaves"), ServeOptions(host="0.0.0.0", port=0), token=None, announce=print)
