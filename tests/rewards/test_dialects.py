"""The literal calls of trainers (INTEROP), in Python: what each dialect makes of them, and of what has no reward."""

import asyncio
import inspect
import math
import pickle
from types import SimpleNamespace

import numpy as np
import pytest

from rewards import Verdict, rule
from rewards.dialects import openrlhf, swift, verifiers, verl
from rewards.spec import RewardSpec, ScorerEntry, reward_of
from schemas.errors import ConfigError, InputError, NoRewardError
from schemas.service import DialectOptions

ZERO = DialectOptions(on_skip=0.25, on_error=-1.0)


@rule
def right(completion: str, answer: str) -> Verdict | None:
    match completion:
        case "raise":
            raise ValueError("a mistake")
        case "skip":
            return None
    return Verdict(completion == answer, f"is {completion!r}, should be {answer!r}")


@rule
def asked(completion: str, prompt: str, label: str) -> bool:
    return (completion, prompt, label) == ("42", "6 x 7?", "42")


@rule
def long_enough(completion: str, n_tokens: int, finish_reason: str, level: int) -> bool:
    return n_tokens >= level and finish_reason == "stop"


PROMPT = "<|im_start|>user\n6 x 7?<|im_end|>\n<|im_start|>assistant\n"


# OpenRLHF: reward_func(queries, prompts, labels), positionally, one sample a call


def test_openrlhf_gets_rewards_scores_and_logs_of_the_answer_without_its_special_tokens():
    reward = openrlhf(right, options=DialectOptions(label="answer"))
    assert reward([PROMPT + "42<|im_end|>"], [PROMPT], ["42"]) == {
        "rewards": [1.0],
        "scores": [1.0],
        "extra_logs": {"right": [1.0]},
    }
    assert pickle.loads(pickle.dumps(reward))([PROMPT + "41"], [PROMPT], ["42"])["rewards"] == [0.0]
    assert reward([], [], []) == {"rewards": [], "scores": [], "extra_logs": {}}


@pytest.mark.parametrize(
    ("query", "prompt"),
    [
        ("<s>6 x 7? 42</s>", "6 x 7? "),  # a tokenizer that puts a token before the prompt
        ("6 x 7? 42</s><pad><pad>", "<s>6 x 7? "),
        ("6 x 7? 42<|im_end|><|endoftext|>", "6 x 7? "),
        ("<|begin_of_text|>6 x 7? 42<|eot_id|>", "<|begin_of_text|>6 x 7? "),
    ],
)
def test_special_tokens_are_taken_off_the_ends_as_whole_tokens(query, prompt):
    options = DialectOptions(label="answer")
    assert openrlhf(right, options=options)([query], [prompt], ["42"])["rewards"] == [1.0]


def test_special_tokens_are_no_set_of_characters_and_stay_within_an_answer():
    seen = []

    def sees(completion: str) -> float:
        return len(completion)

    reward = openrlhf(sees, options=DialectOptions(special_token=("<END>",)))
    for answer in ("less</s>", "a</s>b</s>", "s<END>"):
        seen += reward(["p" + answer], ["p"], [None])["rewards"]
    assert seen == [4, 6, 1]


def test_a_label_that_is_an_object_is_the_columns():
    for label in ('{"answer": "42", "level": 1}', {"answer": "42"}):
        assert openrlhf(right)([PROMPT + "42"], [PROMPT], [label])["rewards"] == [1.0]
    assert openrlhf(asked)(["6 x 7?42"], ["6 x 7?"], ["42"])["rewards"] == [1.0]
    numpy_label = np.array(["42"])
    assert openrlhf(asked)(["6 x 7?42"], ["6 x 7?"], numpy_label)["rewards"] == [1.0]


def test_a_prompt_that_was_cut_at_its_beginning_is_still_no_part_of_the_answer():
    prompt = "What is the product of six and seven? Answer:"
    reward = openrlhf(right, options=DialectOptions(label="answer"))
    assert reward(["of six and seven? Answer:42</s>"], [prompt], ["42"])["rewards"] == [1.0]
    with pytest.raises(InputError, match="does not begin with its prompt"):
        reward(["Of six and eight? Answer:42</s>"], [prompt], ["42"])


def test_a_query_of_another_prompt_and_lists_of_other_lengths_are_refused():
    with pytest.raises(InputError, match="does not begin with its prompt"):
        openrlhf(right)(["6 x 8? 48"], ["6 x 7?"], ["42"])
    with pytest.raises(InputError, match="2 queries, 1 prompts and 1 labels"):
        openrlhf(right)(["a", "b"], ["a"], ["1"])


# verl: compute_score(data_source, solution_str, ground_truth, extra_info=None, **reward_kwargs)


def test_verl_gets_a_score_and_the_same_names_every_time():
    score = verl(right, options=ZERO.model_copy(update={"label": "answer"}))
    found = score(
        data_source="openai/gsm8k", solution_str="42", ground_truth="42", extra_info={"num_turns": 1, "split": "train"}
    )
    assert found == {"score": 1.0, "right": 1.0}
    failed = score(data_source="gsm8k", solution_str="raise", ground_truth="42", reward_router_address=None)
    assert failed["score"] == -1.0
    assert math.isnan(failed["right"])
    assert score("gsm8k", "skip", "42")["score"] == 0.25


def test_verl_rules_find_prompt_ground_truth_and_extra_info():
    @rule
    def all_of_it(completion: str, prompt: str, ground_truth: str, data_source: str, index: int) -> bool:
        return (prompt, ground_truth, data_source, index) == ("6 x 7?", "42", "gsm8k", 7)

    for prompt in (
        "6 x 7?",
        [{"role": "user", "content": "6 x 7?"}],
        np.array([{"role": "user", "content": "6 x 7?"}]),
    ):
        extra = {"prompt": prompt, "index": np.int64(7), "rollout_reward_scores": {}}
        assert verl(all_of_it)("gsm8k", "x", "42", extra)["score"] == 1.0


# ms-swift: class X(ORM), called with texts and columns, or with requests


def test_swift_trains_with_texts_and_columns_and_masks_what_has_no_reward():
    kind = swift(right)
    assert inspect.isclass(kind)
    reward = kind(args=SimpleNamespace(cosine_max_len=1))
    messages = [[{"role": "user", "content": "6 x 7?"}, {"role": "assistant", "content": "x"}]] * 4
    given = {"answer": ["42"] * 4, "messages": messages, "trainer_state": None, "request_id": ["a"] * 4}
    found = reward(["42", "41", "raise", "skip"], is_truncated=[False] * 4, prompt_id=["p"] * 4, **given)
    assert found == [1.0, 0.0, None, None]


def test_swift_tells_rules_the_prompt_the_tokens_and_why_the_answer_ended():
    messages = [[{"role": "user", "content": "6 x 7?"}, {"role": "assistant", "content": "42"}]]
    told = {"messages": messages, "response_token_ids": [[1, 2, 3]], "finish_reason": ["stop"], "level": [3]}
    assert swift(long_enough)()(["42"], **told) == [1.0]
    assert swift(asked)()(["42"], messages=messages, label=["42"]) == [1.0]


def test_swift_samples_with_requests_and_ground_truths_and_needs_numbers():
    requests = [
        {"messages": [{"role": "user", "content": "6 x 7?"}, {"role": "assistant", "content": said}]}
        for said in ("42", "41", "raise")
    ]
    options = ZERO.model_copy(update={"label": "answer"})
    reward = swift(right, options=options)()
    assert "ground_truths" in inspect.signature(reward.__call__).parameters  # ms-swift looks for the name
    assert reward(requests, request_config=None, ground_truths=["42"] * 3) == [1.0, 0.0, -1.0]
    objects = [SimpleNamespace(**request) for request in requests]
    assert reward(objects, ground_truths=["42"] * 3) == [1.0, 0.0, -1.0]
    with pytest.raises(NoRewardError, match="on_error can say"):
        swift(right, options=DialectOptions(label="answer"))()(requests, ground_truths=["42"] * 3)
    with pytest.raises(InputError, match="no messages of which the last is the assistant's"):
        reward([{"messages": [{"role": "user", "content": "?"}]}])


# verifiers: only the names in the signature are passed


def test_verifiers_passes_what_the_signature_names():
    reward = verifiers(right, options=ZERO)
    assert set(inspect.signature(reward).parameters) <= {"prompt", "completion", "answer", "state", "info", "task"}
    prompt = [{"role": "user", "content": "6 x 7?"}]
    for said in ("42", [{"role": "assistant", "content": "42"}]):
        assert reward(prompt=prompt, completion=said, answer="42", info={"level": 1}) == 1.0
    assert [reward(prompt, said, "42") for said in ("raise", "skip")] == [-1.0, 0.25]


def test_verifiers_knows_a_group_by_its_plural_names_and_gets_a_list():
    group = verifiers(right, options=ZERO, group=True)
    assert {"prompts", "completions", "answers"} <= set(inspect.signature(group).parameters)
    assert group(prompts=["p"] * 3, completions=["42", "41", "skip"], answers=["42"] * 3) == [1.0, 0.0, 0.25]


def test_verifiers_needs_a_word_for_what_it_would_make_a_zero_of():
    with pytest.raises(ConfigError, match=r"makes 0\.0 of every exception"):
        verifiers(right, options=DialectOptions(on_skip=0.0))


# every dialect


@pytest.mark.parametrize("dialect", [openrlhf, verl, swift])
def test_a_reward_that_needs_the_group_is_refused_with_the_trainers_own_setting(dialect):
    spec = RewardSpec(scorers=(ScorerEntry(rule="is_json"),), normalise="zscore")
    with pytest.raises(ConfigError, match=r"leave it out of the spec and set \w+"):
        dialect(reward_of(spec))


def test_no_failure_is_a_zero_unless_somebody_says_so():
    calls = (
        lambda said: verl(right)("d", said, "42"),
        lambda said: openrlhf(right, options=DialectOptions(label="answer"))(["p" + said], ["p"], ["42"]),
    )
    for call in calls:
        for said in ("raise", "skip"):
            with pytest.raises(NoRewardError, match="no reward"):
                call(said)


def test_many_threads_share_one_reward():
    score = verl(right, options=DialectOptions(label="answer"))

    async def at_once():
        calls = (asyncio.to_thread(score, "d", str(number % 2), "1") for number in range(32))
        return [found["score"] for found in await asyncio.gather(*calls)]

    assert asyncio.run(at_once()) == [0.0, 1.0] * 16
