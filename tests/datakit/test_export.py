"""Exports are what TRL reads, whole or not at all, the same bytes each time, with a manifest beside them."""

import gzip
import hashlib
import json
import subprocess
import sys
from pathlib import Path

import polars as pl
import pytest
from pydantic import ValidationError

from datakit.build_pairs import build_pairs
from datakit.export import FORMATS, export
from datakit.reject_sample import reject_sample
from datakit.store import Store
from datakit.tool_calls import with_objects
from rewards.outcome import Outcome, Status
from schemas.errors import ConfigError, NotFoundError, UserError
from schemas.options import EXPORT_SUFFIXES, ExportOptions, GroupOptions, PairOptions, SelectOptions

CALL = {"id": "1", "type": "function", "function": {"name": "weather", "arguments": '{"city": "Oslo"}'}}
CALLING = [{"role": "assistant", "content": "", "reasoning_content": "Let me look.", "tool_calls": [CALL]}]
TOOL = {"type": "function", "function": {"name": "weather", "parameters": {"type": "object", "properties": {}}}}
CHATS = [
    [{"role": "system", "content": "Be brief."}, {"role": "user", "content": 'Eins, "zwei" \\ drei\u2028vier?'}],
    [
        {"role": "user", "content": "你好"},
        {"role": "assistant", "content": "世界"},
        {"role": "user", "content": "And now?"},
    ],
]


def ok(value: float) -> Outcome:
    return Outcome(Status.OK, value)


@pytest.fixture
def made(tmp_path, make_reward, fill, drawn):
    """A store with the prompts p, the pairs p-pairs and the selection p-best."""

    def make(groups=None, *, prompts=None, tools=None):
        reward = make_reward(scorers=[{"rule": "a"}])
        store = Store(tmp_path / "s.duckdb")
        groups = groups or [
            [drawn(f'answer {i}\nof {g}, "quoted" ü', [ok(i / 3)]) for i in range(4)]
            for g in range(len(prompts or "abc"))
        ]
        fill(store, groups, reward, prompts=prompts, tools=tools)
        common = {"reward": reward, "groups": GroupOptions(), "store": store}
        build_pairs("p", PairOptions(), **common)
        reject_sample("p", SelectOptions(), **common)
        return store

    return make


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").split("\n")[:-1]]


def written(store: Store, name: str, path: Path, **options) -> list[dict]:
    report = export(name, ExportOptions(output=path, **options), store=store)
    rows = lines(path) if path.suffix == ".jsonl" else [_decoded(row) for row in pl.read_parquet(path).to_dicts()]
    assert report.counts == {"rows": len(rows)}
    return rows


def test_pairs_are_conversational_preferences_in_the_order_of_the_prompts(made, tmp_path):
    rows = written(made(prompts=CHATS), "p-pairs", tmp_path / "pairs.jsonl")
    assert [row["prompt"] for row in rows] == CHATS
    for number, row in enumerate(rows):
        assert list(row) == ["prompt", "chosen", "rejected", "pair_id", "chosen_reward", "rejected_reward"]
        assert row["chosen"] == [{"role": "assistant", "content": f'answer 3\nof {number}, "quoted" ü'}]
        assert row["rejected"] == [{"role": "assistant", "content": f'answer 0\nof {number}, "quoted" ü'}]
        assert (row["chosen_reward"], row["rejected_reward"]) == (1.0, 0.0)


def test_parquet_holds_the_same_rows(made, tmp_path):
    store = made(prompts=CHATS)
    for name in ("p-pairs", "p-best", "p"):
        assert written(store, name, tmp_path / "x.parquet") == written(store, name, tmp_path / "x.jsonl")
    written(store, "p-pairs", tmp_path / "x.jsonl.gz".replace(".gz", ""))
    export("p-pairs", ExportOptions(output=tmp_path / "x.jsonl.gz"), store=store)
    assert gzip.decompress((tmp_path / "x.jsonl.gz").read_bytes()) == (tmp_path / "x.jsonl").read_bytes()


def test_selections_are_prompt_and_completion_and_prompts_are_prompts(made, tmp_path):
    store = made(prompts=CHATS)
    rows = written(store, "p-best", tmp_path / "best.jsonl")
    assert [list(row) for row in rows] == [["prompt", "completion", "candidate_id", "reward"]] * 2
    assert rows[0]["completion"] == [{"role": "assistant", "content": 'answer 3\nof 0, "quoted" ü'}]
    assert written(store, "p", tmp_path / "p.jsonl") == [{"prompt": messages} for messages in CHATS]


def test_plain_rows_are_strings(made, tmp_path):
    rows = written(made(), "p-pairs", tmp_path / "pairs.jsonl", style="plain", margin=True)
    assert rows[1] | {"prompt": "Question 1?", "chosen": 'answer 3\nof 1, "quoted" ü', "margin": 1.0} == rows[1]
    assert written(made_again := Store(tmp_path / "s.duckdb"), "p-best", tmp_path / "b.jsonl", style="plain")[0][
        "completion"
    ].startswith("answer 3")
    assert written(made_again, "p", tmp_path / "p.parquet", style="plain")[0] == {"prompt": "Question 0?"}


@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_tool_calls_reasoning_and_tools_survive(made, drawn, tmp_path, ending):
    group = [drawn("", [ok(1)], "tool_calls", CALLING), drawn("It rains.", [ok(0)])]
    store = made([group], tools=[TOOL])
    called = with_objects(CALLING)
    (row,) = written(store, "p-pairs", tmp_path / f"pairs.{ending}")
    assert row["chosen"] == called
    assert row["rejected"] == [{"role": "assistant", "content": "It rains."}]
    assert json.loads(row["tools"]) == [TOOL]
    assert written(store, "p-best", tmp_path / f"best.{ending}")[0]["completion"] == called
    assert json.loads(written(store, "p", tmp_path / f"p.{ending}")[0]["tools"]) == [TOOL]


def _decoded(row: dict) -> dict:
    """Polars leaves columns of JSON as bytes."""
    return {name: json.loads(value) if isinstance(value, bytes) else value for name, value in row.items()}


@pytest.mark.filterwarnings("default")  # those of datasets
@pytest.mark.parametrize("ending", ["jsonl", "parquet"])
def test_messages_that_differ_in_their_keys_get_no_others(made, drawn, tmp_path, ending):
    from datasets import load_dataset

    groups = [
        [drawn("", [ok(1)], "tool_calls", CALLING), drawn("No.", [ok(0)])],
        [drawn("a", [ok(1)]), drawn("b", [ok(0)])],
    ]
    path = tmp_path / f"x.{ending}"
    rows = written(made(groups, prompts=[CHATS[0], [*CALLING, CHATS[0][1]]]), "p-best", path)
    assert [row["prompt"][0].keys() for row in rows] == [CHATS[0][0].keys(), CALLING[0].keys()]
    loader = {"jsonl": "json"}.get(ending, ending)
    assert list(load_dataset(loader, data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))) == rows


def test_imported_examples_and_preferences_are_exported_as_such(make_desk, tmp_path):
    desk = make_desk("sft")
    desk.ingest([{"prompt": f"q{i}", "completion": f"a{i}"} for i in range(3)], "sft.jsonl")
    rows = written(desk.store, "sft", tmp_path / "sft.jsonl", style="plain")
    assert [(row["prompt"], row["completion"]) for row in rows] == [(f"q{i}", f"a{i}") for i in range(3)]
    desk = make_desk("preference")
    desk.ingest([{"prompt": f"q{i}", "chosen": f"good{i}", "rejected": f"bad{i}"} for i in range(3)], "human.jsonl")
    rows = written(desk.store, "human", tmp_path / "human.parquet", style="plain")
    assert [list(row.values())[:3] for row in rows] == [[f"q{i}", f"good{i}", f"bad{i}"] for i in range(3)]
    with pytest.raises(ConfigError, match="has no margins"):
        export("human", ExportOptions(output=tmp_path / "x.jsonl", margin=True), store=desk.store)


@pytest.mark.parametrize("ending", ["jsonl", "jsonl.gz", "parquet"])
def test_two_exports_are_the_same_bytes(made, tmp_path, ending):
    store = made()
    digests = set()
    for number in range(2):
        path = tmp_path / f"{number}.{ending}"
        export("p-pairs", ExportOptions(output=path), store=store)
        digests.add(hashlib.sha256(path.read_bytes()).hexdigest())
    assert len(digests) == 1


@pytest.mark.parametrize("ending", FORMATS)
def test_an_export_that_changes_nothing_says_so(made, tmp_path, ending):
    store, path = made(), tmp_path / f"x{ending}"
    assert [export("p-pairs", ExportOptions(output=path), store=store).unchanged for _ in range(2)] == [False, True]
    assert not export("p-best", ExportOptions(output=path), store=store).unchanged


def test_the_manifest_says_where_everything_came_from(made, tmp_path):
    store = made()
    path = tmp_path / "pairs.jsonl"
    report = export("p-pairs", ExportOptions(output=path), store=store)
    found = json.loads((tmp_path / "pairs.jsonl.manifest.json").read_text())
    assert found["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    assert (found["file"], found["dataset"], found["kind"], found["rows"]) == ("pairs.jsonl", "p-pairs@1", "pairs", 3)
    assert found["form"] == "preference"
    assert found["config"]["source"] == "p@1"
    assert found["config"]["strategy"] == {"name": "best_vs_worst"}
    assert [(r["model"], r["revision"], r["answers"]) for r in found["recipes"]] == [("tiny", "r1", 6)]
    (scorer,) = found["reward"]["scorers"]
    assert (scorer["name"], scorer["weight"]) == ("a", 1.0)
    assert scorer["fingerprint"]
    assert found["counts"]["pairs"] == 3
    assert found["dropped"] == {}
    assert found["run"]["stage"] == "build-pairs"
    assert str(path) in report.output
    assert sorted(p.name for p in tmp_path.iterdir() if p.name.startswith(".")) == []


def test_what_cannot_be_exported_is_refused_with_one_line(made, drawn, tmp_path):
    store = made(prompts=CHATS)
    with pytest.raises(ValidationError, match=r"ends in \.jsonl, \.jsonl\.gz, \.parquet"):
        ExportOptions(output=tmp_path / "x.csv")
    assert tuple(FORMATS) == EXPORT_SUFFIXES
    with pytest.raises(ConfigError, match=r"2 prompts with several turns or a system prompt.*--style conversational"):
        export("p-pairs", ExportOptions(output=tmp_path / "x.jsonl", style="plain"), store=store)
    with pytest.raises(ConfigError, match="p-best@1 has no margins"):
        export("p-best", ExportOptions(output=tmp_path / "x.jsonl", margin=True), store=store)
    with pytest.raises(NotFoundError, match="no data set 'nope'"):
        export("nope", ExportOptions(output=tmp_path / "x.jsonl"), store=store)
    (tmp_path / "file").write_text("x")
    with pytest.raises(UserError, match=r"cannot write .*nothing was left behind"):
        export("p", ExportOptions(output=tmp_path / "file" / "x.jsonl"), store=store)
    assert not list(tmp_path.glob("x*"))


def test_a_full_disk_leaves_the_old_file_and_no_half_one(made, tmp_path):
    store = made()
    path = tmp_path / "out" / "pairs.parquet"
    export("p-pairs", ExportOptions(output=path), store=store)
    before = path.read_bytes()
    script = f"""
import resource, signal, sys
from pathlib import Path
from datakit.export import FORMATS, export
from datakit.store import Store
from schemas.errors import UserError
from schemas.options import EXPORT_SUFFIXES, ExportOptions
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
store = Store({str(store.path)!r})
resource.setrlimit(resource.RLIMIT_FSIZE, (100, 100))
try:
    export("p-pairs", ExportOptions(output=Path({str(path)!r})), store=store)
except UserError as error:
    print(error)
    sys.exit(2)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert done.stdout.startswith(f"cannot write {path}")
    assert path.read_bytes() == before
    assert sorted(file.name for file in path.parent.iterdir()) == ["pairs.parquet", "pairs.parquet.manifest.json"]


@pytest.mark.parametrize("old", [{}, {"x.jsonl": b"old\n"}])
def test_a_manifest_that_cannot_be_written_leaves_what_was_there(made, tmp_path, old):
    store, folder = made(), tmp_path / "out"
    (folder / "x.jsonl.manifest.json").mkdir(parents=True)
    for name, content in old.items():
        (folder / name).write_bytes(content)
    with pytest.raises(UserError, match=r"cannot write .*x\.jsonl\.manifest\.json: Is a directory; nothing was left"):
        export("p-pairs", ExportOptions(output=folder / "x.jsonl"), store=store)
    assert {file.name: file.read_bytes() for file in folder.iterdir() if file.is_file()} == old


def test_a_manifest_of_another_file_is_mended(made, tmp_path):
    """What a kill leaves: the new file, and the manifest of the old one."""
    store, path = made(), tmp_path / "x.jsonl"
    beside = tmp_path / "x.jsonl.manifest.json"
    export("p-best", ExportOptions(output=path), store=store)
    old = beside.read_text()
    export("p-pairs", ExportOptions(output=path), store=store)
    new = beside.read_text()
    beside.write_text(old)
    assert not export("p-pairs", ExportOptions(output=path), store=store).unchanged
    assert beside.read_text() == new
    beside.unlink()
    assert not export("p-pairs", ExportOptions(output=path), store=store).unchanged
    assert export("p-pairs", ExportOptions(output=path), store=store).unchanged


@pytest.fixture(scope="module")
def tiny(tmp_path_factory):
    """A tiny Llama with a tokenizer and a chat template."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
    vocab = {token: number for number, token in enumerate(["<s>", "</s>", *alphabet])}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    template = "{% for m in messages %}<s>{{ m.role }}: {{ m.content }}</s>{% endfor %}"
    template += "{% if add_generation_prompt %}<s>assistant: {% endif %}"
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, chat_template=template, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    )
    config = LlamaConfig(
        vocab_size=len(vocab),
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=1,
        num_attention_heads=2,
        max_position_embeddings=512,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=1,
    )
    folder = tmp_path_factory.mktemp("tiny")
    LlamaForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


@pytest.mark.filterwarnings("default")  # those of torch and transformers
@pytest.mark.parametrize(
    ("ending", "style"), [("jsonl", "conversational"), ("parquet", "conversational"), ("jsonl", "plain")]
)
def test_trl_trains_on_the_exports(made, tiny, tmp_path, ending, style):
    from datasets import load_dataset
    from trl import DPOConfig, DPOTrainer, SFTConfig, SFTTrainer

    store = made()
    loader = "json" if ending == "jsonl" else "parquet"
    common = {
        "output_dir": str(tmp_path / "out"),
        "max_steps": 2,
        "per_device_train_batch_size": 2,
        "use_cpu": True,
        "bf16": False,
        "report_to": "none",
        "save_strategy": "no",
    }
    from transformers import AutoModelForCausalLM, AutoTokenizer

    for name, trainer, config in (("p-pairs", DPOTrainer, DPOConfig), ("p-best", SFTTrainer, SFTConfig)):
        path = tmp_path / f"{name}.{ending}"
        export(name, ExportOptions(output=path, style=style, margin=name == "p-pairs"), store=store)
        dataset = load_dataset(loader, data_files=str(path), split="train", cache_dir=str(tmp_path / "cache"))
        model, tokenizer = AutoModelForCausalLM.from_pretrained(tiny), AutoTokenizer.from_pretrained(tiny)
        done = trainer(model, args=config(**common), train_dataset=dataset, processing_class=tokenizer).train()
        assert done.global_step == 2
        assert done.training_loss > 0
