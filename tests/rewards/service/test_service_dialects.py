"""The literal payloads of trainers (INTEROP) over HTTP, and what each is told of an answer without a reward."""

import pytest

pytestmark = pytest.mark.anyio

CHAT = "<|im_start|>user\n6 x 7?<|im_end|>\n<|im_start|>assistant\n"


@pytest.fixture(scope="module")
async def trainer(served, reward_of):
    """A client of a service that knows where answers begin, but not what a failure counts as."""
    async with served(
        reward_of("behaves"), answer_after="<|im_start|>assistant", label="answer", timeout=0.5
    ) as client:
        yield client


@pytest.fixture(scope="module")
async def lenient(served, reward_of):
    """Of one that counts what has no reward."""
    async with served(reward_of("mentions"), label="answer", on_skip=0.25, on_error=-1) as client:
        yield client


async def said(client, path, body):
    response = await client.post(path, json=body)
    assert response.status_code == 200, response.text
    return response.json()


async def test_openrlhf_gets_one_reward_for_each_query(trainer):
    body = {"query": [CHAT + "abc<|im_end|>"], "prompts": [CHAT], "labels": ["42"]}
    assert await said(trainer, "/get_reward", body) == {
        "rewards": [0.03],
        "scores": [0.03],
        "extra_logs": {"behaves": [0.03]},
    }


async def test_openrlhfs_other_servers_get_empty_lists_and_answer_so(trainer):
    empty = {"query": [], "prompts": [], "labels": []}
    assert await said(trainer, "/get_reward", empty) == {"rewards": [], "scores": [], "extra_logs": {}}


async def test_openrlhf_gets_what_the_user_configured_for_a_failure_and_nan_in_its_log(lenient):
    labels = ["42", None, {"answer": "42"}, '{"answer": "43"}', {"level": 1}]
    bodies = [{"query": ["p42"], "prompts": ["p"], "labels": [label]} for label in labels]
    found = [await said(lenient, "/get_reward", body) for body in bodies]
    assert [one["rewards"] for one in found] == [[1.0], [0.25], [1.0], [0.0], [-1.0]]
    assert str(found[1]["extra_logs"]["mentions"][0]) == "nan"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/get_reward", {"query": ["praise it"], "prompts": ["p"], "labels": [None]}),
        ("/slime", {"prompt": "p", "response": "raise it", "label": None}),
        ("/slime/scores", {"prompt": "p", "response": "sleep 9", "label": None}),
        ("/v1/score/evaluation", {"model": "model", "messages": [CHAT + "raise it"]}),
        ("/classify", {"model": "m", "input": CHAT + "skip", "use_activation": False}),
    ],
)
async def test_a_failure_is_a_5xx_with_its_reason_where_a_trainer_has_no_word_for_it(trainer, path, body):
    response = await trainer.post(path, json=body)
    assert response.status_code == 502
    assert response.json()["error"]["kind"] == "no_reward"
    assert "can say what that counts as" in response.json()["error"]["message"]


async def test_slimes_body_is_the_reward(trainer, lenient):
    asked = {"prompt": "6 x 7?", "response": "it is 42<|im_end|>", "label": "42"}
    assert await said(trainer, "/slime", asked) == 0.08
    assert await said(lenient, "/slime", asked) == 1.0
    turns = {**asked, "prompt": [{"role": "user", "content": "6 x 7?"}], "label": '{"answer": "43"}'}
    assert await said(lenient, "/slime", turns) == 0.0
    assert await said(lenient, "/slime/scores", asked) == {"mentions": 1.0, "reward": 1.0}
    assert await said(lenient, "/slime/scores", {**asked, "label": None}) == {"mentions": None, "reward": 0.25}


async def test_llamafactory_gets_scores_of_what_follows_the_prompt(trainer):
    body = {"model": "model", "messages": [CHAT + "abc<|im_end|>", CHAT + "abcd"]}
    found = await said(trainer, "/v1/score/evaluation", body)
    assert (found["object"], found["model"], found["scores"]) == ("score.evaluation", "model", [0.03, 0.04])
    assert (await said(trainer, "/v1/score/evaluation", {**body, "messages": []}))["scores"] == []


async def test_verls_reward_loop_reads_the_last_probability(trainer):
    body = {"model": "m", "input": CHAT + "abc<|im_end|>\n", "use_activation": False}
    assert (await said(trainer, "/classify", body))["data"][-1]["probs"][-1] == 0.14
    body["input"] = CHAT + "abc<|im_end|>"
    assert (await said(trainer, "/classify", body))["data"][-1]["probs"][-1] == 0.03


async def test_a_text_in_which_no_answer_can_be_found_is_refused_with_the_option(trainer, lenient):
    body = {"model": "m", "messages": ["6 x 7? 42"]}
    response = await trainer.post("/v1/score/evaluation", json=body)
    assert response.status_code == 422
    assert "does not have '<|im_start|>assistant'" in response.text
    response = await lenient.post("/v1/score/evaluation", json=body)
    assert response.status_code == 422
    assert "--answer-after" in response.text


async def test_a_query_of_another_prompt_is_refused(trainer):
    response = await trainer.post("/get_reward", json={"query": ["a"], "prompts": ["b"], "labels": ["c"]})
    assert response.status_code == 422
    assert "does not begin with its prompt" in response.text


# NeMo-Gym: the row's own fields, what was asked, what was answered


def rollout(text, **fields):
    message = {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}
    return {
        "answer": "42",
        "uuid": "a-1",
        "responses_create_params": {"input": [{"role": "user", "content": "6 x 7?"}], "temperature": 1.0},
        "response": {"id": "r", "object": "response", "model": "policy", "status": "completed", "output": [message]},
        **fields,
    }


async def test_nemo_gym_gets_its_own_fields_back_with_the_reward(lenient):
    asked = rollout("it is 42")
    found = await said(lenient, "/verify", asked)
    assert {name: found[name] for name in asked} == asked
    assert (found["reward"], found["mask_sample"], found["failure_kind"]) == (1.0, False, None)
    assert found["reward_components"] == {"mentions": 1.0}


@pytest.mark.parametrize(("text", "kind"), [("raise it", "error"), ("sleep 9", "timeout"), ("skip", "skip")])
async def test_nemo_gym_masks_what_has_no_reward_and_says_why(trainer, text, kind):
    found = await said(trainer, "/verify", rollout(text))
    assert (found["mask_sample"], found["failure_kind"]) == (True, kind)
    assert found["failure_reason"]
    assert found["reward_components"] == {}


async def test_nemo_gyms_responses_become_what_rules_read(served, reward_of, tmp_path):
    (tmp_path / "gym.py").write_text(
        "from rewards import rule\n\n@rule\ndef sees(completion: str, prompt: str, reasoning: str, messages: list, "
        "finish_reason: str, n_tokens: int, model: str, level: int) -> bool:\n"
        "    return (completion, prompt, reasoning, [m['role'] for m in messages], finish_reason, n_tokens, model, "
        "level) == ('42', 'well?', 'hm', ['system', 'user', 'assistant', 'tool', 'user'], 'length', 9, 'policy', 3)\n"
    )
    from rewards.spec import load_reward
    from schemas.options import RewardOptions

    asked = rollout("42", level=3)
    asked["responses_create_params"] = {
        "instructions": "Be brief.",
        "input": [
            {"role": "user", "content": [{"type": "input_text", "text": "6 x 7?"}]},
            {"type": "function_call", "call_id": "c", "name": "calc", "arguments": "{}"},
            {"type": "function_call_output", "call_id": "c", "output": "42"},
            {"role": "user", "content": "well?"},
        ],
    }
    thought = {"type": "reasoning", "summary": [{"type": "summary_text", "text": "hm"}]}
    asked["response"]["output"].insert(0, thought)
    asked["response"] |= {
        "status": "incomplete",
        "incomplete_details": {"reason": "max_output_tokens"},
        "usage": {"output_tokens": 9},
    }
    async with served(load_reward(RewardOptions(rules=(tmp_path / "gym.py",)))) as client:
        assert (await said(client, "/verify", asked))["reward"] == 1.0


async def test_nemo_gyms_sessions_begin_and_end(trainer):
    assert await said(trainer, "/seed_session", {"verifier_metadata": {}}) == {}
    assert await said(trainer, "/close_session", {}) == {}
