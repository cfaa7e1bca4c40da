"""A reward model behind the service: loaded once, before the first request; its outcomes are the model's own."""

import asyncio
from pathlib import Path

import httpx
import pytest

from rewards.engine import Limits
from rewards.live import Workers, batch_of
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
