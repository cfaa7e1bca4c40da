"""The openai engine against a server that misbehaves on demand. Whole stages against one: test_generate.py."""

import json
import os
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from datakit.engine import Completion, Failure, Request
from datakit.engines.openai import OpenAI
from schemas.errors import ConfigError
from schemas.options import RecipeOptions

Reply = tuple[int, object, dict[str, str]]


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128  # with socketserver's 5, a busy machine resets connections that came at once

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.times: list[float] = []
        self.busy = 0
        self.most_busy = 0
        self.lock = threading.Lock()
        self.reply: Callable[[dict[str, Any], int], Reply] = lambda body, number: said({"content": "hello"})
        """From a request and its number, starting at 1."""

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: Server
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.bodies.append(body)
            self.server.headers.append(dict(self.headers))
            self.server.times.append(time.monotonic())
            self.server.busy += 1
            self.server.most_busy = max(self.server.most_busy, self.server.busy)
            number = len(self.server.bodies)
        status, answer, headers = self.server.reply(body, number)
        with self.server.lock:
            self.server.busy -= 1
        data = json.dumps(answer).encode()
        try:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
        except OSError:  # the client gave up waiting
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        return


def said(message: dict[str, Any], finish_reason: str = "stop") -> Reply:
    choice = {"index": 0, "message": {"role": "assistant", **message}, "finish_reason": finish_reason}
    return 200, {"choices": [choice], "usage": {"completion_tokens": 5}}, {}


def complained(status: int, message: str, **headers: str) -> Reply:
    return status, {"error": {"message": message, "type": "some_error"}}, headers


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield server
        server.shutdown()
        thread.join()


def ask(server: Server, count: int = 1, recipe: dict[str, Any] | None = None, **engine: Any) -> list[Any]:
    requests = (Request(str(i), [{"role": "user", "content": f"Hi {i}"}], None, i) for i in range(count))
    made = OpenAI(**{"model": "m", "base_url": server.url, "max_pause": 0.01, **engine})
    return list(made.generate(requests, RecipeOptions(**(recipe or {}))))


def test_reasoning_and_tool_calls_arrive_apart_from_the_text(server):
    call = {"id": "c1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Bonn"}'}}
    server.reply = lambda body, n: said(
        {"content": None, "reasoning_content": "hm", "tool_calls": [call]}, "tool_calls"
    )
    assert ask(server) == [Completion("0", "", "tool_calls", 5, reasoning="hm", tool_calls=[call])]


def test_the_length_limit_has_the_name_that_the_server_wants(server):
    ask(server, recipe={"max_tokens": 3}, max_tokens_field="max_completion_tokens")
    assert server.bodies[0]["max_completion_tokens"] == 3
    assert "max_tokens" not in server.bodies[0]


def test_no_more_requests_are_out_than_allowed_and_all_are_answered(server):
    def slowly(body: dict[str, Any], number: int) -> Reply:
        time.sleep(0.02)
        return said({"content": body["messages"][0]["content"]})

    server.reply = slowly
    results = ask(server, 30, concurrency=5)
    assert {(result.key, result.text) for result in results} == {(str(i), f"Hi {i}") for i in range(30)}
    assert 2 <= server.most_busy <= 5


def test_requests_are_pulled_only_as_there_is_room(server):
    pulled = []

    def endless() -> Iterator[Request]:
        for number in range(10_000):
            pulled.append(number)
            yield Request(str(number), [{"role": "user", "content": "Hi"}], None, number)

    results = OpenAI(model="m", base_url=server.url, concurrency=4).generate(endless(), RecipeOptions())
    for _ in range(10):
        next(results)
    results.close()
    assert len(pulled) <= 10 + 4


def test_answers_that_finish_early_come_early(server):
    def first_is_slow(body: dict[str, Any], number: int) -> Reply:
        time.sleep(0.5 if body["seed"] == 0 else 0)
        return said({"content": "x"})

    server.reply = first_is_slow
    assert [result.key for result in ask(server, 4)][-1] == "0"


def test_a_server_that_asks_for_patience_gets_it(server):
    server.reply = lambda body, n: complained(429, "slow down", **{"Retry-After": "0.4"}) if n == 1 else said({})
    [result] = ask(server, max_pause=5.0)
    assert isinstance(result, Completion)
    assert server.times[1] - server.times[0] >= 0.4


def test_a_request_that_hangs_is_tried_again(server):
    def hangs_once(body: dict[str, Any], number: int) -> Reply:
        time.sleep(1.0 if number == 1 else 0)
        return said({"content": "x"})

    server.reply = hangs_once
    [result] = ask(server, timeout=0.3)
    assert result.text == "x"


@pytest.mark.parametrize("status", [408, 429, 500, 502, 503, 504])
def test_what_stays_broken_fails_as_transport_after_the_last_try(server, status):
    server.reply = lambda body, n: complained(status, "out of order")
    assert ask(server, retries=2) == [Failure("0", "transport", f"HTTP {status}: out of order")]
    assert len(server.bodies) == 3


@pytest.mark.parametrize("status", [400, 401, 403, 404, 422])
def test_what_the_server_refuses_is_not_tried_again(server, status):
    server.reply = lambda body, n: complained(status, "no such model")
    assert ask(server) == [Failure("0", "refused", f"HTTP {status}: no such model")]
    assert len(server.bodies) == 1


@pytest.mark.parametrize("answer", [{}, {"choices": []}, {"choices": [{}]}, [], "text", None, 3])
def test_an_answer_that_is_no_chat_completion_fails_and_nothing_else_does(server, answer):
    server.reply = lambda body, n: (200, answer, {}) if body["seed"] == 1 else said({"content": "x"})
    results = {result.key: result for result in ask(server, 3, retries=1)}
    assert results["1"].reason == "transport"
    assert "not a chat completion" in results["1"].detail
    assert [type(results[key]) for key in "02"] == [Completion, Completion]


def test_a_server_that_is_not_there_fails_as_transport(server):
    [result] = ask(server, base_url="http://127.0.0.1:9/v1", retries=1)
    assert (result.reason, result.detail.partition(":")[0]) == ("transport", "ConnectError")


def test_the_key_comes_from_the_named_variable_and_is_kept_nowhere(server):
    os.environ["DATAKIT_TEST_KEY"] = "secret-key"
    engine = OpenAI(model="m", base_url=server.url, key_variable="DATAKIT_TEST_KEY")
    [_] = engine.generate([Request("0", [{"role": "user", "content": "Hi"}], None, 0)], RecipeOptions())
    del os.environ["DATAKIT_TEST_KEY"]
    assert server.headers[0]["Authorization"] == "Bearer secret-key"
    assert "secret-key" not in engine.model_dump_json() + engine.version


def test_without_an_address_one_line_says_how_to_give_it():
    with pytest.raises(ConfigError, match="--base-url"):
        list(OpenAI(model="m", base_url="").generate([], RecipeOptions()))
