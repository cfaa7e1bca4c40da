"""Conversations with tool calls reach trainer and model as chat templates take them, in every format alike."""

import json
from pathlib import Path

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from datakit.build_pairs import build_pairs
from datakit.export import export
from datakit.reject_sample import reject_sample
from datakit.store import Store
from datakit.tool_calls import with_objects
from rewards.outcome import Outcome, Status
from rewards.tokens import load_tokenizer
from schemas.options import ExportOptions, GroupOptions, PairOptions, SelectOptions

TEMPLATE = (
    "{% for m in messages %}{{ m.role }}: {{ m.content }}{% if 'tool_calls' in m %}{% for call in m.tool_calls %}"
    "<{{ call.function.name }}{% for name, value in call.function.arguments.items() %} {{ name }}={{ value }}"
    "{% endfor %}>{% endfor %}{% endif %}\n{% endfor %}{% if add_generation_prompt %}assistant: {% endif %}"
)
"""As those of Llama 3.1 and Qwen 3.5: arguments are objects, and a null is not the same as no tool_calls."""


def calling(arguments):
    call = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": arguments}}
    return {"role": "assistant", "content": "", "tool_calls": [call]}


def asked(arguments):
    """A prompt whose history has a call."""
    answer = {"role": "tool", "content": "Rain.", "tool_call_id": "1"}
    return [{"role": "user", "content": "Weather?"}, calling(arguments), answer]


OSLO, HERE = {"city": "Oslo", "days": 2}, {"lat": 59.5, "lon": [1, "east"], "near": None}
PROMPTS = [asked(json.dumps(OSLO)), [{"role": "user", "content": 'Say "tool_calls".'}]]


@pytest.fixture
def reward(make_reward):
    return make_reward(scorers=[{"rule": "a"}])


@pytest.fixture
def store(tmp_path, reward, fill, drawn):
    """Two prompts, one with a call; of each, an answer that calls is better than one of text."""

    def group(arguments):
        good, bad = Outcome(Status.OK, 1.0), Outcome(Status.OK, 0.0)
        return [drawn("", [good], "tool_calls", [calling(json.dumps(arguments))]), drawn("It rains.", [bad])]

    store = Store(tmp_path / "s.duckdb")
    fill(store, [group(OSLO), group(HERE)], reward, prompts=PROMPTS)
    build_pairs("p", PairOptions(), reward=reward, groups=GroupOptions(), store=store)
    reject_sample("p", SelectOptions(), reward=reward, groups=GroupOptions(), store=store)
    return store


@pytest.fixture
def tokenizer(tmp_path):
    """Single bytes, and the template."""
    folder = tmp_path / "tokenizer"
    folder.mkdir()
    letters = sorted(pre_tokenizers.ByteLevel.alphabet())
    tokenizer = Tokenizer(models.BPE(vocab={letter: number for number, letter in enumerate(letters)}, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "chat_template.jinja").write_text(TEMPLATE)
    return folder


def exported(store: Store, name: str, path: Path) -> list[dict]:
    export(name, ExportOptions(output=path), store=store)
    return [json.loads(line) for line in path.read_text().split("\n")[:-1]]


def test_arguments_are_exported_as_objects(store, tmp_path):
    rows = exported(store, "p-pairs", tmp_path / "pairs.jsonl")
    assert [row["prompt"] for row in rows] == [asked(OSLO), PROMPTS[1]]
    assert [row["chosen"] for row in rows] == [[calling(OSLO)], [calling(HERE)]]
    assert [row["rejected"] for row in rows] == [[{"role": "assistant", "content": "It rains."}]] * 2
    assert [row["completion"] for row in exported(store, "p-best", tmp_path / "x.jsonl")] == [
        row["chosen"] for row in rows
    ]
    assert [row["prompt"] for row in exported(store, "p", tmp_path / "x.jsonl")] == [row["prompt"] for row in rows]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ('{"b": 1, "a": "\\u00fc"}', {"b": 1, "a": "ü"}),
        ("", {}),
        *((text, text) for text in ("[1]", "7", "null", '"x"', "{'a': 1}", "{", '{"a": NaN}', '{"a": 1e999}')),
        ('{"a": "\\ud800"}', '{"a": "\\ud800"}'),
        ("[" * 100_000, "[" * 100_000),
    ],
)
def test_only_what_is_a_json_object_becomes_one(text, found):
    turns = asked(text)
    assert with_objects(turns) == asked(found)
    assert turns == asked(text)
    assert list(with_objects([calling('{"b": 1, "a": 2}')])[0]["tool_calls"][0]["function"]["arguments"]) == ["b", "a"]


def test_a_call_of_another_form_is_left_alone():
    calls = [{"type": "custom", "custom": {"name": "x"}}, {"type": "function", "function": {"name": "y"}}]
    turns = [{"role": "assistant", "content": "", "tool_calls": calls}, {"role": "user", "content": "?"}]
    assert with_objects(turns) == turns


def test_the_token_check_renders_what_is_exported(store, reward, tokenizer, tmp_path):
    """With room for all that the shorter text has, and for one token more than the common start."""
    row = exported(store, "p-pairs", tmp_path / "x.jsonl")[0]
    chat = load_tokenizer(tokenizer)
    chosen, rejected = (chat.render(row["prompt"] + row[side]) for side in ("chosen", "rejected"))
    assert "<weather city=Oslo days=2>" in chosen
    common = next(place for place in range(len(chosen)) if chosen[place] != rejected[place])
    for length, pairs in ((common, 1), (common + 1, 2)):  # the other prompt is shorter
        options = PairOptions(tokenizer=str(tokenizer), max_length=length)
        report = build_pairs("p", options, reward=reward, groups=GroupOptions(), store=store)
        assert report.counts["pairs"] == pairs


def test_an_exported_file_can_be_ingested_again(store, make_desk, tmp_path):
    lines = exported(store, "p-pairs", tmp_path / "x.jsonl")
    for ending in ("jsonl", "parquet"):
        path = tmp_path / f"x.{ending}"
        export("p-pairs", ExportOptions(output=path), store=store)
        desk = make_desk(ending)
        desk.ingest(path)
        again = exported(desk.store, "x", tmp_path / "again.jsonl")
        sides = ("prompt", "chosen", "rejected")
        assert [[row[side] for side in sides] for row in again] == [[row[side] for side in sides] for row in lines]


@pytest.mark.filterwarnings("default")  # those of torch and transformers
@pytest.mark.parametrize("name", ["p-pairs", "p-best", "p"])
def test_datasets_reads_the_same_messages_from_every_format(store, tokenizer, tmp_path, name):
    from datasets import load_dataset

    chat = load_tokenizer(tokenizer)
    lines = exported(store, name, tmp_path / "x.jsonl")
    for ending, loader in (("jsonl", "json"), ("jsonl.gz", "json"), ("parquet", "parquet")):
        path = tmp_path / f"x.{ending}"
        export(name, ExportOptions(output=path), store=store)
        rows = list(load_dataset(loader, data_files=str(path), split="train", cache_dir=str(tmp_path / "cache")))
        assert rows == lines
        for row in rows:  # the template refuses what it cannot render
            assert chat.render([turn for side in row.values() if isinstance(side, list) for turn in side])
