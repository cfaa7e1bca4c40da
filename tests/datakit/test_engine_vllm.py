"""The vLLM engine with the real model: one load for all tests, and one process that is killed."""

import json
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from datakit.engine import Completion, Request
from datakit.engines.vllm import VLLM
from datakit.generate import generate
from datakit.recipes import recipes_of
from schemas.errors import ConfigError, NotFoundError, StoreBusyError
from schemas.options import GenerateOptions, RecipeOptions
from schemas.report import Report

pytestmark = pytest.mark.model

ROOT = Path(__file__).parents[2]
PROMPTS = [{"prompt": f"Tell me one thing about the number {number}."} for number in range(6)]


@pytest.fixture(scope="module")
def model() -> str:
    made = subprocess.run(
        [sys.executable, ROOT / "examples" / "smollm2.py"], capture_output=True, text=True, check=True
    )
    return made.stdout.strip()


@pytest.fixture(scope="module")
def engine(model: str) -> Iterator[VLLM]:
    engine = VLLM(model=model, max_model_len=1024, max_num_seqs=16)
    yield engine
    engine.close()


@pytest.fixture
def desk(desk, model, engine):
    """A store with six prompts, and `generate` with the loaded engine."""
    desk.ingest(PROMPTS, "prompts.jsonl")

    def draw(name: str = "prompts", **options: object) -> Report:
        given = GenerateOptions(**{"model": (model,), "n": 2, "max_tokens": 16, **options})
        return generate(name, given, store=desk.store, engine=engine)

    desk.generate = draw
    return desk


def candidates(desk) -> list[tuple[object, ...]]:
    return desk.sql(
        "SELECT candidate_id::VARCHAR, prompt_id::VARCHAR, sample_index, text, finish_reason, n_tokens, engine "
        "FROM candidates ORDER BY ALL"
    )


def ask(key: str, text: str, seed: int = 0) -> Request:
    return Request(key, [{"role": "user", "content": text}], None, seed)


def test_every_prompt_gets_its_samples_and_more_are_topped_up(desk):
    assert desk.generate().counts == {"prompts": 6, "generated": 12, "already there": 0, "missing": 0}
    first = candidates(desk)
    assert all(row[3].strip() and row[4] in {"stop", "length"} and 0 < row[5] <= 16 for row in first)
    assert all(row[6].startswith("vllm 0.") for row in first)
    assert len({row[3] for row in first}) > 6
    assert desk.generate(n=5).counts["generated"] == 18
    assert set(first) <= set(candidates(desk))
    assert Counter(row[1] for row in candidates(desk)).most_common()[-1][1] == 5
    assert desk.generate(n=5).run_id is None


def test_many_more_requests_than_a_step_takes_are_all_answered_once(engine):
    requests = (ask(str(number), f"Name number {number % 7}.", number) for number in range(80))
    keys = [result.key for result in engine.generate(requests, RecipeOptions(max_tokens=4))]
    assert sorted(keys, key=int) == [str(number) for number in range(80)]


def test_a_seed_gives_the_same_answer_among_the_same_requests(engine):
    requests = [ask(str(number), "Write a line about rain.", seed=number) for number in range(8)]
    first, second = ({r.key: r for r in engine.generate(requests, RecipeOptions(max_tokens=16))} for _ in range(2))
    assert first == second
    assert len({answer.text for answer in first.values()}) > 4


def test_a_seed_is_what_vllm_gives_that_sample_of_an_n_sample_request(engine):
    from vllm import SamplingParams

    ours = engine.generate(
        [ask(str(i), "Write a line about rain.", 70 + i) for i in range(4)], RecipeOptions(max_tokens=8)
    )
    texts = {int(answer.key): answer.text for answer in ours if isinstance(answer, Completion)}
    params = SamplingParams(n=4, seed=70, temperature=0.8, max_tokens=8)
    [output] = engine._llm.chat([ask("", "Write a line about rain.").messages], params, use_tqdm=False)
    assert {answer.index: answer.text for answer in output.outputs} == texts


def test_prompts_that_do_not_fit_are_in_the_ledger_and_the_others_are_answered(desk):
    desk.ingest([*PROMPTS, {"prompt": "word " * 1010}], "prompts.jsonl")
    report = desk.generate()
    assert report.counts["generated"] == 12
    assert report.reasons == {"prompt_too_long": 2}
    assert "1024" in desk.sql("SELECT detail FROM ledger")[0]


def test_stop_strings_and_greedy_decoding(engine):
    [whole] = engine.generate([ask("a", "Count to five.")], RecipeOptions(max_tokens=20, temperature=0))
    word = whole.text.split()[1]
    [cut] = engine.generate([ask("a", "Count to five.")], RecipeOptions(max_tokens=20, temperature=0, stop=(word,)))
    assert cut.text == whole.text.partition(word)[0]
    assert cut.finish_reason == "stop"


def test_a_conversation_that_cannot_be_rendered_is_refused_alone(engine):
    results = list(engine.generate([ask("bad", "half a pair: \ud83d"), ask("good", "Hi")], RecipeOptions(max_tokens=2)))
    assert {result.key: type(result).__name__ for result in results} == {"bad": "Failure", "good": "Completion"}


def test_a_lora_adapter_changes_the_answers(model, tmp_path):
    import torch
    from peft import LoraConfig, get_peft_model
    from transformers import AutoModelForCausalLM

    torch.manual_seed(1)
    base = AutoModelForCausalLM.from_pretrained(model)
    adapted = get_peft_model(base, LoraConfig(r=4, target_modules=["q_proj", "v_proj"], init_lora_weights=False))
    adapted.save_pretrained(tmp_path / "adapter")
    engine = VLLM(model=model, max_model_len=512, max_num_seqs=4)
    recipe = RecipeOptions(max_tokens=8, temperature=0, adapter=str(tmp_path / "adapter"))
    [answer] = engine.generate([ask("a", "Count to five.")], recipe)
    engine.close()
    plain = VLLM(model=model, max_model_len=512, max_num_seqs=4)
    [other] = plain.generate([ask("a", "Count to five.")], RecipeOptions(max_tokens=8, temperature=0))
    plain.close()
    assert answer.text != other.text


@pytest.mark.parametrize(
    ("engine_options", "recipe", "error", "says"),
    [
        ({"extra": {"swapspace": 4}}, {}, ConfigError, "swapspace"),
        ({}, {"sampling": {"topk": 4}}, ConfigError, "did you mean 'top_k'"),
        ({}, {"sampling": {"top_k": "x"}}, ConfigError, "sampling parameters"),
        ({"model": "nobody/nothing"}, {}, NotFoundError, "cannot load model nobody/nothing"),
        ({"max_model_len": 10**9}, {}, ConfigError, "max"),
    ],
)
def test_what_cannot_work_is_said_in_one_line(model, engine_options, recipe, error, says):
    engine = VLLM(**{"model": model, **engine_options})
    with pytest.raises(error, match=says) as caught:
        list(engine.generate([ask("a", "Hi")], RecipeOptions(**{"max_tokens": 8, **recipe})))
    assert "\n" not in str(caught.value)


def stored(desk) -> int:
    try:
        return desk.sql("SELECT count(*) FROM candidates")[0]
    except StoreBusyError:
        return 0


def test_kill_9_leaves_no_process_and_loses_nothing(desk, model):
    options = ["-n", "16", "--max-tokens", "16", "--engine-option", "max_num_seqs=8"]
    command = [sys.executable, "-m", "datakit", "generate", "prompts", "--model", model, *options]
    environment = {**os.environ, "DATAKIT_STORE": str(desk.store.path), "HF_HUB_OFFLINE": "1"}
    with subprocess.Popen(command, env=environment) as process:
        while stored(desk) < 1 and process.poll() is None:
            time.sleep(0.3)
        family = psutil.Process(process.pid).children(recursive=True)
        process.kill()
    psutil.wait_procs(family, timeout=10)
    assert not [child for child in family if child.is_running()]
    killed_at = candidates(desk)
    assert 0 < len(killed_at) < 96, "the kill should fall into the work"
    report = desk.generate(n=16)
    assert report.counts == {
        "prompts": 6,
        "generated": 96 - len(killed_at),
        "already there": len(killed_at),
        "missing": 0,
    }
    assert set(killed_at) <= set(candidates(desk))
    [recipe] = recipes_of(GenerateOptions(model=(model,), n=16, max_tokens=16))
    assert desk.sql("SELECT recipe_id::VARCHAR FROM recipes") == [recipe.recipe_id]
    assert json.loads(desk.sql("SELECT params FROM recipes")[0])["max_tokens"] == 16
