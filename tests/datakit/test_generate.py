"""Generation: what is missing is drawn once, whatever happens in between."""

import hashlib
import json
import random
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from datakit.drop import drop
from datakit.generate import generate
from schemas.errors import ConfigError, NotFoundError, StageStopped
from schemas.options import GenerateOptions
from schemas.report import Report


class ChatServer(ThreadingHTTPServer):
    """An OpenAI-compatible server whose answer is a pure function of messages, seed and temperature."""

    daemon_threads = True
    request_queue_size = 128  # with socketserver's 5, a busy machine resets connections that came at once

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.asked: Counter[str] = Counter()
        """How often each request was answered."""
        self.bodies: list[dict[str, Any]] = []
        self.delay = 0.0
        self.trouble: Callable[[dict[str, Any], int], tuple[int, str, dict[str, str]] | None] = lambda body, n: None
        """Gives status, body and headers of a bad answer; from the request and how often it was seen."""
        self.seen: Counter[str] = Counter()
        self.lock = threading.Lock()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: ChatServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        key = hashlib.md5(json.dumps([body["messages"], body["seed"], body["temperature"]]).encode()).hexdigest()
        with self.server.lock:
            self.server.seen[key] += 1
            trouble = self.server.trouble(body, self.server.seen[key])
            self.server.bodies.append(body)
        time.sleep(self.server.delay)
        if trouble is not None:
            self.reply(*trouble)
            return
        with self.server.lock:
            self.server.asked[key] += 1
        message = {"role": "assistant", "content": f"<think>hm {key[:4]}</think>answer {key}"}
        choice = {"index": 0, "message": message, "finish_reason": "stop"}
        self.reply(200, json.dumps({"choices": [choice], "usage": {"completion_tokens": 7}}), {})

    def reply(self, status: int, text: str, headers: dict[str, str]) -> None:
        if status == 0:  # break the connection
            self.close_connection = True
            return
        data = text.encode()
        try:
            self.send_response(status)
            for name, value in {**headers, "Content-Length": str(len(data))}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(data)
        except OSError:  # the client was killed
            return

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def server() -> Iterator[ChatServer]:
    with ChatServer() as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield server
        server.shutdown()
        thread.join()


PROMPTS = [{"prompt": f"Question {i}?", "answer": str(i)} for i in range(20)]


@pytest.fixture
def desk(desk, server):
    """A store with twenty prompts, and `generate` against the server."""
    desk.ingest(PROMPTS, "prompts.jsonl")

    def draw(name: str = "prompts", **options: Any) -> Report:
        given = {"model": ("m",), "model_revision": "1", "n": 4, "base_url": server.url, **options}
        given["engine_option"] = {"max_pause": 0.01, **given.get("engine_option", {})}
        return generate(name, GenerateOptions(**given), store=desk.store)

    desk.generate = draw
    return desk


def candidates(desk) -> list[tuple[Any, ...]]:
    return desk.sql(
        "SELECT candidate_id::VARCHAR, prompt_id::VARCHAR, recipe_id::VARCHAR, sample_index, text, messages, "
        "finish_reason, n_tokens, origin FROM candidates ORDER BY ALL"
    )


def test_every_prompt_gets_its_samples_and_reasoning_is_split_off(desk, server):
    report = desk.generate()
    assert report.counts == {"prompts": 20, "generated": 80, "already there": 0, "missing": 0}
    rows = candidates(desk)
    assert len({row[0] for row in rows}) == 80
    assert all(row[4].startswith("answer ") and row[6:] == ("stop", 7, "sample") for row in rows)
    assert json.loads(rows[0][5])[0]["reasoning_content"].startswith("hm ")
    assert set(server.asked.values()) == {1}
    [engine] = desk.sql("SELECT DISTINCT engine FROM candidates")
    assert engine.startswith("openai 127.0.0.1:")


def test_sample_i_has_the_base_seed_plus_i(desk, server):
    desk.generate(n=3)
    seeds: dict[str, list[int]] = {}
    for body in server.bodies:
        seeds.setdefault(body["messages"][-1]["content"], []).append(body["seed"])
    for found in seeds.values():
        assert sorted(found) == list(range(min(found), min(found) + 3))


def test_a_second_run_does_nothing_and_says_so(desk, server):
    desk.generate()
    before = desk.store.path.read_bytes()
    report = desk.generate()
    assert report.run_id is None
    assert "nothing to do" in report.notes[0]
    assert sum(server.asked.values()) == 80
    assert desk.store.path.read_bytes() == before


def test_raising_n_tops_up(desk, server):
    desk.generate(n=2)
    first = candidates(desk)
    assert desk.generate(n=5).counts["generated"] == 60
    assert set(first) <= set(candidates(desk))
    assert sum(server.asked.values()) == 100
    assert desk.generate(n=3).run_id is None


def test_a_column_n_overrides_n(desk):
    desk.ingest([{"prompt": "a", "n": 1}, {"prompt": "b", "n": 6}, {"prompt": "c"}], "own.jsonl")
    assert desk.generate("own", n=2).counts["generated"] == 9


def test_models_and_temperatures_are_recipes(desk):
    report = desk.generate(model=("a", "b"), temperature=(0.5, 1.0), n=2)
    assert report.counts["generated"] == 160
    assert len(report.tables[0].rows) == 4
    assert desk.sql("SELECT count(*) FROM recipes") == [4]
    assert desk.sql("SELECT count(*) FROM dataset_recipes WHERE dataset = 'prompts'") == [4]


def test_correcting_a_column_generates_nothing(desk, server):
    desk.generate()
    desk.ingest([{**PROMPTS[0], "answer": "corrected"}, *PROMPTS[1:]], "prompts.jsonl")
    assert desk.sql("SELECT max(version) FROM datasets") == [2]
    assert desk.generate().run_id is None


def test_another_data_set_with_the_same_prompts_generates_nothing_but_owns_the_recipe(desk, server):
    desk.generate()
    desk.ingest(PROMPTS[:5], "part.jsonl")
    assert desk.generate("part").counts["generated"] == 0
    assert sum(server.asked.values()) == 80
    assert desk.sql("SELECT count(*) FROM dataset_recipes WHERE dataset = 'part'") == [1]


def test_settings_reach_the_server(desk, server):
    options = {"system": "Be kind.", "stop": ("END",), "template": {"enable_thinking": False}, "sampling": {"top_k": 5}}
    desk.generate(n=1, max_tokens=9, top_p=0.5, **options)
    body = server.bodies[0]
    assert body["messages"][0] == {"role": "system", "content": "Be kind."}
    assert (body["stop"], body["top_k"], body["max_tokens"], body["top_p"]) == (["END"], 5, 9, 0.5)
    assert body["chat_template_kwargs"] == {"enable_thinking": False}


def test_passing_trouble_is_overcome(desk, server):
    answers = [(429, "slow down", {"Retry-After": "0"}), (503, "", {}), (0, "", {}), (200, "{no json", {})]
    server.trouble = lambda body, n: answers[n - 1] if n <= len(answers) else None
    assert desk.generate(n=2).counts["missing"] == 0
    assert desk.sql("SELECT count(*) FROM ledger WHERE stage = 'generate'") == [0]


def test_what_stays_failed_is_in_the_ledger_and_tried_again(desk, server):
    server.trouble = lambda body, n: (500, "broken", {}) if "Question 7?" in str(body) else None
    report = desk.generate(engine_option={"retries": 1})
    assert report.counts["missing"] == 4
    assert report.needs_attention
    assert report.reasons == {"transport": 4}
    [(reason, detail, prompt)] = set(desk.sql("SELECT reason, split_part(detail, ': ', 2), item_id FROM ledger"))
    assert (reason, detail) == ("transport", "HTTP 500")
    assert desk.sql(f"SELECT messages->>'$[0].content' FROM prompts WHERE prompt_id = '{prompt}'") == ["Question 7?"]
    server.trouble = lambda body, n: None
    assert desk.generate().counts == {"prompts": 20, "generated": 4, "already there": 76, "missing": 0}


def test_a_prompt_that_is_too_long_is_named_so(desk, server):
    message = json.dumps({"error": {"message": "This model's maximum context length is 8192 tokens."}})
    server.trouble = lambda body, n: (400, message, {}) if "Question 7?" in str(body) else None
    assert desk.generate().reasons == {"prompt_too_long": 4}


def test_fifty_failures_alike_stop_the_stage_and_keep_what_came(desk, server):
    refusal = (401, '{"error": {"message": "bad key"}}', {})
    server.trouble = lambda body, n: refusal if len(server.bodies) > 10 else None
    with pytest.raises(StageStopped, match="bad key"):
        desk.generate(n=20, engine_option={"concurrency": 1})
    assert desk.sql("SELECT count(*) FROM candidates") == [11]
    assert desk.sql("SELECT status FROM runs WHERE stage = 'generate'") == ["failed"]


def test_two_generations_at_once_double_nothing(desk, server):
    server.delay = 0.02
    reports: list[Report] = []
    threads = [threading.Thread(target=lambda: reports.append(desk.generate())) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({row[0] for row in candidates(desk)}) == len(candidates(desk)) == 80
    assert sum(report.counts["generated"] for report in reports) == 80


GENERATE = """
import sys
from datakit.generate import generate
from datakit.store import Store
from schemas.options import GenerateOptions
fixed = {"model": ("m",), "model_revision": "1", "n": 16, "engine_option": {"concurrency": 4}}
options = GenerateOptions(base_url=sys.argv[2], **fixed)
generate("prompts", options, store=Store(sys.argv[1]))
"""


def test_kill_9_loses_nothing_and_doubles_nothing(desk, server, make_desk):
    server.delay = 0.05
    moments = random.Random(5)
    for _ in range(4):
        with subprocess.Popen([sys.executable, "-c", GENERATE, desk.store.path, server.url]) as process:
            target = sum(server.asked.values()) + moments.randrange(20, 110)
            while sum(server.asked.values()) < target and process.poll() is None:
                time.sleep(0.005)
            process.kill()
        stored = candidates(desk)
        assert len({row[0] for row in stored}) == len(stored)
    killed_at = len(candidates(desk))
    assert 0 < killed_at < 320, "the kills should fall into the work"
    desk.generate(n=16)
    assert len(candidates(desk)) == 320

    unbroken = make_desk("unbroken")
    unbroken.ingest(PROMPTS, "prompts.jsonl")
    options = GenerateOptions(model=("m",), model_revision="1", n=16, base_url=server.url)
    generate("prompts", options, store=unbroken.store)
    assert candidates(unbroken) == candidates(desk)


def test_what_was_committed_is_never_drawn_again(desk, server):
    desk.generate(n=2)
    stored = {row[4].split()[-1] for row in candidates(desk)}
    desk.generate(n=4)
    assert all(server.asked[key] == 1 for key in stored)


def test_a_dropped_recipe_is_drawn_anew(desk, server):
    desk.generate(n=1)
    [recipe] = desk.sql("SELECT recipe_id::VARCHAR FROM recipes")
    drop(recipe=recipe, store=desk.store)
    assert desk.generate(n=1).counts["generated"] == 20


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        ({"temperature": (0.0,)}, ConfigError, "temperature 0"),
        ({"sampling": {"seed": 4}}, ConfigError, "option of its own"),
        ({"engine": "vlm"}, ConfigError, "did you mean 'vllm'"),
        ({"engine_option": {"concurency": 3}}, ConfigError, "did you mean 'concurrency'"),
        ({"engine_option": {"concurrency": 0}}, ConfigError, "concurrency"),
        ({"model": ("./nowhere",)}, NotFoundError, "nowhere"),
        ({"adapter": "./nowhere"}, NotFoundError, "nowhere"),
    ],
)
def test_options_that_do_not_fit_are_refused_before_anything_is_written(desk, server, options, error, says):
    with pytest.raises(error, match=says):
        desk.generate(**options)
    assert desk.sql("SELECT count(*) FROM runs WHERE stage = 'generate'") == [0]
    assert not server.bodies
