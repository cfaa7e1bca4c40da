"""What tests of several packages need: a chat server that misbehaves on demand."""

import json
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from hypothesis import settings

settings.register_profile("datakit", deadline=None)  # a busy machine is no defect
settings.load_profile("datakit")


class ChatServer(ThreadingHTTPServer):
    """Speaks OpenAI's chat completions; what it says to a request (its body and number, from 1) is `reply`."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.bodies: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.lock = threading.Lock()
        self.reply: Callable[[dict[str, Any], int], tuple[int, object]] = lambda body, number: (200, "hello")

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/v1"


class _Handler(BaseHTTPRequestHandler):
    server: ChatServer
    protocol_version = "HTTP/1.1"

    def do_POST(self) -> None:
        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        with self.server.lock:
            self.server.bodies.append(body)
            self.server.headers.append(dict(self.headers))
            number = len(self.server.bodies)
        status, said = self.server.reply(body, number)
        if status == 200:
            choice = {"index": 0, "message": {"role": "assistant", "content": said}, "finish_reason": "stop"}
            answer: object = {"choices": [choice], "usage": {"prompt_tokens": 100, "completion_tokens": 20}}
        else:
            answer = {"error": {"message": said}}
        data = json.dumps(answer).encode()
        try:
            self.send_response(status)
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)
        except OSError:
            self.close_connection = True

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def chat_server(tmp_path: Any, monkeypatch: pytest.MonkeyPatch) -> Iterator[ChatServer]:
    """A server, and a cache of replies of the test's own."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    server = ChatServer()
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()
