"""Templates and tokens without transformers are those of transformers; truncation is that of TRL's DPOTrainer."""

import json
from types import SimpleNamespace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, processors, trainers

from rewards.tokens import Fate, PairText, differ_after_truncation, load_tokenizer
from schemas.errors import ConfigError

SENTENCE = 'the cat sat on a mat and looked at you while it rained in Oslo 你好 世界 <tool> { } : , " weather city'
WORDS = SENTENCE.split()

CHATML = (
    "{% for m in messages %}{{ '<|im_start|>' + m['role'] + '\\n' + m['content'] + '<|im_end|>' + '\\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}"
)
LLAMA = """{{- bos_token }}
{%- if messages[0].role == 'system' %}
    {%- set system = messages[0].content | trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system = 'Be kind.' %}
{%- endif %}
{%- for m in messages %}
    {%- if (m.role == 'user') != (loop.index0 % 2 == 0) and m.role != 'tool' %}
        {{- raise_exception('Roles must alternate') }}
    {%- endif %}
    {%- if m.role == 'user' %}[INST] {% if loop.first %}<<{{ system }}>> {% endif %}{{ m.content }} [/INST]
    {%- elif m.role == 'assistant' %}
        {% generation %}
{{ m.content | trim }}{{ eos_token }}
        {% endgeneration %}
    {%- endif %}
{%- endfor %}
"""
TOOLS = """{% if tools %}
You may call: {{ tools | tojson }} {{ tools | tojson(indent=2) }}
{% endif %}
{% for m in messages %}
    {% if m.role == 'tool' %}{% continue %}{% endif %}
{{ m.role }}: {{ m.content or '' }}
    {% if m.tool_calls is defined and m.tool_calls %}
        {% for call in m.tool_calls %}
<call>{{ call.function.name }} {{ call.function.arguments | tojson }}</call>
        {% endfor %}
    {% endif %}
    {% if loop.index > 50 %}{% break %}{% endif %}
{% endfor %}
{{ strftime_now('%Y') | length }}{% if add_generation_prompt %}assistant:{% endif %}"""

TOOL = {
    "type": "function",
    "function": {
        "name": "weather",
        "description": '<now> & "here"',
        "parameters": {"type": "object", "b": 1, "a": "é"},
    },
}
CALL = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": {"city": "Oslo"}}}
CHATS = [
    [{"role": "user", "content": "the cat"}],
    [{"role": "system", "content": " sat on "}, {"role": "user", "content": "a mat 你好"}],
    [
        {"role": "user", "content": 'the <b>cat</b> & "mat"'},
        {"role": "assistant", "content": "  looked at you\n"},
        {"role": "user", "content": "while it rained"},
    ],
]


@pytest.fixture(scope="module")
def save(tmp_path_factory):
    """Saves a tiny tokenizer with a template the way transformers does; returns the directory."""
    from transformers import PreTrainedTokenizerFast

    def make(template, **tokens):
        tokenizer = Tokenizer(models.BPE(unk_token="<unk>"))
        tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
        special = ["<unk>", "<s>", "</s>", "<|im_start|>", "<|im_end|>"]
        alphabet = pre_tokenizers.ByteLevel.alphabet()
        trainer = trainers.BpeTrainer(vocab_size=400, special_tokens=special, initial_alphabet=alphabet)
        tokenizer.train_from_iterator([" ".join(WORDS)] * 3, trainer)
        tokenizer.post_processor = processors.TemplateProcessing(single="<s> $A", special_tokens=[("<s>", 1)])
        named = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>", "pad_token": "</s>", **tokens}
        fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, chat_template=template, **named)
        folder = tmp_path_factory.mktemp("tokenizer")
        fast.save_pretrained(folder)
        return folder

    return make


@pytest.mark.parametrize("template", [CHATML, LLAMA, TOOLS], ids=["chatml", "llama", "tools"])
@pytest.mark.parametrize("tools", [None, [TOOL]], ids=["", "tools"])
@pytest.mark.parametrize("ask", [False, True])
@pytest.mark.parametrize("chat", CHATS, ids=["short", "system", "long"])
def test_a_chat_is_rendered_and_encoded_as_by_transformers(save, template, tools, ask, chat):
    from transformers import AutoTokenizer

    folder = save(template)
    theirs, ours = AutoTokenizer.from_pretrained(folder), load_tokenizer(folder)
    rendered = theirs.apply_chat_template(chat, tools=tools, add_generation_prompt=ask, tokenize=False)
    assert ours.render(chat, tools=tools, add_generation_prompt=ask) == rendered
    ids = theirs.apply_chat_template(chat, tools=tools, add_generation_prompt=ask)["input_ids"]
    assert ours.encode([rendered], add_special_tokens=False) == [ids]


def test_tool_calls_are_rendered_as_by_transformers(save):
    from transformers import AutoTokenizer

    folder = save(TOOLS)
    chat = [
        *CHATS[0],
        {"role": "assistant", "content": None, "tool_calls": [CALL]},
        {"role": "tool", "content": "rain"},
        {"role": "assistant", "content": "It rained."},
    ]
    rendered = AutoTokenizer.from_pretrained(folder).apply_chat_template(chat, tools=[TOOL], tokenize=False)
    assert load_tokenizer(folder).render(chat, tools=[TOOL]) == rendered


def test_a_template_in_the_config_or_several_templates_are_found(save):
    from transformers import AutoTokenizer

    folder = save(CHATML)
    (folder / "chat_template.jinja").unlink()
    config = json.loads((folder / "tokenizer_config.json").read_text())
    for templates in (CHATML, [{"name": "default", "template": CHATML}, {"name": "tool_use", "template": TOOLS}]):
        (folder / "tokenizer_config.json").write_text(json.dumps({**config, "chat_template": templates}))
        theirs, ours = AutoTokenizer.from_pretrained(folder), load_tokenizer(folder)
        for tools in (None, [TOOL]):
            rendered = theirs.apply_chat_template(CHATS[0], tools=tools, tokenize=False)
            assert ours.render(CHATS[0], tools=tools) == rendered
    theirs.save_pretrained(folder)
    assert load_tokenizer(folder).templates == {"default": CHATML, "tool_use": TOOLS}


def test_the_fingerprint_is_that_of_the_content(save):
    first, second, other = load_tokenizer(save(CHATML)), load_tokenizer(save(CHATML)), load_tokenizer(save(LLAMA))
    assert first.fingerprint == second.fingerprint != other.fingerprint


def test_what_cannot_be_used_is_refused_with_one_line(save, tmp_path):
    with pytest.raises(ConfigError, match=r"needs a tokenizer\.json, this is not a directory"):
        load_tokenizer(tmp_path / "absent")
    with pytest.raises(ConfigError, match=r"this has none"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.model").write_bytes(b"x")
    with pytest.raises(ConfigError, match=r"this has only tokenizer\.model; save one with"):
        load_tokenizer(tmp_path)
    (tmp_path / "tokenizer.json").write_text("{}")
    with pytest.raises(ConfigError, match="not a tokenizer"):
        load_tokenizer(tmp_path)
    with pytest.raises(ConfigError, match="no chat template"):
        load_tokenizer(save(None)).render(CHATS[0])
    with pytest.raises(ConfigError, match="the chat template refuses a conversation: Roles must alternate"):
        load_tokenizer(save(LLAMA)).render([*CHATS[0], *CHATS[0]])


def trained_on(folder, pairs, max_length):
    """What DPOTrainer and its collator make of the pairs: the two token sequences, or None where it drops one."""
    from datasets import Dataset
    from transformers import AutoTokenizer
    from trl.trainer.dpo_trainer import DataCollatorForPreference, DPOTrainer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    rows = [{"prompt": p.prompt, "chosen": p.chosen, "rejected": p.rejected, "number": i} for i, p in enumerate(pairs)]
    args = SimpleNamespace(dataset_num_proc=None, max_length=max_length, truncation_mode="keep_start")
    trainer = SimpleNamespace(_tokenizer=tokenizer)
    prepared = DPOTrainer._prepare_dataset(trainer, Dataset.from_list(rows), tokenizer, args, "train")
    collate = DataCollatorForPreference(pad_token_id=-1, max_length=max_length)
    sides = {}
    for example in prepared:
        ids = collate([example])["input_ids"].tolist()
        sides[example["number"]] = [[token for token in side if token != -1] for side in ids]
    return [sides.get(number) for number in range(len(pairs))]


TEXT = st.lists(st.sampled_from(WORDS), max_size=8).map(" ".join)


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.function_scoped_fixture]
)
@given(
    rows=st.lists(st.tuples(TEXT, TEXT, TEXT), min_size=1, max_size=8),
    max_length=st.integers(1, 40),
    chat=st.booleans(),
    template=st.sampled_from([CHATML, LLAMA]),
)
def test_truncation_is_that_of_the_dpo_trainer(rows, max_length, chat, template, save, capsys):
    folder = save(template)

    def turn(role, text):
        return [{"role": role, "content": text}] if chat else text

    pairs = [PairText(turn("user", p), turn("assistant", c), turn("assistant", r)) for p, c, r in rows]
    fates = differ_after_truncation(load_tokenizer(folder), pairs, max_length)
    for sides, fate in zip(trained_on(folder, pairs, max_length), fates, strict=True):
        if sides is None:
            assert fate is Fate.PROMPT_TOO_LONG
        else:
            assert fate is (Fate.SAME_AFTER_TRUNCATION if sides[0] == sides[1] else Fate.DIFFER)


def test_sides_that_part_after_max_length_are_the_same_to_the_trainer(save):
    tokenizer = load_tokenizer(save(CHATML))
    prompt = [{"role": "user", "content": "cat"}]
    long = "the cat sat " * 50
    pair = PairText(
        prompt, [{"role": "assistant", "content": long + "yes"}], [{"role": "assistant", "content": long + "no"}]
    )
    assert differ_after_truncation(tokenizer, [pair], 1024) == [Fate.DIFFER]
    assert differ_after_truncation(tokenizer, [pair], 64) == [Fate.SAME_AFTER_TRUNCATION]
    assert differ_after_truncation(tokenizer, [pair], 4) == [Fate.PROMPT_TOO_LONG]
    assert differ_after_truncation(tokenizer, [], 4) == []


def test_a_conversation_that_the_template_refuses_is_told_from_the_others(save):
    user, said = CHATS[0], [{"role": "assistant", "content": "yes"}]
    calling = [{"role": "assistant", "content": None, "tool_calls": [CALL]}]
    good, other = PairText(user, said, [{"role": "assistant", "content": "no"}]), PairText([*user, *user], said, said)
    llama, chatml = load_tokenizer(save(LLAMA)), load_tokenizer(save(CHATML))
    fates = differ_after_truncation(llama, [good, other, good], 64)
    assert fates == [Fate.DIFFER, Fate.TEMPLATE_REFUSES, Fate.DIFFER]
    assert differ_after_truncation(chatml, [PairText(user, calling, said)], 64) == [Fate.TEMPLATE_REFUSES]
    with pytest.raises(ConfigError, match="no chat template"):
        differ_after_truncation(load_tokenizer(save(None)), [good], 64)
    with pytest.raises(ConfigError, match="the chat template is broken"):
        differ_after_truncation(load_tokenizer(save("{% if %}")), [good], 64)
