"""The transformers engine, on a tiny Llama that the test builds."""

from pathlib import Path

import pytest

from datakit.engine import Completion, Failure, Request
from datakit.engines.transformers import Transformers
from schemas.errors import ConfigError, NotFoundError
from schemas.options import RecipeOptions

TEMPLATE = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('no system turns') }}{% endif %}"
    "{{ m.role }}: {{ m.content }}{% for c in m.tool_calls or [] %}{{ c.function.arguments.city }}{% endfor %}\n"
    "{% endfor %}{% if think %}assistant: <think>{% else %}assistant:{% endif %}"
)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Random weights over single bytes: what it says is noise, but the same noise for the same seed."""
    import torch
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("tiny")
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocabulary = {token: number for number, token in enumerate(["<end>", *letters])}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token="<end>", pad_token="<end>")
    fast.chat_template = TEMPLATE
    fast.save_pretrained(folder)
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        max_position_embeddings=256,
        bos_token_id=None,
        eos_token_id=0,
        pad_token_id=0,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


def ask(key: str, text: str, seed: int = 0) -> Request:
    return Request(key, [{"role": "user", "content": text}], None, seed)


def answers(engine: Transformers, requests: list[Request], **recipe: object) -> dict[str, Completion | Failure]:
    settings = RecipeOptions(**{"max_tokens": 24, **recipe})
    return {result.key: result for result in engine.generate(iter(requests), settings)}


REQUESTS = [ask(f"{number}", "Hi" * (1 + number % 4), seed=number) for number in range(10)]


def test_an_answer_depends_on_its_seed_and_not_on_its_neighbours(model):
    alone = answers(Transformers(model=str(model), batch_size=1), REQUESTS)
    together = answers(Transformers(model=str(model), batch_size=4), REQUESTS)
    assert list(alone) == list(together) == [request.key for request in REQUESTS]
    assert alone == together
    assert len({answer.text for answer in alone.values()}) == 10
    assert all(0 < answer.n_tokens <= 24 for answer in alone.values())


def test_greedy_answers_do_not_depend_on_the_seed(model):
    found = answers(Transformers(model=str(model)), [ask("a", "Hi", 1), ask("b", "Hi", 2)], temperature=0)
    assert found["a"].text == found["b"].text


def test_a_stop_string_ends_the_answer_and_is_left_out(model):
    [whole] = answers(Transformers(model=str(model)), [ask("a", "Hi", 3)]).values()
    word = whole.text[5:7]
    [cut] = answers(Transformers(model=str(model)), [ask("a", "Hi", 3)], stop=(word,)).values()
    assert cut.text == whole.text[: whole.text.index(word)]
    assert cut.finish_reason == "stop"


def test_length_is_named_as_the_reason_where_max_tokens_ends_an_answer(model):
    [answer] = answers(Transformers(model=str(model)), [ask("a", "Hi", 3)], max_tokens=2).values()
    assert (answer.finish_reason, answer.n_tokens) == ("length", 2)


def test_prompts_that_do_not_fit_or_that_the_template_refuses_fail_alone(model):
    refused = Request("system", [{"role": "system", "content": "x"}, {"role": "user", "content": "y"}], None, 0)
    found = answers(Transformers(model=str(model)), [ask("long", "x" * 250), refused, ask("good", "x")])
    assert found["long"].reason == "prompt_too_long"
    assert "256" in found["long"].detail
    assert found["system"].reason == "refused"
    assert "no system turns" in found["system"].detail
    assert isinstance(found["good"], Completion)


def test_the_template_sees_the_arguments_of_tool_calls_as_an_object(model):
    call = {"type": "function", "function": {"name": "weather", "arguments": '{"city": "Bonn"}'}}
    turns = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "", "tool_calls": [call]}]
    engine = Transformers(model=str(model))
    spelled = [{"role": "user", "content": "?"}, {"role": "assistant", "content": "Bonn"}]
    found = answers(engine, [Request("call", turns, None, 1), Request("text", spelled, None, 1)])
    assert found["call"].text == found["text"].text


def test_reasoning_that_the_template_opens_is_opened_in_the_answer_too(model):
    [answer] = answers(Transformers(model=str(model)), [ask("a", "Hi", 3)], template={"think": True}).values()
    assert answer.text.startswith("<think>")


def test_a_closed_engine_loads_again(model):
    engine = Transformers(model=str(model))
    first = answers(engine, [ask("a", "Hi", 3)])
    engine.close()
    assert answers(engine, [ask("a", "Hi", 3)]) == first


def test_a_model_without_a_chat_template_is_refused(model, tmp_path):
    for file in model.iterdir():
        if file.name != "chat_template.jinja":
            (tmp_path / file.name).write_bytes(file.read_bytes())
    with pytest.raises(ConfigError, match="no chat template"):
        answers(Transformers(model=str(tmp_path)), REQUESTS)


def test_a_directory_without_a_model_is_named(tmp_path):
    with pytest.raises(NotFoundError, match="cannot load model"):
        answers(Transformers(model=str(tmp_path)), REQUESTS)


def test_an_unknown_sampling_parameter_names_those_that_exist(model):
    with pytest.raises(ConfigError, match="top_k"):
        answers(Transformers(model=str(model)), REQUESTS, sampling={"topk": 5})
