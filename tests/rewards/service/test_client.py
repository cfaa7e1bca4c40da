"""The client: a reward behind an address, as if it were here."""

import asyncio
import pickle
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from rewards.client import RewardClient
from rewards.dialects import trl, verl
from schemas.errors import ConfigError, NoRewardError, ServiceError
from schemas.service import RewardItem

TOKEN = "a token of the tests"


@pytest.fixture(scope="module")
def url(serving):
    with serving("--timeout", "0.5", token=TOKEN) as (_, address):
        yield address


def items(*texts):
    return [RewardItem(id=place, completion=text) for place, text in enumerate(texts)]


def test_results_come_in_order_whatever_the_batches_and_failures_are_their_own_items(url):
    texts = ["abc", "raise trouble", "skip", "", "sleep 9", "x" * 40]
    for size in (1, 4, 256):
        client = RewardClient(url, token=TOKEN, batch=size)
        results = client.score(items(*texts))
        assert [result.id for result in results] == [0, 1, 2, 3, 4, 5]
        assert [result.reward for result in results] == [0.03, None, None, 0.0, None, 0.4]
        assert [result.outcomes["behaves"].status for result in results] == [
            "ok",
            "error",
            "skip",
            "ok",
            "timeout",
            "ok",
        ]
        assert asyncio.run(aside(client, *texts)) == [result.reward for result in results]
        client.close()


async def aside(client, *texts):
    found = await client.score_async(items(*texts))
    await client.aclose()
    return [result.reward for result in found]


def test_nothing_is_sent_for_no_items(url):
    assert RewardClient(url).score([]) == []


def test_the_token_comes_from_the_environment_too(url, monkeypatch):
    monkeypatch.setenv("DATAKIT_TOKEN", TOKEN)
    assert RewardClient(url).score(items("ab"))[0].reward == 0.02
    monkeypatch.setenv("DATAKIT_TOKEN", "wrong")
    with pytest.raises(ServiceError, match="HTTP 401"):
        RewardClient(url).score(items("ab"))


def test_a_trainer_uses_a_remote_reward_in_one_line(url, monkeypatch):
    monkeypatch.setenv("DATAKIT_TOKEN", TOKEN)
    for judge in (trl(url), pickle.loads(pickle.dumps(trl(RewardClient(url))))):
        found = judge(prompts=["p"] * 3, completions=["abc", "raise x", "skip"], note=[1, 2, 3], trainer_state=None)
        assert found == [0.03, None, None]
    said = [[{"role": "assistant", "content": "abcd"}]]
    assert trl(url)(prompts=[[{"role": "user", "content": "p"}]], completions=said) == [0.04]
    score = verl(url)
    assert score("gsm8k", "abc", "3") == {"score": 0.03, "behaves": 0.03}
    with pytest.raises(NoRewardError, match="failed_scorer; behaves: error: ValueError: x"):
        score("gsm8k", "raise x", "3")


def test_half_a_surrogate_pair_is_a_question_mark(url):
    assert RewardClient(url, token=TOKEN).score(items("a\ud800"))[0].reward == 0.02


@pytest.mark.parametrize("address", ["127.0.0.1:8000", "ftp://x", "http://", "reward.yaml", "http://x:y"])
def test_what_is_no_address_is_refused(address):
    with pytest.raises(ConfigError, match="no address of a reward service"):
        RewardClient(address)


class Answers:
    """A server that answers each request with the next of a list, over a real socket."""

    def __init__(self, *answers):
        self.left, self.asked = list(answers), 0

    def __enter__(self):
        outer = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self):
                self.rfile.read(int(self.headers["content-length"]))
                status, headers, body = outer.left[min(outer.asked, len(outer.left) - 1)]
                outer.asked += 1
                self.send_response(status)
                for name, value in {**headers, "Content-Length": len(body)}.items():
                    self.send_header(name, str(value))
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_):
                pass

        self.server = HTTPServer(("127.0.0.1", 0), Handler)
        self.thread = threading.Thread(target=self.server.serve_forever)
        self.thread.start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        return self

    def __exit__(self, *_):
        self.server.shutdown()
        self.thread.join()
        self.server.server_close()


ONE = b'{"reward":"r","items":[{"reward":1.0}],"versions":{"reward_id":"","scorers":{}},"timings":{}}'
BUSY = (429, {"Retry-After": "0.01"}, b'{"error":{"kind":"too_busy","message":"wait"}}')


def test_a_busy_service_is_asked_again():
    with Answers(BUSY, (503, {}, b"stopping"), (200, {}, ONE)) as server:
        assert RewardClient(server.url).score(items("a"))[0].reward == 1.0
        assert server.asked == 3


def test_after_the_last_try_the_error_says_what_the_service_said():
    with Answers(BUSY) as server, pytest.raises(ServiceError, match=r"HTTP 429: wait \(after 2 tries\)"):
        RewardClient(server.url, retries=1).score(items("a"))
    with pytest.raises(ServiceError, match=r"ConnectError.*is `datakit serve` running there\?"):
        RewardClient(server.url, retries=0).score(items("a"))


@pytest.mark.parametrize("body", [b"hello", b"{}", ONE.replace(b'{"reward":1.0}', b"")])
def test_an_answer_that_is_no_services_is_an_error_and_no_reward(body):
    with Answers((200, {}, body)) as server, pytest.raises(ServiceError, match=r"is not a reward service's|0 results"):
        RewardClient(server.url, retries=0).score(items("a"))
