"""What holds for every method: the record, resuming, the settings, and one clear line for every mistake."""

import json
import signal
import subprocess
import sys
import time

import pytest
import torch
import yaml

from datakit.ingest import ingest
from datakit.reject_sample import reject_sample
from rewards.model_files import content_revision
from schemas.errors import ConfigError, NotFoundError, StoreBusyError, UserError
from schemas.options import IngestOptions, TrainOptions
from train.harness.stage import train

pytestmark = pytest.mark.filterwarnings("default")  # those of torch, transformers and trl
METHODS = {"sft": "sft", "dpo": "pairs"}
QUIET = {"sft": {}, "dpo": {"sample_answers": 0}}


def same(one, other, tolerance=0.0):
    return one.keys() == other.keys() and all(torch.allclose(one[n], other[n], rtol=0, atol=tolerance) for n in one)


def query(store, sql):
    with store.read() as con:
        return con.execute(sql).fetchall()


def test_a_training_is_recorded_with_all_that_it_came_from(fit, store, tiny, tmp_path):
    report = fit("sft", "sft", {"max_steps": 5})
    ((method, dataset, model, revision, output, trained, config, metrics),) = query(
        store,
        "SELECT method, dataset || '@' || version, model, model_revision, output, output_revision, config, metrics "
        "FROM trainings",
    )
    assert (method, dataset, model) == ("sft", "sft@1", str(tiny))
    assert revision == content_revision(tiny)
    assert output == str(tmp_path / "out")
    assert trained == content_revision(tmp_path / "out") != revision
    assert json.loads(config)["max_steps"] == 5
    assert json.loads(metrics)["steps"] == 5
    assert query(store, "SELECT stage, status FROM runs WHERE stage = 'train'") == [("train", "done")]
    assert query(store, "SELECT count(DISTINCT prompt_id) FROM trained_prompts") == [(64,)]  # those held out too
    steps = query(store, "SELECT DISTINCT step FROM metrics WHERE name IN ('loss', 'eval_loss') ORDER BY 1")
    assert steps[0] == (1,)
    assert report.run_id


@pytest.mark.parametrize("method", METHODS)
def test_seeds_reproduce(fit, weights, tmp_path, method):
    for output, seed in (("a", 7), ("b", 7), ("c", 8)):
        fit(method, METHODS[method], {"seed": seed, "max_steps": 6, **QUIET[method]}, output=output)
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "c"))


@pytest.mark.parametrize("method", METHODS)
def test_a_killed_training_ends_where_an_unbroken_one_does(fit, store, tiny, weights, tmp_path, method):
    settings = {"num_train_epochs": 12, "early_stopping": None, "validation": 0.1, **QUIET[method]}
    fit(method, METHODS[method], settings, output="unbroken")
    config = str(tmp_path / "config.yaml")
    command = [sys.executable, "-m", "datakit", "train", method, METHODS[method], "--model", str(tiny)]
    command += ["--config", config, "-o", str(tmp_path / "killed"), "--store", str(store.path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "killed").glob("checkpoint-*/trainer_state.json")):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed/model.safetensors").exists()
    report = fit(method, METHODS[method], settings, output="killed")
    assert any(note.startswith("went on from checkpoint-") for note in report.notes)
    assert same(weights(tmp_path / "unbroken"), weights(tmp_path / "killed"), 1e-5)
    (unbroken, killed) = query(store, "SELECT metrics FROM trainings WHERE metrics IS NOT NULL ORDER BY rowid")
    assert "train_loss" in unbroken[0]
    assert "train_loss" not in killed[0], "the mean over a part of the steps"


def test_a_checkpoint_that_was_cut_off_is_not_resumed_from(fit, store, tmp_path):
    from train.harness.folder import Folder

    for name, state in (
        ("checkpoint-5", '{"global_step": 5}'),
        ("checkpoint-10", '{"global_st'),
        ("checkpoint-x", "{}"),
    ):
        (tmp_path / name).mkdir()
        (tmp_path / name / "trainer_state.json").write_text(state)
    assert Folder(tmp_path, "").last_checkpoint() == tmp_path / "checkpoint-5"


def test_a_finished_training_is_left_alone(fit, store, tmp_path):
    fit("sft", "sft", {"max_steps": 2})
    before = (tmp_path / "out/model.safetensors").stat().st_mtime_ns
    report = fit("sft", "sft", {"max_steps": 2})
    assert "nothing to do: this training is finished" in report.notes
    assert report.run_id is None
    assert (tmp_path / "out/model.safetensors").stat().st_mtime_ns == before
    assert len(query(store, "FROM trainings")) == 1


@pytest.mark.parametrize("method", METHODS)
def test_lora_trains_an_adapter_and_leaves_the_rest(fit, tiny, tmp_path, method):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    settings = {"use_peft": True, "lora_r": 4, "max_steps": 3, "sample_answers": 2, "sample_tokens": 4}
    fit(method, METHODS[method], settings if method == "dpo" else dict(list(settings.items())[:3]))
    assert (tmp_path / "out/adapter_model.safetensors").exists()
    assert not (tmp_path / "out/model.safetensors").exists()
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny), tmp_path / "out")
    assert any("lora_B" in name and bool(tensor.any()) for name, tensor in model.named_parameters())


def test_a_dry_run_starts_nothing(fit, store, tmp_path):
    report = fit("dpo", "pairs", {"num_train_epochs": 3}, dry_run=True)
    estimate = dict(report.tables[0].rows)
    assert (estimate["rows"], estimate["held-out rows"], estimate["optimizer steps"]) == (60, 4, 24)
    assert estimate["tokens in all, about"] == pytest.approx(estimate["tokens a row (mean)"] * 60 * 3, rel=0.01)
    assert ("beta", "0.1") not in report.tables[1].rows  # TRL's default
    assert ("num_train_epochs", "3") in report.tables[1].rows
    assert not (tmp_path / "out").exists()
    assert query(store, "FROM trainings") == []


def test_the_steps_of_a_dry_run_are_those_of_the_training(fit):
    settings = {"num_train_epochs": 3, "gradient_accumulation_steps": 3, "per_device_train_batch_size": 4}
    estimate = dict(fit("sft", "sft", settings, dry_run=True).tables[0].rows)
    assert estimate["optimizer steps"] == fit("sft", "sft", settings).counts["steps"]


def test_rows_that_leave_nothing_to_learn_are_in_the_ledger(fit, store, tmp_path):
    rows = [{"prompt": "say red", "completion": "red"}, {"prompt": "say " * 100, "completion": "blue"}]
    (tmp_path / "long.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ingest(tmp_path / "long.jsonl", IngestOptions(), store=store)
    report = fit("sft", "long", {"max_length": 64, "max_steps": 1})
    assert report.reasons == {"too_long": 1}
    (found,) = query(
        store, "SELECT l.detail, p.messages->0->>'content' FROM ledger l JOIN prompts p ON p.prompt_id = item_id"
    )
    assert found == ("the prompt fills max_length 64", "say " * 100)
    with pytest.raises(ConfigError, match=r"no row is left to train on \(too_long\); raise max_length"):
        fit("sft", "long", {"max_length": 4}, output="none")


def test_rows_that_the_chat_template_refuses_are_in_the_ledger(fit, store, make_tiny, tmp_path):
    folder = make_tiny(tmp_path / "strict")
    template = (folder / "chat_template.jinja").read_text()
    strict = "{% if messages[0].role == 'system' %}{{ raise_exception('no system turn') }}{% endif %}" + template
    (folder / "chat_template.jinja").write_text(strict)
    rows = [
        {"system": "name", "instruction": "say red", "output": "red"},
        {"instruction": "say blue", "output": "blue"},
    ]
    (tmp_path / "mixed.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ingest(tmp_path / "mixed.jsonl", IngestOptions(), store=store)
    report = fit("sft", "mixed", {"max_steps": 1}, model=folder)
    assert report.reasons == {"template_refuses": 1}
    assert query(store, "SELECT detail FROM ledger") == [("no system turn",)]


def test_tool_calls_and_parts_reach_the_chat_template_as_they_are(fit, store, make_tiny, tmp_path):
    folder = make_tiny(tmp_path / "tools")
    template = "{% for m in messages %}<s>{{ m.role }}:{{ m.content }}"
    template += "{% for c in m.tool_calls or [] %}{{ c.function.arguments.city }}{% endfor %}</s>{% endfor %}"
    template += "{% if add_generation_prompt %}<s>assistant:{% endif %}"
    (folder / "chat_template.jinja").write_text(template)
    call = {"type": "function", "function": {"name": "weather", "arguments": {"city": "blue"}}}
    messages = [
        {"role": "user", "content": "say blue"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
        {"role": "tool", "content": "red", "name": "weather"},
        {"role": "assistant", "content": "red"},
    ]
    (tmp_path / "calls.jsonl").write_text(json.dumps({"messages": messages}) + "\n")
    ingest(tmp_path / "calls.jsonl", IngestOptions(), store=store)
    from datakit.trl_rows import EXAMPLES
    from train.harness.rows import Reading, read_rows

    (row,) = read_rows(store, "calls", Reading(EXAMPLES, 0.0, 0)).train
    assert row["prompt"][1]["tool_calls"][0]["function"]["arguments"] == {"city": "blue"}
    assert row["completion"] == [{"role": "assistant", "content": "red"}]
    assert fit("sft", "calls", {"max_steps": 1}, model=folder).counts == {"rows": 1, "steps": 1}


def test_an_existing_trl_file_works_and_what_the_command_says_is_named(fit):
    trl_file = {"dataset_name": "trl-lib/Capybara", "model_name_or_path": "Qwen/Qwen3-0.6B", "max_steps": 1}
    report = fit("sft", "sft", {**trl_file, "learning_rate": 2.0e-4, "packing": False})
    assert "model_name_or_path of the config is left out; say it with --model" in report.notes


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"learnin_rate": 1e-4}, "no option 'learnin_rate'; did you mean 'learning_rate'?"),
        ({"freeze_botom": 0.2}, "no option 'freeze_botom'; did you mean 'freeze_bottom'?"),
        ({"completely_unknown_thing": 1}, "docs/train.md has ours, SFTConfig of TRL the others"),
        ({"learning_rate": "fast"}, "learning_rate: .* not 'fast'"),
        ({"freeze_bottom": 2}, "freeze_bottom: "),
        ({"validation": -1}, "validation: "),
        ({"packing": True, "max_length": None}, "max_length"),
        ({"save_strategy": "sometimes"}, "sometimes is not a valid SaveStrategy"),
    ],
)
def test_wrong_settings_are_one_line(fit, settings, said):
    with pytest.raises(ConfigError, match=said):
        fit("sft", "sft", settings)


@pytest.mark.parametrize(
    ("method", "name", "said"),
    [
        ("sft", "prompts", r"prompts@1 holds prompt-only rows; this method trains on answers"),
        ("sft", "pairs", "pairs@1 holds preference rows; this method trains on answers"),
        ("dpo", "sft", "sft@1 holds prompt-completion rows; this method trains on pairs"),
        ("spo", "sft", "no method of training 'spo'; did you mean"),
        ("harness", "sft", "no method of training 'harness'"),
    ],
)
def test_a_set_of_another_kind_and_an_unknown_method_are_one_line(fit, method, name, said):
    with pytest.raises(ConfigError, match=said):
        fit(method, name)


def test_an_unknown_set_and_an_unknown_model_are_one_line(fit, tmp_path):
    with pytest.raises(NotFoundError, match="no data set 'stf'"):
        fit("sft", "stf")
    with pytest.raises(NotFoundError, match="no model directory"):
        fit("sft", "sft", model=tmp_path / "nothing")
    (tmp_path / "empty").mkdir()
    with pytest.raises(NotFoundError, match="holds no model"):
        fit("sft", "sft", model=tmp_path / "empty")


def test_an_empty_set_is_one_line(fit, store):
    with store.write() as con:
        con.execute("INSERT INTO datasets SELECT 'nothing', 1, 'pairs', run_id, '{}' FROM datasets LIMIT 1")
    with pytest.raises(ConfigError, match="nothing@1 has no rows to train on"):
        fit("dpo", "nothing")


def test_a_model_without_a_chat_template_and_an_adapter_are_one_line(fit, make_tiny, tmp_path):
    with pytest.raises(ConfigError, match="has no chat template"):
        fit("sft", "sft", model=make_tiny(tmp_path / "plain", template=False))
    fit("sft", "sft", {"use_peft": True, "max_steps": 1}, output="adapter")
    with pytest.raises(ConfigError, match="is a LoRA adapter; merge it"):
        fit("sft", "sft", model=tmp_path / "adapter", output="second")


def test_another_training_in_the_directory_is_not_overwritten(fit, tmp_path):
    fit("sft", "sft", {"max_steps": 1})
    with pytest.raises(ConfigError, match=r"holds another training \(it differs in settings\)"):
        fit("sft", "sft", {"max_steps": 2})
    (tmp_path / "full").mkdir()
    (tmp_path / "full/thesis.txt").write_text("mine")
    with pytest.raises(ConfigError, match="is not empty"):
        fit("sft", "sft", output="full")


def test_a_training_that_could_not_begin_does_not_hold_its_directory(fit, make_tiny, tmp_path):
    with pytest.raises(ConfigError, match="has no chat template"):
        fit("sft", "sft", model=make_tiny(tmp_path / "plain", template=False))
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["datakit-training.json"]
    assert fit("sft", "sft", {"max_steps": 1}).output == str(tmp_path / "out")


def test_a_full_disk_is_one_line(fit, tmp_path):
    import resource

    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    old = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    try:
        resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, limit[1]))  # the tiny model has 160 kB
        with pytest.raises(UserError, match=r"cannot write|disk of"):
            fit("sft", "sft", {"max_steps": 5})
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
        signal.signal(signal.SIGXFSZ, old)


def test_a_store_that_is_being_written_is_one_line(fit, store, tmp_path):
    code = f"import duckdb, time; con = duckdb.connect({str(store.path)!r}); print('open', flush=True); time.sleep(60)"
    holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    try:
        holder.stdout.readline()
        store.wait_seconds = 0.2
        with pytest.raises(StoreBusyError, match=rf"is held by process {holder.pid}"):
            fit("sft", "sft")
    finally:
        holder.kill()
        holder.communicate()


def test_figures_wait_for_a_store_that_is_busy(store, tmp_path, capsys):
    from datakit.progress import track
    from datakit.run import Run
    from train.harness.recorder import Recorder

    class State:
        global_step = 1

    code = f"import duckdb, time; con = duckdb.connect({str(store.path)!r}); print('open', flush=True); time.sleep(60)"
    with Run(store, "train", params={}, inputs={}) as run, track("x", 2) as bar:
        recorder = Recorder(run, bar, total=2)
        holder = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
        try:
            holder.stdout.readline()
            store.wait_seconds, recorder._committed = 0.1, -1e9
            recorder.on_log(None, State, None, {"loss": 2.0, "bad": float("nan")})
        finally:
            holder.kill()
            holder.communicate()
        recorder.commit()
    assert query(store, "SELECT step, name, value FROM metrics ORDER BY name") == [(1, "bad", None), (1, "loss", 2.0)]
    assert "figures wait for the store" in capsys.readouterr().err


def test_a_selection_trains_sft(fit, store, tmp_path):
    from rewards.spec import load_reward
    from schemas.options import GroupOptions, RewardOptions, SelectOptions

    rules = tmp_path / "r.py"
    rules.write_text(
        "from rewards import rule\n\n@rule\ndef short(completion: str) -> bool:\n    return len(completion) < 4\n"
    )
    reward = load_reward(RewardOptions(rules=(rules,)))
    from datakit.score import score
    from schemas.options import ScoreOptions

    score("sft", ScoreOptions(workers=1), reward=reward, groups=GroupOptions(), store=store)
    options = SelectOptions(best=1, floor=0.5)
    made = reject_sample("sft", options, reward=reward, groups=GroupOptions(), store=store, name="best")
    report = fit("sft", "best", {"max_steps": 1, "validation": 0})
    assert report.counts["rows"] == made.counts["kept"] if "kept" in made.counts else report.counts["rows"] > 0
    assert report.dataset == "best"


def test_tensorboard_gets_the_figures_if_asked(fit, tmp_path, monkeypatch):
    pytest.importorskip("tensorboardX")
    monkeypatch.setenv("TENSORBOARD_LOGGING_DIR", str(tmp_path / "board"))
    fit("sft", "sft", {"max_steps": 2, "report_to": "tensorboard", "logging_steps": 1})
    (events,) = (tmp_path / "board").rglob("events.out.tfevents.*")
    assert b"train/loss" in events.read_bytes()


def test_several_processes_train_one_model_and_one_of_them_writes(start, store, tiny, tmp_path):
    config = tmp_path / "two.yaml"
    config.write_text(yaml.safe_dump({"num_train_epochs": 1, "per_device_train_batch_size": 4, "validation": 0}))
    where = ["--store", store.path, "--config", config, "-o", tmp_path / "two"]
    done = start("train", "sft", "sft", "--model", tiny, *where, ranks=2)
    assert done.wait() == [0, 0], done.log.read_text()
    assert (tmp_path / "two/model.safetensors").exists()
    assert done.log.read_text().count("train sft sft@1") == 1
    assert query(store, "SELECT count(*), count(output_revision) FROM trainings") == [(1, 1)]
    assert query(store, "SELECT max(step) FROM metrics") == [(8,)]  # of 64 rows, 4 a process and step


def test_train_options_are_checked_by_the_command_line(store):
    from datakit.cli.app import run

    assert run(["train", "sft", "sft", "--store", str(store.path)]) == 2
    assert TrainOptions(model="m", output="o").dry_run is False
    assert train.__doc__


def test_show_lists_the_trainings(fit, store, tiny, tmp_path):
    from datakit.show import show

    assert "Trainings" not in [table.title for table in show(store=store).tables]
    fit("sft", "sft", {"max_steps": 4})
    (table,) = [table for table in show(store=store).tables if table.title == "Trainings"]
    (row,) = table.rows
    assert row[1:5] == ("sft", "sft@1", tiny.name, 4)
    assert row[7] == str(tmp_path / "out")
