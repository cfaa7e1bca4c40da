"""A reward with a rule for every way to behave, and its service: without a socket, and as a process."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, AbstractContextManager, asynccontextmanager, contextmanager
from pathlib import Path

import httpx
import pytest

from rewards.service import create_app
from rewards.spec import Reward, load_reward
from schemas.options import RewardOptions
from schemas.service import ServeOptions

RULES = '''
"""Rules of the tests; this sentence must not leave the service."""
import os, signal, time
from rewards import Verdict, rule

@rule
def behaves(completion: str) -> Verdict | None:
    """A secret of the operator: hunter2."""
    word, _, rest = completion.partition(" ")
    if word == "sleep":
        time.sleep(float(rest))
    if word == "die":
        os.kill(os.getpid(), signal.SIGKILL)
    if word == "raise":
        raise ValueError(rest)
    if word == "skip":
        return None
    return Verdict(len(completion) / 100, f"{len(completion)} characters")

@rule
def mentions(completion: str, answer: str) -> bool:
    return answer in completion

@rule
def calls(prompts, completions, **columns):
    """Twenty milliseconds a call, whatever the batch; says how large that was."""
    time.sleep(0.02)
    return [float(len(completions))] * len(completions)
'''

Serving = Callable[..., AbstractContextManager[tuple[subprocess.Popen[str], str]]]
Served = Callable[..., AbstractAsyncContextManager[httpx.AsyncClient]]


@pytest.fixture(scope="session")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="session")
def reward_of(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Reward]:
    """A reward with some of the rules."""
    folder = tmp_path_factory.mktemp("service")
    (folder / "service_rules.py").write_text(RULES)

    def made(*names: str, more: str = "") -> Reward:
        path = folder / "served.yaml"
        scorers = "".join(f"  - {{rule: {name}}}\n" for name in names)
        path.write_text(f"name: served\nrules: service_rules.py\n{more}scorers:\n{scorers}")
        return load_reward(RewardOptions(reward=path))

    return made


@pytest.fixture(scope="session")
def served() -> Served:
    """A client of a service that is running; `client.app` is the service's app."""

    @asynccontextmanager
    async def serve(
        reward: Reward, *, token: str | None = None, **settings: object
    ) -> AsyncIterator[httpx.AsyncClient]:
        app = create_app(reward, ServeOptions.model_validate({"workers": 1, **settings}), token=token)
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=30) as client,
        ):
            client.app = app  # type: ignore[attr-defined]
            yield client

    return serve


@pytest.fixture(scope="session")
async def client(served: Served, reward_of: Callable[..., Reward]) -> AsyncIterator[httpx.AsyncClient]:
    """Of a service whose one scorer does what the completion says."""
    limits = {"max_items": 64, "max_chars": 20_000, "max_body_mb": 0.25}
    async with served(reward_of("behaves"), timeout=0.5, answer_after="<|im_start|>assistant", **limits) as client:
        yield client


@pytest.fixture(scope="session")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Serving:
    """`datakit serve` of the rule `behaves`, with further options: the process, and its address."""
    folder = tmp_path_factory.mktemp("serving")
    (folder / "rules.py").write_text(RULES)
    (folder / "served.yaml").write_text("name: served\nrules: rules.py\nscorers:\n  - {rule: behaves}\n")

    @contextmanager
    def serve(*options: str, token: str = "") -> Iterator[tuple[subprocess.Popen[str], str]]:
        spec = folder / "served.yaml"
        command = [Path(sys.executable).parent / "datakit", "serve", "--reward", spec, "--port", "0", "--workers", "1"]
        process = subprocess.Popen(
            [*command, *options],
            env={**os.environ, "DATAKIT_TOKEN": token},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )
        try:
            line = process.stderr.readline()
            assert line.startswith("serving served on http://127.0.0.1:"), line + process.stderr.read()
            yield process, line.split()[-1]
        finally:
            process.kill()
            process.communicate()

    return serve
