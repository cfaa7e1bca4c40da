"""A reward model behind the service: in a process of its own, loaded before the first request, started again."""

import asyncio
import os
import signal
import subprocess
import sys
import threading
import time
from contextlib import contextmanager, suppress
from pathlib import Path

import httpx
import pytest

from rewards.dialects import trl
from rewards.engine import Limits
from rewards.live import Workers, batch_of
from rewards.model_process import ModelProcess
from rewards.service import create_app
from rewards.spec import load_reward
from schemas.errors import ConfigError
from schemas.options import RewardOptions
from schemas.service import ServeOptions

pytestmark = pytest.mark.filterwarnings("default")  # warnings of torch and transformers

ANSWERS = ["red", "green and blue", "one two three", "no", "the cat is yes", "的猫"]


@pytest.fixture(scope="module")
def spec(tiny, tmp_path_factory) -> Path:
    """A reward of a model with one output, whose head is drawn at random."""
    import torch
    from transformers import AutoConfig, AutoModelForSequenceClassification, AutoTokenizer

    folder = tmp_path_factory.mktemp("served")
    torch.manual_seed(1)
    model = AutoModelForSequenceClassification.from_config(AutoConfig.from_pretrained(tiny, num_labels=1))
    model.save_pretrained(folder / "rm")
    AutoTokenizer.from_pretrained(tiny).save_pretrained(folder / "rm")
    (folder / "reward.yaml").write_text("models: {rm: rm}\nscorers:\n  - {rule: rm}\n")
    return folder / "reward.yaml"


def test_every_answer_gets_the_models_output_and_the_model_is_loaded_once(spec):
    reward = load_reward(RewardOptions(reward=spec))
    app = create_app(reward, ServeOptions(workers=1, lanes=4))

    async def ask() -> list[dict]:
        transport = httpx.ASGITransport(app)
        async with (
            app.router.lifespan_context(app),
            httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1", timeout=60) as client,
        ):
            assert "datakit_lanes_free 1.0" in (await client.get("/metrics")).text
            bodies = [{"items": [{"prompt": "say a word", "completion": answer}]} for answer in ANSWERS]
            found = await asyncio.gather(*(client.post("/v1/rewards", json=body) for body in bodies))
            return [response.json()["items"][0] for response in found]

    found = asyncio.run(ask())
    (scorer,) = reward.scorers
    batch = batch_of(["say a word"] * len(ANSWERS), ANSWERS, {}, n_tokens=None, caller="the test")
    wanted = [outcome.value for outcome in Workers(Limits(workers=1)).judge(scorer, batch.table(scorer))]
    assert [item["reward"] for item in found] == pytest.approx(wanted, abs=1e-5)
    assert len(set(wanted)) == len(ANSWERS)
    assert {item["outcomes"][scorer.name]["status"] for item in found} == {"ok"}


def children(pid: int) -> list[int]:
    """The model processes of a process."""
    tasks = Path(f"/proc/{pid}/task").glob("*/children")
    found = [int(child) for task in tasks for child in task.read_text().split()]
    return [child for child in found if b"model_worker" in Path(f"/proc/{child}/cmdline").read_bytes()]


@pytest.fixture(scope="module")
def models(spec):
    """The spec's scorer, a table of the answers, and the models in a process."""
    (scorer,) = load_reward(RewardOptions(reward=spec)).scorers
    batch = batch_of(["say a word"] * len(ANSWERS), ANSWERS, {}, n_tokens=None, caller="the test")
    running = ModelProcess(patience=20)
    yield running, scorer, batch.table(scorer)
    running.close()


def statuses(models) -> tuple[list[str], str]:
    """The outcomes' statuses in the order of the rows, and the last reason."""
    running, scorer, table = models
    found = {}
    for block in running.judge(scorer, table):
        columns = (block.rows, block.status, block.reason)
        for row, status, reason in zip(*(column.to_pylist() for column in columns), strict=True):
            found[row] = (status, reason)
    assert sorted(found) == list(range(len(ANSWERS)))
    return [found[row][0] for row in sorted(found)], found[0][1]


def only_child() -> int:
    """This process's one model process, as soon as there is one."""
    deadline = time.monotonic() + 20
    while not (found := children(os.getpid())):
        assert time.monotonic() < deadline
        time.sleep(0.02)
    (child,) = found
    return child


def kill(times: int) -> None:
    """Kill the model process, and those that are started in its place."""
    for _ in range(times):
        child = only_child()
        os.kill(child, signal.SIGKILL)
        wait_for_end(child)


def test_a_model_process_that_dies_or_hangs_costs_at_most_its_own_rows_and_is_started_again(models):
    running = models[0]
    assert statuses(models) == (["ok"] * 6, "")
    kill(1)  # between two batches
    assert statuses(models) == (["ok"] * 6, "")

    os.kill(only_child(), signal.SIGSTOP)
    killer = threading.Thread(target=kill, args=[2])
    killer.start()
    found, reason = statuses(models)
    killer.join()
    assert found == ["error"] * 6
    assert reason == "the reward model's process died (signal SIGKILL)"

    assert statuses(models) == (["ok"] * 6, "")
    os.kill(only_child(), signal.SIGSTOP)
    running._patience = 0.2
    found, reason = statuses(models)
    assert found == ["timeout"] * 6
    assert reason == "the reward model took more than 0.2 s for a batch"
    assert not children(os.getpid())


def wait_for_end(pid: int) -> None:
    """Until a process is gone, or waits for its parent to take note."""
    deadline = time.monotonic() + 20
    with suppress(FileNotFoundError, ProcessLookupError):
        while Path(f"/proc/{pid}/cmdline").read_bytes():
            assert time.monotonic() < deadline
            time.sleep(0.02)


@contextmanager
def serving(spec):
    """`datakit serve` as a process, and its address."""
    command = [Path(sys.executable).parent / "datakit", "serve", "--reward", spec, "--port", "0", "--workers", "1"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True)
    try:
        line = process.stderr.readline()
        assert line.startswith("serving"), line
        yield process, line.split()[-1]
    finally:
        process.kill()
        process.communicate()


def test_the_service_goes_on_when_its_model_is_killed_and_leaves_none_behind(spec):
    body = {"items": [{"prompt": "say a word", "completion": answer} for answer in ANSWERS]}
    with serving(spec) as (process, url):
        first = httpx.post(f"{url}/v1/rewards", json=body, timeout=60).json()["items"]
        assert all(item["reward"] is not None for item in first)
        (child,) = children(process.pid)
        os.kill(child, signal.SIGKILL)
        body["items"].append({"prompt": "say a word", "completion": "yes"})
        again = httpx.post(f"{url}/v1/rewards", json=body, timeout=60).json()["items"]
        assert [item["reward"] for item in again[:-1]] == [item["reward"] for item in first]
        assert again[-1]["reward"] is not None
        (child,) = children(process.pid)
        process.kill()
        process.wait()
        wait_for_end(child)


@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
def test_grpo_trains_on_the_reward_of_a_running_service(tiny, tmp_path):
    from datasets import Dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer
    from trl import GRPOConfig, GRPOTrainer

    (tmp_path / "rules.py").write_text(
        "from rewards import rule\n\n@rule\ndef share(completion: str, wanted: str) -> float:\n"
        "    return completion.count(wanted) / len(completion) if completion else None\n"
    )
    (tmp_path / "reward.yaml").write_text("rules: rules.py\nscorers:\n  - {rule: share}\n")
    arguments = GRPOConfig(
        output_dir=str(tmp_path / "out"),
        use_cpu=True,
        bf16=False,
        report_to="none",
        per_device_train_batch_size=8,
        num_generations=8,
        max_completion_length=4,
        learning_rate=2e-2,
        max_steps=16,
        logging_steps=1,
        save_strategy="no",
        disable_tqdm=True,
    )
    turns = [[{"role": "user", "content": "say a word"}]] * 4
    with serving(tmp_path / "reward.yaml") as (_, url):
        trainer = GRPOTrainer(
            model=AutoModelForCausalLM.from_pretrained(tiny),
            reward_funcs=trl(url),
            args=arguments,
            train_dataset=Dataset.from_dict({"prompt": turns, "wanted": ["e"] * 4}),
            processing_class=AutoTokenizer.from_pretrained(tiny),
        )
        trainer.train()
    seen = [entry for entry in trainer.state.log_history if "rewards/reward/mean" in entry]
    assert len(seen) == 16
    assert all(entry["scorers/share/failed"] == 0 for entry in seen)
    means = [entry["rewards/reward/mean"] for entry in seen]
    assert sum(means[-4:]) > 1.5 * sum(means[:4]) > 0


def test_a_model_that_cannot_be_loaded_stops_the_service_before_its_first_request(spec, tiny):
    reward = load_reward(RewardOptions(reward=spec))
    weights = spec.parent / "rm" / "model.safetensors"
    weights.write_bytes((tiny / "model.safetensors").read_bytes())  # a language model's, without a head of scores
    app = create_app(reward, ServeOptions(workers=1))

    async def start() -> None:
        async with app.router.lifespan_context(app):
            raise AssertionError("it started")

    with pytest.raises(ConfigError):
        asyncio.run(start())
    assert not app.state.service._lanes
