"""Reward models on the tiny model, from pairs and from people's scores."""

import json
import signal
import subprocess
import sys
import time

import pytest
import torch

from datakit.ingest import ingest
from schemas.errors import ConfigError
from schemas.options import IngestOptions

pytestmark = pytest.mark.filterwarnings("default")  # those of torch, transformers and trl

GOOD, BAD = ("cat", "dog", "red", "blue"), ("no the no", "is a of", "what of what", "the a the")


def ingested(store, tmp_path, name, rows):
    path = tmp_path / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return ingest(path, IngestOptions(), store=store)


@pytest.fixture
def rated(store, tmp_path):
    """Answers whose score is 9 where they name an animal or a colour, else 2."""
    rows = [
        {"instruction": f"say {number} of {word}", "response": word, "score": 9 if word in GOOD else 2}
        for number in range(10)
        for word in (*GOOD, *BAD)
    ]
    ingested(store, tmp_path, "rated", rows)


@pytest.fixture
def helpful_and_safe(store, tmp_path):
    """Two scores in different units; one answer in four has no `safe`."""
    rows = [
        {
            "prompt": f"say {number} of {word}",
            "completion": word,
            "helpful": 4 if word in GOOD else 0,
            **({"safe": 100 if word in ("cat", "is a of") else 50} if number % 4 else {}),
        }
        for number in range(12)
        for word in (*GOOD, *BAD)
    ]
    ingested(store, tmp_path, "two", rows)


def same(one, other, tolerance=0.0):
    return one.keys() == other.keys() and all(torch.allclose(one[n], other[n], rtol=0, atol=tolerance) for n in one)


def metrics(store):
    with store.read() as con:
        return json.loads(con.execute("SELECT metrics FROM trainings").fetchone()[0])


def logged(store, name):
    with store.read() as con:
        return [
            value
            for (value,) in con.execute("SELECT value FROM metrics WHERE name = ? ORDER BY step", [name]).fetchall()
        ]


def test_chosen_answers_get_the_higher_reward_on_held_out_prompts(fit, store):
    report = fit("reward", "pairs", {"num_train_epochs": 3, "validation": 0.25, "logging_steps": 1})
    losses = logged(store, "loss")
    assert losses[-1] < 0.1 < 0.4 < losses[0]
    found = metrics(store)
    assert found["held_out/accuracy"] == 1.0
    assert found["held_out/accuracy_low"] == pytest.approx(0.8064, abs=1e-4)  # Wilson, 16 of 16
    assert found["held_out/accuracy_chosen_shorter"] == 1.0
    assert "held_out/accuracy_chosen_longer" not in found
    assert found["held_out/margin"] > 1
    assert any(note.startswith("held-out accuracy 1.000 (0.806 to 1.000) on 16 pairs") for note in report.notes)
    assert not any("goes by length" in note for note in report.notes)
    by_length = next(table for table in report.tables if "by length" in table.title)
    assert [row[:2] for row in by_length.rows] == [
        ("all", 16),
        ("chosen longer", 0),
        ("within 10%", 0),
        ("chosen shorter", 16),
    ]


def test_scores_are_learnt_and_come_back_in_the_unit_of_the_people(fit, store, rated, tmp_path):
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    fit("reward", "rated", {"num_train_epochs": 8, "validation": 0.2, "logging_steps": 1})
    losses = logged(store, "loss")
    assert losses[-1] < 0.1 < 0.5 < losses[0]
    found = metrics(store)
    assert found["held_out/human/answers"] == 16
    assert found["held_out/human/mse"] < 0.5 < 5 < found["held_out/human/variance"]
    assert found["held_out/human/pearson"] > 0.95
    assert found["held_out/human/spearman"] > 0.6  # two levels: ties bound it
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert model.config.id2label == {0: "human"}
    scale = model.config.score_scale
    for word, score in (("cat", 9), ("is a of", 2)):
        turns = [{"role": "user", "content": f"say 77 of {word}"}, {"role": "assistant", "content": word}]
        ids = tokenizer.apply_chat_template(turns, return_tensors="pt", return_dict=True)
        output = model(**ids).logits[0, 0].item()
        assert output * scale["std"][0] + scale["mean"][0] == pytest.approx(score, abs=1)


def test_dimensions_are_outputs_and_a_missing_score_has_no_part_in_the_loss(fit, store, helpful_and_safe, tmp_path):
    settings = {"dimensions": ["helpful", "safe"], "num_train_epochs": 4, "validation": 0.2, "bf16": False}
    report = fit("reward", "two", {**settings, "per_device_eval_batch_size": 64})
    config = json.loads((tmp_path / "out/config.json").read_text())
    assert config["id2label"] == {"0": "helpful", "1": "safe"}
    found, scale = metrics(store), config["score_scale"]
    counts = [found[f"held_out/{name}/answers"] for name in ("helpful", "safe")]
    assert counts[0] == 20 > counts[1] > 0
    errors = [
        found[f"held_out/{name}/mse"] / std**2 for name, std in zip(("helpful", "safe"), scale["std"], strict=True)
    ]
    by_hand = sum(many * error for many, error in zip(counts, errors, strict=True)) / sum(counts)
    assert logged(store, "eval_loss")[-1] == pytest.approx(by_hand, rel=0.01)
    assert scale["mean"][1] == pytest.approx(62.5, abs=3)  # of 100 and 50, one in four: absent ones are no zeros
    missing = 24 - (20 - counts[1])  # of 96 answers every fourth lacks it; the others that do are held out
    assert f"learns people's scores, an output each: helpful, safe ({missing} missing)" in report.notes
    table = next(table for table in report.tables if table.title == "Scores of held-out answers")
    assert [row[0] for row in table.rows] == ["helpful", "safe"]


def test_answers_that_lack_a_dimension_train_as_if_it_were_not_asked(fit, store, tmp_path, weights):
    """Rows without `safe` give its output no gradient: its head ends where it began."""
    rows = [
        {"prompt": f"say {n}", "completion": "cat", "helpful": n % 5, **({"safe": n % 2} if n > 37 else {})}
        for n in range(40)
    ]
    ingested(store, tmp_path, "rare", rows)
    settings = {"dimensions": ["helpful", "safe"], "validation": 0, "weight_decay": 0.0, "max_steps": 1}
    settings |= {"per_device_train_batch_size": 4, "train_sampling_strategy": "sequential"}
    fit("reward", "rare", {**settings, "learning_rate": 1e-12}, output="before")
    fit("reward", "rare", settings, output="after")
    before, after = (weights(tmp_path / name)["score.weight"] for name in ("before", "after"))
    assert not torch.allclose(before[0], after[0])
    assert torch.allclose(before[1], after[1], atol=1e-9)


def test_people_who_review_generated_answers_are_dimensions_too(fit, store, tmp_path):
    """What a review page brings: another scorer, on answers that are in the store."""
    from schemas.identity import content_id

    with store.write() as con:
        key, run = content_id(["human", "ann", "review"]), con.execute("SELECT run_id FROM runs LIMIT 1").fetchone()[0]
        con.execute("INSERT INTO scorers VALUES (?, 'ann', 'human', 'f', 's', '{}')", [key])
        con.execute(
            "INSERT INTO scores SELECT candidate_id, ?, md5('[]')::UUID, 'ok', 1 + line % 10, NULL, NULL, ? "
            "FROM members WHERE dataset = 'sft' AND line <= 30",
            [key, run],
        )
    assert fit("reward", "sft", {"max_steps": 1, "validation": 0}).counts["rows"] == 30
    with store.read() as con:
        config = con.execute("SELECT config FROM trainings").fetchone()[0]
    assert json.loads(config)["objective"] == "auto"


def test_held_out_prompts_never_train_and_rows_of_a_prompt_stay_together(store, rated):
    from trl import RewardConfig

    from train.reward import Reward

    arguments = RewardConfig("x", seed=7, bf16=False, use_cpu=True)
    for name in ("pairs", "rated"):
        rows = Reward(validation=0.25).read(store, name, arguments)
        assert len(rows.validation) == pytest.approx((len(rows.train) + len(rows.validation)) / 4, abs=1)
        assert not set(rows.train["prompt_id"]) & set(rows.validation["prompt_id"])


@pytest.mark.parametrize("name", ["pairs", "rated"])
def test_the_saved_model_gives_the_logits_of_the_trained_one(fit, store, rated, tmp_path, name, monkeypatch):
    import trl
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    workers = []
    original = trl.RewardTrainer.__init__

    def remembered(self, *args, **kwargs):
        original(self, *args, **kwargs)
        workers.append(self)

    monkeypatch.setattr(trl.RewardTrainer, "__init__", remembered)
    fit("reward", name, {"max_steps": 4})
    trained = workers[0].model.eval()
    saved = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    config = json.loads((tmp_path / "out/config.json").read_text())
    assert config["architectures"] == ["LlamaForSequenceClassification"]
    assert config["pad_token_id"] == tokenizer.pad_token_id == 2
    assert config["problem_type"] == "regression"
    assert tokenizer.chat_template
    texts = [
        [{"role": "user", "content": "say red"}, {"role": "assistant", "content": a}] for a in ("red", "no the no")
    ]
    batch = tokenizer.apply_chat_template(texts, return_tensors="pt", return_dict=True, padding=True)
    with torch.no_grad():
        expected, found = trained(**batch).logits, saved(**batch).logits
        alone = [saved(**tokenizer.apply_chat_template(text, return_tensors="pt", return_dict=True)) for text in texts]
    assert torch.equal(expected, found)
    assert torch.allclose(torch.cat([one.logits for one in alone]), found, atol=1e-6)  # padding is left out


def test_lora_trains_the_head_too_and_saves_a_whole_model(fit, store, tiny, tmp_path, weights):
    from peft import PeftModel
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    settings = {"use_peft": True, "lora_r": 4, "num_train_epochs": 3, "validation": 0.25}
    fit("reward", "pairs", settings)
    saved = weights(tmp_path / "out")
    base = weights(tiny)
    moved = {name for name in base if name in saved and not torch.equal(base[name], saved[name])}
    assert moved
    assert all("q_proj" in name or "v_proj" in name for name in moved)
    assert metrics(store)["held_out/accuracy"] == 1.0
    torch.manual_seed(0)
    start = AutoModelForSequenceClassification.from_pretrained(tiny, num_labels=1)
    adapted = PeftModel.from_pretrained(start, tmp_path / "out/adapter").eval()
    whole = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out").eval()
    ids = AutoTokenizer.from_pretrained(tmp_path / "out")("say red", return_tensors="pt").input_ids
    with torch.no_grad():
        assert torch.allclose(adapted(ids).logits, whole(ids).logits, atol=1e-5)  # the adapter brings its head along
    fit("reward", "pairs", {**settings, "learning_rate": 1e-12}, output="still")
    assert not torch.allclose(saved["score.weight"], weights(tmp_path / "still")["score.weight"], atol=1e-3)


@pytest.mark.parametrize("name", ["pairs", "rated"])
def test_seeds_reproduce(fit, store, rated, weights, tmp_path, name):
    for output, seed in (("a", 7), ("b", 7), ("c", 8)):
        fit("reward", name, {"seed": seed, "max_steps": 4}, output=output)
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "c"))


@pytest.mark.parametrize(("name", "extra"), [("pairs", {}), ("rated", {"use_peft": True, "lora_r": 4})])
def test_a_killed_training_ends_where_an_unbroken_one_does(fit, store, rated, tiny, weights, tmp_path, name, extra):
    settings = {"num_train_epochs": 4, "validation": 0.1, **extra}
    fit("reward", name, settings, output="unbroken")
    command = [sys.executable, "-m", "datakit", "train", "reward", name, "--model", str(tiny)]
    command += ["--config", str(tmp_path / "config.yaml"), "-o", str(tmp_path / "killed"), "--store", str(store.path)]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "killed").glob("checkpoint-*/trainer_state.json")):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed/model.safetensors").exists()
    report = fit("reward", name, settings, output="killed")
    assert any(note.startswith("went on from checkpoint-") for note in report.notes)
    assert same(weights(tmp_path / "unbroken"), weights(tmp_path / "killed"), 1e-5)


def test_a_model_that_goes_by_length_is_warned_of(fit, store, tmp_path):
    long, short = "the the the the the the", "the"
    rows = [{"prompt": f"say {n}", "chosen": long, "rejected": short} for n in range(60)]
    rows += [{"prompt": f"name {n}", "chosen": short, "rejected": long} for n in range(12)]
    ingested(store, tmp_path, "lengths", rows)
    report = fit("reward", "lengths", {"num_train_epochs": 2, "validation": 0.3})
    found = metrics(store)
    assert found["held_out/accuracy_chosen_longer"] == 1.0
    assert found["held_out/accuracy_chosen_shorter"] < 0.5
    assert any("warning: the model goes by length: right on" in note for note in report.notes)


def test_margins_of_pairs_are_asked_for_in_the_loss(fit, store, tmp_path, weights):
    rows = [
        {"prompt": f"say {n}", "chosen": "cat", "rejected": "no the no", "margin": 2.0 if n % 2 else 0.0}
        for n in range(24)
    ]
    ingested(store, tmp_path, "margins", rows)
    losses, once = {}, {"max_steps": 1, "validation": 0, "bf16": False, "per_device_train_batch_size": 24}
    for margin in (False, True):
        fit("reward", "margins", {**once, "margin": margin}, output=str(margin))
        losses[margin] = logged(store, "loss")[-1]
    # half of the pairs ask for 2 more: -log sigmoid(-2) is 2.127, -log sigmoid(0) is 0.693
    assert losses[True] - losses[False] == pytest.approx((2.127 - 0.693) / 2, abs=0.1)
    with pytest.raises(ConfigError, match="64 of 64 pairs have no margin; leave out margin: true"):
        fit("reward", "pairs", {"margin": True}, output="none")


def test_margins_of_built_pairs_are_those_of_their_rewards(store):
    from trl import RewardConfig

    from train.reward import Reward

    with store.write() as con:
        con.execute(
            "INSERT INTO datasets SELECT 'built', 1, 'pairs', run_id, '{\"source\": \"pairs@1\"}' "
            "FROM datasets WHERE name = 'pairs'"
        )
        con.execute("""
            INSERT INTO pairs SELECT 'built', 1, md5(c.left_id::VARCHAR)::UUID, c.prompt_id, left_id, right_id,
                0.75, 0.25, 0.5, NULL, 'best_vs_worst', c.run_id
            FROM comparisons c WHERE prompt_id IN (SELECT prompt_id FROM members WHERE dataset = 'pairs')
        """)
    arguments = RewardConfig("x", seed=7, bf16=False, use_cpu=True)
    assert set(Reward(margin=True).read(store, "built", arguments).train["margin"]) == {0.5}
    assert "margin" not in Reward().read(store, "built", arguments).train.column_names


def test_centring_is_trls_own_option(fit, store):
    losses = []
    for value in (None, 10.0):
        fit("reward", "pairs", {"center_rewards_coefficient": value, "max_steps": 1}, output=str(value))
        losses.append(logged(store, "loss")[-1])
    assert losses[1] != losses[0]


def test_a_tokenizer_that_pads_with_its_end_gets_another_padding(fit, store, make_tiny, tmp_path):
    from transformers import AutoTokenizer

    folder = make_tiny(tmp_path / "ends")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.pad_token = tokenizer.eos_token
    tokenizer.save_pretrained(folder)
    fit("reward", "pairs", {"max_steps": 1}, model=folder)
    saved = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert saved.pad_token != saved.eos_token
    assert json.loads((tmp_path / "out/config.json").read_text())["pad_token_id"] == saved.pad_token_id


def test_rows_that_are_longer_than_the_limit_are_in_the_ledger(fit, store, tmp_path):
    rows = [{"prompt": f"say {n}", "chosen": "cat", "rejected": "no " * (200 if n == 3 else 2)} for n in range(8)]
    ingested(store, tmp_path, "long", rows)
    assert fit("reward", "long", {"max_length": 100, "max_steps": 1}).reasons == {"too_long": 1}
    with store.read() as con:
        assert con.execute("SELECT detail FROM ledger").fetchall() == [("longer than max_length 100",)]


def nan_scores(store):
    with store.write() as con:
        con.execute("""
            UPDATE scores SET value = 'nan' WHERE candidate_id IN
                (SELECT candidate_id FROM members WHERE dataset = 'rated' ORDER BY line LIMIT 3)
        """)


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("sft", {}, "holds no answers that a person or a file scored; ingest answers with a score"),
        ("prompts", {}, "holds no answers that a person or a file scored"),
        ("pairs", {"objective": "scores"}, "holds no answers that a person or a file scored"),
        ("rated", {"objective": "pairs"}, "rated@1 holds prompt-completion rows; this method trains on pairs"),
        ("rated", {"objective": "points"}, "objective: Input should be 'auto', 'pairs' or 'scores'"),
        (
            "rated",
            {"dimensions": ["hunam"]},
            "no dimension 'hunam', neither a scorer nor a column; did you mean 'human'",
        ),
        ("rated", {"margin": True}, "margin is for pairs, and rated@1 is read for its scores"),
        ("pairs", {"dimensions": ["human"], "objective": "pairs"}, "dimensions are for scores"),
        ("nothing", {}, "nothing@1 has no rows to train on"),
    ],
)
def test_what_cannot_be_learnt_from_is_one_line(fit, store, rated, name, settings, said):
    with store.write() as con:
        con.execute("INSERT INTO datasets SELECT 'nothing', 1, 'pairs', run_id, '{}' FROM datasets LIMIT 1")
    with pytest.raises(ConfigError, match=said) as error:
        fit("reward", name, settings)
    assert "\n" not in str(error.value)


def test_built_pairs_have_no_scores_of_their_own(fit, store):
    with store.write() as con:
        con.execute(
            "INSERT INTO datasets SELECT 'built', 1, 'pairs', run_id, '{\"source\": \"sft@1\"}' FROM datasets LIMIT 1"
        )
    with pytest.raises(ConfigError, match=r"holds pairs, not scored answers; name the data set .* \(sft@1\)"):
        fit("reward", "built", {"objective": "scores"})


def test_scores_that_are_no_numbers_are_one_line(fit, store, rated):
    nan_scores(store)
    with pytest.raises(ConfigError, match="rated@1: 3 of 80 scores of 'human' are not finite numbers"):
        fit("reward", "rated")


def test_scores_that_are_all_equal_are_one_line(fit, store, tmp_path):
    ingested(store, tmp_path, "flat", [{"instruction": f"say {n}", "response": "cat", "score": 7} for n in range(9)])
    with pytest.raises(ConfigError, match="the scores of 'human' are all 7; there is nothing to learn"):
        fit("reward", "flat")
