"""GRPO on the tiny model."""

import json
import statistics
import subprocess
import sys
import time

import pytest
import torch
import yaml

from datakit.build_pairs import build_pairs
from datakit.evaluate_models import subjects_of
from datakit.evaluate_prompts import choose_prompts
from datakit.explain import explain
from datakit.ingest import ingest
from datakit.reject_sample import reject_sample
from datakit.score import score
from datakit.show import show
from rewards.spec import load_reward
from schemas.errors import ConfigError, NotFoundError, RuleError, StageStopped
from schemas.options import (
    EvaluateOptions,
    GroupOptions,
    IngestOptions,
    PairOptions,
    RewardOptions,
    ScoreOptions,
    SelectOptions,
)

pytestmark = [
    pytest.mark.filterwarnings("default"),  # those of torch, transformers and trl
    pytest.mark.usefixtures("quick"),
]

RULES = """
from rewards import rule

@rule
def has_e(completion: str) -> bool:
    return "e" in completion
"""
QUICK = {
    "num_generations": 4,
    "per_device_train_batch_size": 8,
    "max_completion_length": 6,
    "logging_steps": 1,
    "rule_workers": 1,
    "rules": ["rules.py"],
    "kl_band": None,
    "bf16": False,
}
TRAIN = GroupOptions(origin=("train",))


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.py"
    path.write_text(RULES)
    return path


@pytest.fixture
def grpo(fit, rules):
    def run(settings=None, *, name="prompts", **more):
        given = {**QUICK, **(settings or {})}
        return fit("grpo", name, {key: value for key, value in given.items() if value != "absent"}, **more)

    return run


@pytest.fixture
def reward(rules):
    return load_reward(RewardOptions(rules=(rules,)))


def spec(tmp_path, *scorers, **more):
    """A reward spec beside the rules."""
    text = yaml.safe_dump({"rules": ["rules.py"], "scorers": list(scorers), **more})
    (tmp_path / "reward.yaml").write_text(text)
    return {"reward": "reward.yaml", "rules": "absent"}


def query(store, sql):
    with store.read() as con:
        return con.execute(sql).fetchall()


def logged(store, name):
    return [value for (value,) in query(store, f"SELECT value FROM metrics WHERE name = '{name}' ORDER BY step")]


def judged(store):
    """Outcomes of what the training drew, by status."""
    return query(store, "SELECT status, count(*) FROM candidates JOIN scores USING (candidate_id) "
                        "WHERE origin = 'train' GROUP BY ALL ORDER BY ALL")  # fmt: skip


def ingested(store, tmp_path, name, rows):
    path = tmp_path / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    ingest(path, IngestOptions(), store=store)


def same(one, other, tolerance=0.0):
    return one.keys() == other.keys() and all(torch.allclose(one[n], other[n], rtol=0, atol=tolerance) for n in one)


@pytest.fixture
def scripted(monkeypatch):
    """Let the policy say these texts, in turn, whatever it draws; everything else is the trainer's own."""
    from train.harness import online_trainer

    workers = []

    def say(*texts):
        class Scripted(online_trainer.OnlineTrainer):
            def _generate(self, prompts):
                workers.append(self)
                drawn = list(super()._generate(prompts))
                drawn[3] = [[{"role": "assistant", "content": texts[k % len(texts)]}] for k in range(len(drawn[3]))]
                return tuple(drawn)

        monkeypatch.setattr(online_trainer, "OnlineTrainer", Scripted)
        return workers

    return say


def test_the_reward_rises_on_what_can_be_learnt(grpo, store):
    grpo({"max_steps": 25, "per_device_train_batch_size": 16, "learning_rate": 2e-2, "lr_scheduler_type": "constant"})
    rewards = logged(store, "reward")
    assert statistics.mean(rewards[-5:]) > statistics.mean(rewards[:5]) + 0.3
    assert logged(store, "kl")[0] == 0 < logged(store, "kl")[-1]
    names = {name for (name,) in query(store, "SELECT DISTINCT name FROM metrics")}
    assert {
        "reward_std",
        "completions/mean_length",
        "completions/clipped_ratio",
        "frac_reward_zero_std",
        "scorers/has_e/error",
        "scorers/has_e/timeout",
    } <= names


def test_a_failed_scorer_gives_no_advantage_and_does_not_shift_its_group(grpo, store, rules, scripted):
    raises = 'if completion == "boom":\n        raise KeyError\n    return "e" in'
    rules.write_text(RULES.replace('return "e" in', raises))
    workers = scripted("red", "boom", "no", "no")
    grpo({"max_steps": 1})
    deviation = (1 / 3) ** 0.5  # of 1, 0, 0 with ddof 1
    group = [2 / 3 / (deviation + 1e-4), 0.0, -1 / 3 / (deviation + 1e-4), -1 / 3 / (deviation + 1e-4)]
    assert list(workers[0]._logs["advantages"]) == pytest.approx(group * 2)
    assert logged(store, "reward") == [pytest.approx(1 / 3)]  # the failures are no zeros
    assert logged(store, "scorers/has_e/error") == [0.25]
    found = query(
        store,
        "SELECT c.text, s.status, s.value, contains(s.reason, 'KeyError') FROM candidates c "
        "JOIN scores s USING (candidate_id) WHERE origin = 'train' ORDER BY ALL",
    )
    boom, no, red = ("boom", "error", None, True), ("no", "ok", 0.0, None), ("red", "ok", 1.0, None)
    assert found == [boom] * 2 + [no] * 4 + [red] * 2


def test_completions_and_outcomes_are_in_the_store_and_add_up(grpo, store, tiny, reward):
    report = grpo({"max_steps": 3})
    ((recipe, model, count),) = query(
        store,
        "SELECT recipe_id::VARCHAR, r.model, count(*) FROM candidates c JOIN recipes r USING (recipe_id) "
        "JOIN scores s USING (candidate_id) WHERE c.origin = 'train' GROUP BY ALL",
    )
    assert (model, count) == (str(tiny), 3 * 8)
    assert any(f"24 completions with their outcomes are in the store (origin train, recipe {recipe[:8]})" in note
               for note in report.notes)  # fmt: skip
    groups = query(store, "SELECT prompt_id, list(sample_index ORDER BY sample_index), any_value(finish_reason) "
                          "FROM candidates WHERE origin = 'train' GROUP BY prompt_id ORDER BY 2")  # fmt: skip
    assert [found for _, found, _ in groups] == [[step * 4 + k for k in range(4)] for step in (0, 0, 1, 1, 2, 2)]
    cut = query(
        store, "SELECT avg((finish_reason = 'length')::INT), max(n_tokens) FROM candidates WHERE origin='train'"
    )
    assert cut == [(pytest.approx(statistics.mean(logged(store, "completions/clipped_ratio"))), 6)]
    assert query(store, "SELECT DISTINCT c.run_id = s.run_id FROM candidates c JOIN scores s USING (candidate_id) "
                        "WHERE origin = 'train'") == [(True,)]  # fmt: skip
    mean = query(store, "SELECT avg(value) FROM scores JOIN candidates USING (candidate_id) WHERE origin = 'train'")
    assert mean == [(pytest.approx(statistics.mean(logged(store, "reward"))),)]


def test_what_the_stages_make_of_the_completions(grpo, store, rules, reward, scripted):
    scripted("red", "blue", "no", "no")
    grpo({"max_steps": 2})
    done = score("prompts", ScoreOptions(workers=1), reward=reward, groups=TRAIN, store=store)
    assert "nothing to do: every candidate is judged by every rule" in done.notes
    assert done.counts["candidates"] == 16
    assert score("prompts", ScoreOptions(), reward=reward, groups=GroupOptions(), store=store).counts["candidates"] == 0
    built = build_pairs("prompts", PairOptions(allow_truncated="both"), reward=reward, groups=TRAIN, store=store)
    assert (built.counts["candidates"], built.counts["pairs"]) == (16, 4)
    made = query(store, "SELECT chosen_id::VARCHAR, c.text FROM pairs JOIN candidates c ON chosen_id = candidate_id "
                        "WHERE dataset = 'prompts-pairs'")  # fmt: skip
    assert {text for _, text in made} == {"red", "blue"}
    assert any("has_e" in str(table.rows) for table in explain(made[0][0], store=store).tables)
    assert show("prompts", store=store).tables
    rules.write_text(RULES.replace('"e"', '"n"'))  # another rule judges them without a model
    again = load_reward(RewardOptions(rules=(rules,)))
    assert score("prompts", ScoreOptions(workers=1), reward=again, groups=TRAIN, store=store).counts["ok"] == 16


def test_rules_read_columns_conditions_and_what_is_known_of_an_answer(grpo, store, tmp_path, rules, scripted):
    rules.write_text("""
from rewards import rule

@rule
def says(completion: str, keyword: str, finish_reason: str, n_tokens: int, model: str) -> bool:
    assert finish_reason in ("stop", "length") and 1 <= n_tokens <= 6 and "tiny" in model
    return keyword in completion

@rule
def colour(prompt: str, messages: list) -> float | None:
    return None if "red" in prompt else 0.5
""")
    given = spec(tmp_path, {"rule": "says", "weight": 3}, {"rule": "colour", "when": {"keyword": ["red", "green"]}})
    scripted("red", "green", "cat", "dog")
    grpo({**given, "max_steps": 8})
    found = query(
        store,
        "SELECT m.columns->>'keyword', c.text, x.name, s.status, s.value FROM candidates c JOIN members m "
        "ON m.prompt_id = c.prompt_id AND m.dataset = 'prompts' JOIN scores s ON s.candidate_id = c.candidate_id "
        "JOIN scorers x USING (scorer_id) WHERE c.origin = 'train'",
    )
    assert {status for *_, status, _ in found} == {"ok", "skip"}
    assert all(value == (keyword in text) for keyword, text, name, _, value in found if name == "says")
    assert {keyword for keyword, _, name, *_ in found if name == "colour"} <= {"red", "green"}
    again = load_reward(RewardOptions(reward=tmp_path / "reward.yaml"))
    done = score("prompts", ScoreOptions(workers=1), reward=again, groups=TRAIN, store=store)
    assert "nothing to do: every candidate is judged by every rule" in done.notes


def scored_groups(store, rewards):
    """Stored groups of the first prompts, with these rewards of `has_e`."""
    prompts = [row[0] for row in query(store, "SELECT prompt_id::VARCHAR FROM members WHERE dataset = 'prompts' "
                                              "ORDER BY line")]  # fmt: skip
    recipe = "00000000-0000-0000-0000-000000000001"
    with store.write() as con:
        con.execute("INSERT INTO recipes VALUES (?, 'm', NULL, '{}')", [recipe])
        con.execute("INSERT INTO dataset_recipes VALUES ('prompts', ?)", [recipe])
        for prompt, group in zip(prompts, rewards, strict=False):
            for place, value in enumerate(group):
                con.execute(
                    "INSERT INTO candidates SELECT uuid(), ?, ?, ?, 'sample', ?, NULL, 'stop', 1, 'e', run_id "
                    "FROM datasets LIMIT 1",
                    [prompt, recipe, place, "e" if value else f"no {place}"],
                )
    return prompts


def test_prompts_that_teach_nothing_are_skipped_by_their_stored_groups(grpo, store, reward, tmp_path):
    prompts = scored_groups(store, [(1, 1, 1, 1), (0, 0, 0, 0), (1, 0, 0, 1), (1, 1, 1), (1, 1, 1, 0)])
    score("prompts", ScoreOptions(workers=1), reward=reward, groups=GroupOptions(), store=store)
    report = grpo({"max_steps": 1, "pass_rate": [0.05, 0.7]})
    assert report.reasons == {"too_easy": 2, "too_hard": 1}
    assert report.counts["rows"] == 61  # 59 prompts without four stored answers, and one whose group is of use
    found = query(store, "SELECT item_id::VARCHAR, reason, detail FROM ledger ORDER BY detail")
    assert found == [
        (prompts[1], "too_hard", "mean reward 0 of 4 answers"),
        (prompts[4], "too_easy", "mean reward 0.75 of 4 answers"),
        (prompts[0], "too_easy", "mean reward 1 of 4 answers"),
    ]
    assert query(store, "SELECT count(*) FROM trained_prompts") == [(61,)]
    wide = grpo({"max_steps": 1, "pass_rate": [-1, 2]}, output="wide", dry_run=True)
    assert wide.reasons == {"no_spread": 2}


@pytest.mark.parametrize("parts", [1, 2])
def test_sft_mix_adds_its_weight_times_the_loss_of_a_batch(grpo, monkeypatch, parts):
    from train.harness import online_trainer

    seen = []

    class Compared(online_trainer.OnlineTrainer):
        def _compute_loss(self, model, inputs):
            mix, number = self._mix, len(seen)
            batch = mix.batch(number)
            logits = model(input_ids=batch["input_ids"], attention_mask=batch["attention_mask"]).logits
            losses = [  # by hand: the mean over the answers' tokens, each foretold by what stands before it
                -logits[row, at - 1].log_softmax(-1)[token]
                for row, labels in enumerate(batch["labels"].tolist())
                for at, token in enumerate(labels)
                if token != -100
            ]
            self._mix = None
            plain = super()._compute_loss(model, inputs)
            self._mix = mix
            both = super()._compute_loss(model, inputs)
            seen.append((plain.item(), both.item(), torch.stack(losses).mean().item(), batch))
            return both

    monkeypatch.setattr(online_trainer, "OnlineTrainer", Compared)
    settings = {"max_steps": 1, "sft_dataset": "sft", "sft_mix": 0.25, "gradient_accumulation_steps": parts}
    grpo(settings)
    assert len(seen) == parts
    for plain, both, by_hand, _ in seen:
        assert both - plain == pytest.approx(0.25 * by_hand / parts, rel=1e-4)
    if parts == 2:
        assert not torch.equal(seen[0][3]["input_ids"], seen[1][3]["input_ids"])  # the next examples


def test_a_selection_is_mixed_in(grpo, store, reward):
    score("sft", ScoreOptions(workers=1), reward=reward, groups=GroupOptions(), store=store)
    reject_sample("sft", SelectOptions(floor=0.5), reward=reward, groups=GroupOptions(), store=store, name="best")
    grpo({"max_steps": 2, "sft_dataset": "best", "sft_mix": 0.1})
    assert len(logged(store, "sft_loss")) == 2


def test_prompts_of_examples_that_are_mixed_in_are_known_as_trained_on(grpo, store, tmp_path):
    ingested(store, tmp_path, "more", [{"prompt": f"name {k}", "completion": "red"} for k in range(5)])
    ingested(store, tmp_path, "asked", [{"prompt": f"name {k}"} for k in range(3, 8)])
    grpo({"max_steps": 1, "sft_dataset": "more", "sft_mix": 0.1})
    assert query(store, "SELECT count(*), count(DISTINCT prompt_id) FROM trained_prompts") == [(64 + 5, 64 + 5)]
    subjects = subjects_of([str(tmp_path / "out")], EvaluateOptions(prompts="asked"))
    asked = choose_prompts("asked", IngestOptions(), subjects, skip_trained=True, store=store)
    assert asked.left_out["trained_prompt"] == 2


def test_seeds_reproduce(grpo, weights, tmp_path):
    for output, seed in (("a", 7), ("b", 7), ("c", 8)):
        grpo({"seed": seed, "max_steps": 3}, output=output)
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "c"))


HELD = """
import time
from pathlib import Path
from rewards import rule

HERE = Path(__file__).parent

@rule
def has_e(completion: str) -> bool:
    while (HERE / "hold").exists() and any(HERE.glob("killed/checkpoint-*/trainer_state.json")):
        time.sleep(0.01)
    return "e" in completion
"""


def test_a_killed_training_goes_on_at_its_step(grpo, start, store, tiny, rules, weights, tmp_path):
    rules.write_text(HELD)
    settings = {"max_steps": 6, "save_steps": 2, "sft_dataset": "sft", "sft_mix": 0.1, "rule_timeout": 300}
    grpo(settings, output="unbroken")
    (tmp_path / "hold").touch()  # its third step does not end
    where = ["--store", store.path, "--config", tmp_path / "config.yaml", "-o", tmp_path / "killed"]
    process = start("train", "grpo", "prompts", "--model", tiny, *where)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "killed").glob("checkpoint-*/trainer_state.json")):
        assert time.monotonic() < deadline, process.log.read_text()
        time.sleep(0.01)
    process.kill()
    (tmp_path / "hold").unlink()
    report = grpo(settings, output="killed")
    assert "went on from checkpoint-2" in report.notes
    first = query(store, f"SELECT min(step), max(step) FROM metrics WHERE run_id = '{report.run_id}' AND name = 'kl'")
    assert first == [(3, 6)]
    assert query(store, f"SELECT count(*) FROM candidates WHERE run_id = '{report.run_id}'") == [(4 * 8,)]
    assert same(weights(tmp_path / "unbroken"), weights(tmp_path / "killed"), 1e-5)


HOLDER = """
import sys, time, duckdb
con = None
while con is None:
    try:
        con = duckdb.connect(sys.argv[1])
    except duckdb.IOException:  # a commit is under way
        time.sleep(0.01)
print("open", flush=True)
input()
"""


def test_a_busy_store_delays_completions_and_does_not_stop_the_training(grpo, store, monkeypatch, capsys):
    from train.harness import completion_log
    from train.harness.online_trainer import OnlineTrainer

    for name in ("COMMIT_SECONDS", "LONGEST_WAIT"):
        monkeypatch.setattr(completion_log, name, 0.0)  # a commit as often as one can be
    store.wait_seconds = 0.1
    holders = []
    original = OnlineTrainer._calculate_rewards

    def held(self, *args):
        """Another process has the store from the second step to the last but one."""
        if self.state.global_step == 1:
            holders.append(
                subprocess.Popen(
                    [sys.executable, "-c", HOLDER, store.path], stdin=subprocess.PIPE, stdout=subprocess.PIPE
                )
            )
            assert holders[0].stdout.readline() == b"open\n"
        if self.state.global_step == 3:
            holders[0].communicate(b"\n")
        return original(self, *args)

    monkeypatch.setattr(OnlineTrainer, "_calculate_rewards", held)
    grpo({"max_steps": 4})
    assert "completions wait for the store" in capsys.readouterr().err
    assert query(store, "SELECT count(*), count(DISTINCT candidate_id) FROM candidates WHERE origin='train'") == [
        (32, 32)
    ]
    assert judged(store) == [("ok", 32)]


def test_a_broken_rule_stops_the_training_and_what_was_said_is_kept(grpo, store, rules):
    rules.write_text(RULES.replace('return "e" in completion', "raise OSError('no server')"))
    with pytest.raises(
        StageStopped, match=r"rule has_e: 50 completions in a row .*no server.* from the last checkpoint"
    ):
        grpo({"max_steps": 20})
    assert judged(store) == [("error", 56)]


def test_kl_outside_its_band_is_warned_of(grpo, capsys):
    report = grpo({"max_steps": 6, "kl_band": [1e-9, 2e-9], "learning_rate": 1e-2})
    assert "is above 1e-09 to 2e-09; a larger beta (0.03) moves it back" in capsys.readouterr().err
    (note,) = [note for note in report.notes if "KL" in note]
    assert note.startswith("warning: KL outside 1e-09 to 2e-09 in 5 of 5 figures; KL")  # the first is 0, always
    report = grpo({"max_steps": 3, "kl_band": [-1, 10]}, output="within")
    assert not any("KL" in note for note in report.notes)


def test_held_out_prompts_are_answered_but_not_kept(grpo, store):
    report = grpo({"max_steps": 2, "validation": 0.1, "per_device_eval_batch_size": 8, "eval_steps": 2})
    assert report.counts["held-out rows"] == 7
    assert len(logged(store, "eval_reward")) == 1
    assert query(store, "SELECT count(*) FROM candidates WHERE origin = 'train'") == [(16,)]


def test_the_prompts_of_other_sets_can_be_trained_on(grpo, store, reward):
    score("sft", ScoreOptions(workers=1), reward=reward, groups=GroupOptions(), store=store)
    made = reject_sample(
        "sft", SelectOptions(floor=0.5), reward=reward, groups=GroupOptions(), store=store, name="best"
    )
    assert grpo({"max_steps": 1}, name="sft").counts["rows"] == 64
    assert grpo({"max_steps": 1}, name="best", output="best").counts["rows"] == made.counts["prompts_with_answers"] < 64


def test_prompts_that_cannot_be_answered_are_in_the_ledger(grpo, store, tmp_path):
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    rows = [{"prompt": f"say {k} red"} for k in range(4)]
    rows += [{"prompt": "say " * 600}, {"prompt": "say", "tools": tools}]
    ingested(store, tmp_path, "odd", rows)
    report = grpo({"max_steps": 1}, name="odd")
    assert report.reasons == {"has_tools": 1, "prompt_too_long": 1}


def test_groups_of_several_sizes_are_refused_or_trained_in_successive_runs(grpo, store, tmp_path):
    ingested(store, tmp_path, "sizes", [{"prompt": f"say {k}", "n": 4 if k < 6 else 8} for k in range(10)])
    with pytest.raises(ConfigError, match=r"groups of 4 \(6 prompts\) and 8 \(4 prompts\) are asked for"):
        grpo({"max_steps": 1}, name="sizes")
    report = grpo({"max_steps": 1, "column_n": "matching"}, name="sizes")
    assert (report.counts["rows"], report.reasons) == (6, {"other_n": 4})
    assert grpo({"max_steps": 1, "column_n": "ignore"}, name="sizes", output="all").counts["rows"] == 10


def test_lora_trains_an_adapter(grpo, store, tmp_path):
    grpo({"max_steps": 2, "use_peft": True, "lora_r": 4, "sft_dataset": "sft", "sft_mix": 0.1})
    assert (tmp_path / "out/adapter_model.safetensors").exists()


def test_the_steps_of_a_dry_run_are_those_of_the_training(grpo, store):
    settings = {"num_train_epochs": 1, "per_device_train_batch_size": 24, "gradient_accumulation_steps": 2}
    estimate = dict(grpo(settings, dry_run=True).tables[0].rows)
    assert estimate["optimizer steps"] == grpo(settings).counts["steps"] == 5  # of 12 prompts: 4 are left over
    assert query(store, "SELECT count(*) FROM candidates WHERE origin = 'train'") == [(240,)]


@pytest.mark.parametrize(
    ("settings", "error", "said"),
    [
        ({"rules": "absent"}, ConfigError, "nothing to judge the answers by"),
        ({"rules": ["none.py"]}, RuleError, "none.py"),
        ({"num_generations": 1}, ConfigError, "at least 2 generations per prompt"),
        ({"num_generations": 3}, ConfigError, r"generation_batch_size \(8\) must be divisible by num_generations"),
        ({"per_device_train_batch_size": 512}, ConfigError, "64 prompts do not fill a generation batch of 128"),
        ({"use_vllm": True, "use_cpu": True}, ConfigError, "use_vllm needs a GPU; leave it out on a CPU"),
        ({"sft_mix": 0.1}, ConfigError, "sft_mix .* and sft_dataset .* go together"),
        ({"sft_mix": 0.1, "sft_dataset": "prompts"}, ConfigError, "prompts@1 holds prompt-only rows"),
        ({"sft_mix": 0.1, "sft_dataset": "stf"}, NotFoundError, "no data set 'stf'"),
        ({"pass_rate": [0.9, 0.1]}, ConfigError, r"pass_rate: .*write \[low, high\]"),
        ({"pass_rat": [0.1, 0.9]}, ConfigError, "did you mean 'pass_rate'"),
        ({"column_n": "all"}, ConfigError, "column_n: "),
    ],
)
def test_wrong_settings_are_one_line(grpo, settings, error, said):
    with pytest.raises(error, match=said) as caught:
        grpo({"max_steps": 1, **settings})
    assert "\n" not in str(caught.value)


def test_a_reward_that_does_not_fit_is_one_line_before_anything_is_loaded(grpo, store, tmp_path, rules):
    nowhere = tmp_path / "no-weights"
    nowhere.mkdir()
    (nowhere / "config.json").write_text("{}")
    rules.write_text(RULES.replace("completion: str", "completion: str, keywrd: str"))
    with pytest.raises(
        RuleError, match=r"reads the column 'keywrd', which data set prompts@1 does not have; did you mean"
    ):
        grpo(model=nowhere)
    with pytest.raises(RuleError, match=r"reward.yaml: scorers\[0\].*has_ee"):
        grpo(spec(tmp_path, {"rule": "has_ee"}), model=nowhere)
    rules.write_text(RULES)
    with pytest.raises(ConfigError, match="set scale_rewards in GRPOConfig"):
        grpo(spec(tmp_path, {"rule": "has_e"}, normalise="zscore"), model=nowhere)
    with store.write() as con:
        con.execute("INSERT INTO datasets SELECT 'nothing', 1, 'prompts', run_id, '{}' FROM datasets LIMIT 1")
    with pytest.raises(ConfigError, match="nothing@1 has no prompts to train on"):
        grpo(name="nothing", model=nowhere)


def test_a_changed_rule_is_another_training(grpo, rules):
    grpo({"max_steps": 1})
    rules.write_text(RULES.replace('"e"', '"n"'))
    with pytest.raises(ConfigError, match="holds another training"):
        grpo({"max_steps": 1})


def test_the_completions_of_all_processes_are_kept_by_one(start, store, tiny, tmp_path, rules):
    config = tmp_path / "two.yaml"
    config.write_text(yaml.safe_dump({**QUICK, "per_device_train_batch_size": 4, "max_steps": 2}))
    where = ["--store", store.path, "--config", config, "-o", tmp_path / "two"]
    done = start("train", "grpo", "prompts", "--model", tiny, *where, ranks=2)
    assert done.wait() == [0, 0], done.log.read_text()
    assert done.log.read_text().count("train grpo prompts@1") == 1
    groups = query(store, "SELECT list(sample_index ORDER BY sample_index) AS indices FROM candidates "
                          "WHERE origin = 'train' GROUP BY prompt_id ORDER BY indices")  # fmt: skip
    assert groups == [([0, 1, 2, 3],)] * 2 + [([4, 5, 6, 7],)] * 2
    assert judged(store) == [("ok", 16)]
    assert query(store, "SELECT count(*), count(output_revision) FROM trainings") == [(1, 1)]
