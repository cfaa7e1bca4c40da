"""Rules and rewards as TRL's reward functions."""

import importlib
import logging
import math
import pickle
import textwrap
import time

import pytest

import rewards
from rewards import Verdict, rule
from rewards.dialects import trl
from rewards.engine import Limits
from rewards.rule import rule_of
from rewards.spec import Requirement, RewardSpec, ScorerEntry, reward_of
from schemas.errors import ConfigError, RuleError


@rule
def mentions(completion: str, keywords: list[str], *, bonus: float = 0.0) -> float:
    return sum(word in completion for word in keywords) / len(keywords) + bonus


@rule
def troubled(completion: str, n_tokens: int, note: str = "none") -> Verdict:
    match completion:
        case "raise":
            raise ValueError("a mistake")
        case "hang":
            time.sleep(60)
        case "exit":
            import os

            os._exit(1)
        case "nan":
            return Verdict(math.nan)
        case "skip":
            return Verdict(None, "does not apply")
    return Verdict(n_tokens / 10, note)


def conversational(*texts: str) -> list[list[dict[str, str]]]:
    return [[{"role": "assistant", "content": text}] for text in texts]


class Log:
    """What a trainer would log."""

    def __init__(self):
        self.columns, self.metrics = {}, {}

    def callbacks(self):
        return {"log_extra": self.columns.__setitem__, "log_metric": self.metrics.__setitem__, "trainer_state": None}


def test_plain_and_conversational_completions_give_the_same_rewards():
    reward = trl(mentions)
    given = {"keywords": [["a", "b"], ["b"]], "completion_ids": [[1], [2]]}
    assert reward(prompts=["p", "q"], completions=["a c", "b"], **given) == [0.5, 1.0]
    prompts = [[{"role": "user", "content": "p"}]] * 2
    assert reward(prompts=prompts, completions=conversational("a c", "b"), **given) == [0.5, 1.0]
    assert reward.__name__ == "mentions"


def test_options_and_renamed_columns_are_set_like_in_a_spec():
    reward = trl(mentions, options={"bonus": 1.0}, inputs={"keywords": "must_have"})
    assert reward(prompts=["p"], completions=["a"], must_have=[["a"]]) == [2.0]
    with pytest.raises(RuleError, match="no option 'bonsu'; did you mean 'bonus'"):
        trl(mentions, options={"bonsu": 1.0})


def test_a_failure_masks_its_own_completion_and_nothing_else(caplog):
    log = Log()
    reward = trl(troubled, limits=Limits(timeout=0.5, workers=1))
    completions = ["fine", "raise", "hang", "exit", "nan", "skip", "fine"]
    with caplog.at_level(logging.WARNING, "rewards"):
        found = reward(prompts=["p"] * 7, completions=completions, completion_ids=[[1] * 5] * 7, **log.callbacks())
    assert found == [0.5, None, None, None, None, None, 0.5]
    assert log.columns["troubled: outcome"] == [0.5, "error", "timeout", "error", "error", "skip", 0.5]
    assert log.columns["troubled: reason"][1] == "ValueError: a mistake"
    assert log.metrics["scorers/troubled/failed"] == pytest.approx(4 / 7)
    assert log.metrics["rewards/troubled/masked"] == pytest.approx(5 / 7)
    assert "4 of 7 completions failed, their rewards are masked" in caplog.text


def test_an_empty_batch_has_no_rewards():
    assert trl("is_json")(prompts=[], completions=[]) == []


def test_a_row_that_lacks_a_value_is_masked():
    assert trl(mentions)(prompts=["p"] * 2, completions=["a", "a"], keywords=[["a"], None]) == [1.0, None]
    assert trl(troubled)(prompts=["p"], completions=["x"], completion_ids=[[1]], note=[None]) == [0.1]


def test_a_column_that_the_data_set_lacks_is_named():
    with pytest.raises(RuleError, match=r"reads the column 'keywords', .*; did you mean 'keyword'\?"):
        trl(mentions)(prompts=["p"], completions=["a"], keyword=[["a"]])


def test_what_trl_does_not_tell_is_refused_unless_there_is_a_default():
    def stopped(completion: str, finish_reason: str) -> bool:
        return finish_reason == "stop"

    def maybe(completion: str, finish_reason: str = "stop") -> bool:
        return finish_reason == "stop"

    with pytest.raises(RuleError, match="reads 'finish_reason', which TRL does not tell"):
        trl(stopped)(prompts=["p"], completions=["a"])
    assert trl(maybe)(prompts=["p"], completions=["a"]) == [1.0]


def test_rules_see_prompt_reasoning_and_messages_as_in_the_store():
    def sees(completion: str, prompt: str, reasoning: str, messages: list[dict[str, str]], when: str) -> bool:
        return (completion, prompt, reasoning, len(messages), when) == ("yes", "why?", "hm", 3, "2024-01-02")

    import datetime

    prompt = [{"role": r, "content": c} for r, c in (("user", "hello"), ("assistant", "hi"), ("user", "why?"))]
    completion = conversational("<think>\nhm\n</think>\n\nyes")
    assert trl(sees)(prompts=[prompt], completions=completion, when=[datetime.date(2024, 1, 2)]) == [1.0]


def test_trls_own_reward_functions_and_async_rules_pass_through():
    from trl.rewards import think_format_reward

    async def judge(completion: str) -> float:
        return 0.25

    def columns(completions, answer, **rest):
        return [float(a == c[0]["content"]) + len(rest["level"]) for a, c in zip(answer, completions, strict=True)]

    async def batch(completions, **rest):
        return [0.5 for _ in completions]

    assert trl(batch)(prompts=["p"] * 2, completions=["a", "b"]) == [0.5, 0.5]
    texts = conversational("<think>a</think>b", "b")
    assert trl(think_format_reward)(prompts=["p"] * 2, completions=texts) == [1.0, 0.0]
    assert trl(judge)(prompts=["p"], completions=["a"]) == [0.25]
    assert trl(columns)(prompts=["p"], completions=["a"], answer=["a"], level=[3]) == [2.0]


def test_a_reward_is_one_function_that_combines_its_scorers():
    spec = RewardSpec(
        name="quality",
        scorers=(ScorerEntry(rule="contains_all", weight=3), ScorerEntry(rule="has_code_block")),
        require=(Requirement(rule="does_not_refuse"),),
    )
    log = Log()
    reward = trl(reward_of(spec))
    completions = ["a b", "a", "a", "I cannot help with that."]
    keywords = [["a", "b"], ["a", "b"], None, ["z"]]
    found = reward(prompts=["p"] * 4, completions=completions, keywords=keywords, **log.callbacks())
    assert found == [0.75, 0.375, 0.0, 0.0]
    assert reward.__name__ == "quality"
    assert log.metrics["scorers/contains_all/mean"] == 0.5
    assert log.columns["contains_all: outcome"] == [1.0, 0.5, "skip", 0.0]


def test_a_failed_scorer_masks_the_whole_reward(tmp_path):
    path = tmp_path / "rules.py"
    path.write_text(
        "from rewards import rule\n\n@rule\ndef fine(completion): return 1.0\n\n"
        "@rule\ndef picky(completion):\n    if completion == 'bad': raise ValueError\n    return 0.5\n"
    )
    assert trl(path)(prompts=["p"] * 2, completions=["good", "bad"]) == [0.75, None]
    (tmp_path / "spec.yaml").write_text(
        "rules: rules.py\ncombine: sum\nscorers:\n- rule: fine\n- {rule: picky, weight: 2}\n"
    )
    assert trl(str(tmp_path / "spec.yaml"))(prompts=["p"], completions=["good"]) == [2.0]


def test_normalisation_is_left_to_the_trainer():
    spec = RewardSpec(name="r", scorers=(ScorerEntry(rule="is_json"),), normalise="zscore")
    with pytest.raises(ConfigError, match="set scale_rewards in GRPOConfig"):
        trl(spec)
    with pytest.raises(ConfigError, match="options and inputs belong to a rule"):
        trl(spec.model_copy(update={"normalise": "none"}), options={"a": 1})


def test_it_can_be_pickled_and_keeps_its_code_when_the_file_is_edited(tmp_path):
    path = tmp_path / "rules.py"
    (tmp_path / "helpers.py").write_text("VALUE = 1.0\n")
    path.write_text("import helpers\nfrom rewards import rule\n\n@rule\ndef f(completion): return helpers.VALUE\n")
    reward = trl(path)
    again = pickle.loads(pickle.dumps(reward))
    (tmp_path / "helpers.py").write_text("VALUE = 2.0\n")
    path.write_text("broken(")
    assert reward(prompts=["p"], completions=["a"]) == [1.0]
    assert again(prompts=["p"], completions=["a"]) == [1.0]
    by_name = pickle.loads(pickle.dumps(trl("is_json")))
    assert (by_name.__name__, by_name(prompts=["p"], completions=["[]"])) == ("is_json", [1.0])


def test_the_package_offers_its_dialects():
    assert rewards.dialects.trl is trl
    with pytest.raises(AttributeError, match="has no attribute 'dialect_'"):
        _ = rewards.dialect_


def tiny_model(folder):
    """A Llama of 2 layers with a word-level tokenizer, made here: nothing is downloaded."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    words = ["<pad>", "<s>", "</s>", "<unk>", *["say", "yes", "no", "maybe", "the", "a", "user", "assistant"]]
    core = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token="<unk>"))
    core.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer = PreTrainedTokenizerFast(
        tokenizer_object=core, pad_token="<pad>", bos_token="<s>", eos_token="</s>", unk_token="<unk>"
    )
    tokenizer.chat_template = textwrap.dedent("""\
        {%- for message in messages %}{{ message.role + ' ' + message.content + ' ' }}{% endfor %}
        {%- if add_generation_prompt %}{{ 'assistant ' }}{% endif %}""")
    config = LlamaConfig(
        vocab_size=len(words),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
    )
    return LlamaForCausalLM(config), tokenizer


# torch 2.13 warns of its own torch.jit while TRL imports it
@pytest.mark.filterwarnings("ignore:.torch.jit.script:DeprecationWarning")
@pytest.mark.parametrize("method", ["GRPO", "RLOO"])
def test_a_decorated_rule_and_a_reward_train_in_trls_online_trainers(tmp_path, method):
    from datasets import Dataset

    library = importlib.import_module("trl")
    config, trainer_class = getattr(library, f"{method}Config"), getattr(library, f"{method}Trainer")

    model, tokenizer = tiny_model(tmp_path)
    turns = [[{"role": "user", "content": f"say {word}"}] for word in ("yes", "no")] * 3
    data = Dataset.from_dict({"prompt": turns, "keywords": [["yes"], ["no", "maybe"]] * 3})
    arguments = config(
        output_dir=str(tmp_path / "out"),
        use_cpu=True,
        bf16=False,
        report_to="none",
        per_device_train_batch_size=4,
        num_generations=4,
        max_completion_length=8,
        max_steps=3,
        beta=0.0,
        logging_steps=1,
        save_strategy="no",
        disable_tqdm=True,
    )
    spec = RewardSpec(name="both", scorers=(ScorerEntry(rule="contains_any"), ScorerEntry(rule="is_json")))
    functions = [trl(mentions), trl(reward_of(spec))]
    trainer = trainer_class(
        model=model, reward_funcs=functions, args=arguments, train_dataset=data, processing_class=tokenizer
    )
    trainer.train()
    steps = [entry for entry in trainer.state.log_history if "rewards/mentions/mean" in entry]
    assert len(steps) == 3
    for step in steps:
        assert 0 <= step["rewards/mentions/mean"] <= 1
        assert 0 <= step["rewards/both/mean"] <= 0.5
        assert step["scorers/mentions/failed"] == 0
        assert step["scorers/is_json/mean"] == 0
    assert rule_of(mentions).name == "mentions"


def test_conditions_clips_and_scales_count_in_a_trainer_too(tmp_path):
    (tmp_path / "r.py").write_text(
        "from rewards import rule\n\n"
        "@rule\ndef length(completion: str) -> float:\n    return len(completion)\n\n"
        "@rule\ndef picky(completion: str, answer: str) -> float:\n"
        "    if answer == 'never':\n        raise ValueError('asked all the same')\n    return 1.0\n"
    )
    (tmp_path / "r.yaml").write_text(
        "rules: r.py\nrewards:\n  one:\n    scorers:\n"
        "      - {rule: length, clip: [0, 4], scale: {from: [0, 4]}}\n"
        "      - {rule: picky, when: {tag: maths}}\n  other: {scorers: [{rule: length}]}\n"
    )
    reward = trl(f"{tmp_path / 'r.yaml'}:one", limits=Limits(workers=1))
    columns = {"tag": ["maths", "chat", ["maths"], None], "answer": ["1", "never", "1", "never"]}
    given = {"prompts": ["p"] * 4, "completions": ["ab", "ab", "abcdefgh", "a"]}
    assert reward(**given, **columns) == [0.75, 0.5, 1.0, 0.25]
    log = Log()
    reward(**given, **columns, **log.callbacks())
    assert log.columns["picky: outcome"] == [1.0, "skip", 1.0, "skip"]
    with pytest.raises(RuleError, match="asks for the column 'tag'"):
        reward(**given, answer=["1"] * 4)
