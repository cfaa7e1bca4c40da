"""Reward models as scorers: outputs of what `train reward` saved, judged like rules."""

import json
import pickle
import re
import shutil
from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
import yaml

from datakit.ingest import ingest
from datakit.score import score
from datakit.store import Store
from rewards.admission import JSON
from rewards.dialects import trl
from rewards.engine import RulePool
from rewards.model import bind_output, read_model
from rewards.model_settings import ModelSettings
from rewards.spec import load_reward
from schemas.errors import ConfigError, NotFoundError, RuleError
from schemas.options import GroupOptions, IngestOptions, RewardOptions, ScoreOptions, TrainOptions

pytestmark = pytest.mark.filterwarnings("default")  # warnings of torch, transformers and trl

WORDS = (
    "red",
    "green",
    "blue",
    "one",
    "two",
    "three",
    "cat",
    "dog",
    "yes",
    "no",
    "the",
    "a",
    "is",
    "of",
    "what",
    "say",
)
ROWS = [
    {
        "prompt": f"say {WORDS[n % 16]} {n}",
        "completion": " ".join(WORDS[: 1 + n * 7 % 16]),
        "helpful": 1 + n * 7 % 16,
        "safe": int(n * 7 % 16 > 8),
    }
    for n in range(48)
]
TURNS = [[{"role": "user", "content": row["prompt"]}] for row in ROWS]


@pytest.fixture(scope="module", autouse=True)
def _one_thread():
    """Threads of a tiny model wait for each other most of the time."""
    import torch

    many = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(many)


@pytest.fixture(scope="module")
def trained(tiny, tmp_path_factory):
    """A model of two outputs and one of pairs, as `train reward` saves them."""
    from train.harness.stage import train

    folder = tmp_path_factory.mktemp("rewards")
    (folder / "two.jsonl").write_text("".join(json.dumps(row) + "\n" for row in ROWS))
    pairs = [{"prompt": row["prompt"], "chosen": row["completion"] + " yes", "rejected": "no the no"} for row in ROWS]
    (folder / "pairs.jsonl").write_text("".join(json.dumps(row) + "\n" for row in pairs))
    store = Store(folder / "s.duckdb")
    quick = {"learning_rate": 5e-3, "num_train_epochs": 3, "per_device_train_batch_size": 8, "seed": 7, "validation": 0}
    for name, settings in (("two", {"dimensions": ["helpful", "safe"]}), ("pairs", {})):
        ingest(folder / f"{name}.jsonl", IngestOptions(), store=store)
        (folder / "config.yaml").write_text(yaml.safe_dump({**quick, **settings}))
        options = TrainOptions(model=str(tiny), config=folder / "config.yaml", output=folder / name)
        train("reward", name, options, store=store)
    return folder


@pytest.fixture
def two(trained):
    return trained / "two"


def table(turns=None, completions=None, **more):
    """Inputs of a scorer; messages as JSON text, as the store has them."""
    turns = TURNS if turns is None else turns
    completions = [row["completion"] for row in ROWS] if completions is None else completions
    columns = {"messages": [json.dumps(one) for one in turns], "completion": completions}
    schema = pa.schema([pa.field("messages", pa.string(), metadata=JSON), pa.field("completion", pa.string())])
    return pa.table(columns, schema=schema)


def judged(inputs, output="helpful", **settings):
    """Status, value and reason of each row."""
    scorer = bind_output(read_model("rm", ModelSettings(**settings)), output)
    found = [None] * len(inputs)
    with RulePool() as pool:
        for block in pool.judge(scorer, inputs):
            columns = (block.rows, block.status, block.value, block.reason)
            for row, *outcome in zip(*(column.to_pylist() for column in columns), strict=True):
                assert found[row] is None
                found[row] = tuple(outcome)
    return found


def values(inputs, output="helpful", **settings):
    found = judged(inputs, output, **settings)
    assert {status for status, _, _ in found} == {"ok"}
    return np.array([value for _, value, _ in found])


def by_transformers(folder, turns, completions):
    """Logits, one conversation at a time."""
    import torch
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(folder)
    model = AutoModelForSequenceClassification.from_pretrained(folder, dtype=torch.float32).eval()
    found = []
    for before, completion in zip(turns, completions, strict=True):
        conversation = [*before, {"role": "assistant", "content": completion}]
        ids = tokenizer.apply_chat_template(conversation, return_dict=False)
        with torch.no_grad():
            found.append(model(torch.tensor([ids])).logits[0].numpy())
    return np.array(found)


def test_every_output_is_the_logit_of_transformers(two):
    expected = by_transformers(two, TURNS, [row["completion"] for row in ROWS])
    assert expected.std(axis=0).min() > 0.05
    for place, output in enumerate(("helpful", "safe")):
        assert np.abs(values(table(), output, model=str(two)) - expected[:, place]).max() < 1e-4


def test_a_model_of_pairs_scores_as_trl_evaluates_it(trained, tmp_path):
    from datasets import Dataset
    from transformers import AutoModelForSequenceClassification, AutoTokenizer
    from trl import RewardConfig, RewardTrainer

    folder = trained / "pairs"
    sides = {"chosen": [row["completion"] for row in ROWS], "rejected": ["no the no"] * len(ROWS)}
    rows = {name: [[{"role": "assistant", "content": text}] for text in side] for name, side in sides.items()}
    evaluator = RewardTrainer(
        model=AutoModelForSequenceClassification.from_pretrained(folder, dtype="float32"),
        args=RewardConfig(output_dir=str(tmp_path), use_cpu=True, bf16=False, report_to="none", disable_tqdm=True),
        train_dataset=Dataset.from_dict({"prompt": TURNS, **rows}),
        eval_dataset=Dataset.from_dict({"prompt": TURNS, **rows}),
        processing_class=AutoTokenizer.from_pretrained(folder),
    )
    said = evaluator.evaluate()
    ours = {name: values(table(completions=side), "reward", model=str(folder)) for name, side in sides.items()}
    assert (ours["chosen"] - ours["rejected"]).mean() == pytest.approx(said["eval_margin"], abs=1e-4)
    both = np.concatenate(list(ours.values()))
    assert both.mean() == pytest.approx(said["eval_mean_reward"], abs=1e-4)
    assert both.std() > 0.05


def test_order_and_batches_change_nothing(two):
    expected = values(table(), model=str(two))
    order = np.random.default_rng(1).permutation(len(ROWS))
    for batch_tokens in (1, 100, 100_000):
        found = values(table().take(pa.array(order)), model=str(two), batch_tokens=batch_tokens)
        assert np.abs(found - expected[order]).max() < 1e-5


def test_bfloat16_is_close_and_ranks_alike(two):
    exact, rough = (values(table(), model=str(two), dtype=dtype) for dtype in ("float32", "bfloat16"))
    assert 0 < np.abs(exact - rough).max() < 5e-2
    ranks = [np.argsort(np.argsort(one)) for one in (exact, rough)]
    assert np.corrcoef(ranks)[0, 1] >= 0.995


def test_several_turns_and_an_empty_answer_are_read_as_the_template_says(two):
    turns = [
        [
            {"role": "system", "content": "the animal"},
            {"role": "user", "content": "say cat"},
            {"role": "assistant", "content": "dog"},
            {"role": "user", "content": "no"},
        ]
    ] * 2
    expected = by_transformers(two, turns, ["cat", ""])
    assert np.abs(values(table(turns, ["cat", ""]), model=str(two)) - expected[:, 0]).max() < 1e-4


@pytest.mark.parametrize("ending", ["cat</s><pad>", "<pad><pad>", "red<pad>cat<pad>"])
def test_a_text_that_ends_in_padding_is_read_where_transformers_reads_it(two, tmp_path, ending):
    bare = tmp_path / "bare.jinja"
    bare.write_text("{% for m in messages %}{{ m['content'] }}{% endfor %}")
    folder = tmp_path / "model"
    shutil.copytree(two, folder)
    shutil.copy(bare, folder / "chat_template.jinja")
    expected = by_transformers(folder, TURNS[:1], [ending])
    found = values(table(TURNS[:2], [ending, "cat " * 30]), model=str(two), chat_template=bare)
    assert found[0] == pytest.approx(expected[0, 0], abs=1e-4)


@pytest.mark.parametrize(
    ("turns", "completion", "status", "reason"),
    [
        ([{"role": "user", "content": "say \ud800"}], "cat", "error", "half of a surrogate pair at character"),
        ([{"role": "user", "content": "say"}], None, "skip", "no completion"),
        ([{"role": "user", "content": "say"}], "猫 " * 400, "error", "tokens, of at most 512"),
        (["say"], "cat", "error", "messages is no list of turns"),
        ([{"role": "user"}], "cat", "ok", ""),
    ],
)
def test_broken_input_costs_its_own_row(two, turns, completion, status, reason):
    found = judged(table([turns, *TURNS[:2]], [completion, "cat", "dog"]), model=str(two))
    assert found[0][0] == status
    assert reason in found[0][2]
    assert [one[0] for one in found[1:]] == ["ok", "ok"]


def test_what_a_template_refuses_is_an_error_of_its_row(two, tmp_path):
    strict = tmp_path / "strict.jinja"
    strict.write_text(
        "{% for m in messages %}{% if m['role'] == 'system' %}{{ raise_exception('no system turns') }}{% endif %}"
        "{{ m['content'] }}{% endfor %}"
    )
    turns = [[{"role": "system", "content": "be kind"}, *TURNS[0]], TURNS[0]]
    found = judged(table(turns, ["cat", "cat"]), model=str(two), chat_template=strict)
    assert found[0][0] == "error"
    assert "no system turns" in found[0][2]
    assert found[1][0] == "ok"


def test_many_refused_rows_among_others_do_not_come_as_one_run_of_failures(two, tmp_path):
    strict = tmp_path / "strict.jinja"
    strict.write_text(
        "{% for m in messages %}{{ m['content'] if m['content'] != 'no' else raise_exception('no') }}{% endfor %}"
    )
    turns = [[{"role": "user", "content": "no" if n % 2 else f"say {n}"}] for n in range(160)]
    found = []
    scorer = bind_output(
        read_model("rm", ModelSettings(model=str(two), chat_template=strict, batch_tokens=500)), "safe"
    )
    with RulePool() as pool:
        for block in pool.judge(scorer, table(turns, ["cat"] * 160)):
            found += block.status.to_pylist()
    assert (found.count("error"), found.count("ok")) == (80, 80)
    runs = "".join("x" if one == "error" else " " for one in found).split()
    assert max(map(len, runs)) < 50  # where a stage takes a scorer for broken


def test_a_cut_is_chosen_and_said(two):
    long = table(TURNS[:1], ["cat dog " * 100])
    whole = judged(long, model=str(two))[0]
    assert whole[0] == "ok"
    assert not whole[2]
    start, end = (judged(long, model=str(two), max_length=20, too_long=how)[0] for how in ("keep_start", "keep_end"))
    assert start[0] == end[0] == "ok"
    assert "of at most 20: the last" in start[2]
    assert "of at most 20: the first" in end[2]
    assert len({whole[1], start[1], end[1]}) == 3
    assert judged(long, model=str(two), max_length=20)[0][0] == "error"


def test_without_a_chat_template_it_is_one_line_that_says_what_to_do(two, tmp_path):
    folder = tmp_path / "plain"
    shutil.copytree(two, folder)
    (folder / "chat_template.jinja").unlink()
    with pytest.raises(ConfigError, match="has no chat template; name a file of one: chat_template: FILE"):
        judged(table(), model=str(folder))
    assert judged(table(), model=str(folder), chat_template=two / "chat_template.jinja")[0][0] == "ok"


def test_people_unit_undoes_what_the_training_standardised(two):
    scale = json.loads((two / "config.json").read_text())["score_scale"]
    raw = values(table(), "safe", model=str(two))
    assert values(table(), "safe", model=str(two), unit="people") == pytest.approx(
        raw * scale["std"][1] + scale["mean"][1], abs=1e-6
    )


def changed(folder, target, by):
    """A copy of a model whose head is multiplied."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(folder, target)
    tensors = load_file(target / "model.safetensors")
    tensors["score.weight"] = tensors["score.weight"] * by
    save_file(tensors, target / "model.safetensors", metadata={"format": "pt"})
    return target


def test_ensembles_combine_and_keep_the_disagreement(two, tmp_path):
    members = [two, changed(two, tmp_path / "half", 0.5), changed(two, tmp_path / "turned", -1.0)]
    paths = [str(one) for one in members]
    alone = np.array([values(table(), model=path) for path in paths])
    assert values(table(), model=paths) == pytest.approx(alone.mean(axis=0), abs=1e-6)
    assert values(table(), model=paths, ensemble="min") == pytest.approx(alone.min(axis=0), abs=1e-6)
    spread = alone.std(axis=0, ddof=1)
    less = values(table(), model=paths, ensemble="mean_minus_std", k=0.5)
    assert less == pytest.approx(alone.mean(axis=0) - 0.5 * spread, abs=1e-6)
    assert values(table(), "helpful.disagreement", model=paths) == pytest.approx(spread, abs=1e-6)
    assert f"deviation {spread[0]:.4g}" in judged(table(), model=paths)[0][2]


def test_the_fingerprint_is_of_all_that_decides_and_of_nothing_else(two, tmp_path):
    def fingerprint(**settings):
        return bind_output(read_model("rm", ModelSettings(**{"model": str(two), **settings})), "helpful").fingerprint

    copy = tmp_path / "copy"
    shutil.copytree(two, copy)
    same = {fingerprint(), fingerprint(model=str(copy)), fingerprint(batch_tokens=5), fingerprint(backend="vllm")}
    assert len(same) == 1
    for number, (file, old, new) in enumerate(
        [("chat_template.jinja", "<s>", "<s> "), ("tokenizer.json", "anim", "amin"), ("config.json", "rms", "_rms")]
    ):
        other = tmp_path / f"other{number}"
        shutil.copytree(two, other)
        text = (other / file).read_text()
        assert old in text
        (other / file).write_text(text.replace(old, new, 1))
        same.add(fingerprint(model=str(other)))
    same.add(fingerprint(model=str(changed(two, tmp_path / "weight", 1.001))))
    same |= {fingerprint(max_length=9), fingerprint(too_long="keep_end"), fingerprint(dtype="bfloat16")}
    assert len(same) == 8
    safe = bind_output(read_model("rm", ModelSettings(model=str(two))), "safe")
    assert safe.fingerprint not in same


@pytest.fixture
def spec(two, tmp_path):
    """Writes a spec with two outputs of the model."""

    def write(**settings):
        (tmp_path / "rm").exists() or shutil.copytree(two, tmp_path / "rm")
        file = tmp_path / "reward.yaml"
        scorers = [{"rule": "rm.helpful", "weight": 2}, {"rule": "rm.safe"}, {"rule": "distinct_ngrams"}]
        models = {"rm": {"model": "rm", **settings}}
        file.write_text(yaml.safe_dump({"models": models, "scorers": scorers, "combine": "sum"}))
        return file

    return write


def scored(file, store, dataset="sft"):
    reward = load_reward(RewardOptions(reward=file))
    return score(dataset, ScoreOptions(workers=1), reward=reward, groups=GroupOptions(), store=store)


def test_score_stores_outcomes_per_output_and_resumes_without_a_model(spec, store):
    first = scored(spec(), store)
    assert first.counts["judged"] == first.counts["ok"] == 3 * 64
    with store.read() as con:
        kinds = con.execute(
            "SELECT s.name, s.kind, count(*), count(DISTINCT value) > 5 FROM scores JOIN scorers s USING (scorer_id) "
            "WHERE s.kind = 'model' GROUP BY ALL ORDER BY 1"
        ).fetchall()
        assert kinds == [("rm.helpful", "model", 64, True), ("rm.safe", "model", 64, True)]
        rewards = con.execute("SELECT count(reward) FROM rewards WHERE dataset = 'sft'").fetchone()
    assert rewards == (64,)
    again = scored(spec(backend="of_no_such_name"), store)  # loading it would fail
    assert again.counts["judged"] == 0
    with pytest.raises(ConfigError, match="of_no_such_name"):
        scored(spec(backend="of_no_such_name"), store, "kto")
    assert scored(spec(max_length=500), store).counts["judged"] == 2 * 64


def test_trl_calls_a_reward_with_a_model_and_it_travels(spec):
    reward = trl(str(spec()))
    there = pickle.loads(pickle.dumps(reward))
    prompts, completions = ["say cat", "say dog"], ["cat", "cat dog"]
    assert reward(prompts, completions) == pytest.approx(there(prompts, completions), abs=1e-5)
    assert None not in reward(prompts, completions)


def test_an_included_spec_brings_its_models_along(spec, tmp_path):
    spec()
    (tmp_path / "sub").mkdir()
    (tmp_path / "sub" / "more.yaml").write_text("include: ../reward.yaml\nscorers: []\n")
    names = [one.name for one in load_reward(RewardOptions(reward=tmp_path / "sub" / "more.yaml")).scorers]
    assert names == ["rm.helpful", "rm.safe", "distinct_ngrams"]


@pytest.mark.parametrize(
    ("models", "entry", "kind", "message"),
    [
        ({"rm": "rm"}, {"rule": "rm.helpfull"}, RuleError, "no output 'helpfull'; did you mean 'helpful'"),
        ({"rm": "rm"}, {"rule": "rm"}, RuleError, "several outputs; name one"),
        ({"rm": "rm"}, {"rule": "rm.safe", "options": {"k": 1}}, RuleError, "has no options; .* models.rm"),
        ({"rm": "./nowhere"}, {"rule": "rm.safe"}, ConfigError, "models.rm: no model directory ./nowhere"),
        ({"rm": "base"}, {"rule": "rm.safe"}, ConfigError, "no reward model: it is .'LlamaForCausalLM'"),
        ({"rm": ["rm", "pairs"]}, {"rule": "rm.safe"}, ConfigError, "have the same outputs"),
        ({"rm": {"model": "rm", "k": 2}}, {"rule": "rm.safe"}, ConfigError, "are for several models"),
        ({"rm": {"model": "pairs", "unit": "people"}}, {"rule": "rm"}, ConfigError, "needs score_scale"),
    ],
)
def test_mistakes_in_a_spec_are_one_line(trained, tiny, tmp_path, models, entry, kind, message):
    for name, folder in (("rm", trained / "two"), ("pairs", trained / "pairs"), ("base", tiny)):
        (tmp_path / name).symlink_to(folder)
    (tmp_path / "reward.yaml").write_text(yaml.safe_dump({"models": models, "scorers": [entry]}))
    with pytest.raises(kind, match=message):
        load_reward(RewardOptions(reward=tmp_path / "reward.yaml"))


def test_a_head_that_was_never_trained_is_refused(two, tmp_path):
    from safetensors.torch import load_file, save_file

    folder = tmp_path / "headless"
    shutil.copytree(two, folder)
    tensors = load_file(folder / "model.safetensors")
    del tensors["score.weight"]
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(ConfigError, match=r"lacks weights, which would be drawn at random: score\.weight"):
        judged(table(), model=str(folder))


def test_weights_that_were_cut_off_are_one_line(two, tmp_path):
    folder = tmp_path / "cut"
    shutil.copytree(two, folder)
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-100])
    with pytest.raises(ConfigError, match=r"cannot load reward model .*cut: "):
        judged(table(), model=str(folder))


def test_a_name_that_is_no_directory_and_not_on_the_hub_is_one_line():
    with pytest.raises(NotFoundError, match="no model directory"):
        read_model("rm", ModelSettings(model="nobody/no-such-model"))


def test_the_document_has_a_spec_that_loads_and_names_every_setting(two, tmp_path):
    text = (Path(__file__).parents[2] / "docs" / "reward_models.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"```yml\n(.*?)```", text, re.DOTALL)
    (tmp_path / "out").mkdir()
    for name in ("out/rm", "rm-a", "rm-b", "rm-c"):
        (tmp_path / name).symlink_to(two)
    (tmp_path / "reward.yaml").write_text(block)
    reward = load_reward(RewardOptions(reward=tmp_path / "reward.yaml"))
    assert [one.name for one in reward.scorers] == ["rm.helpful", "rm.safe", "length_band", "safety.safe"]
    table = "".join(line for line in text.split("\n") if line.startswith("| `"))
    assert set(re.findall(r"`(\w+)`", table)) >= set(ModelSettings.model_fields)
