"""KTO on the tiny model."""

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


def ingested(store, tmp_path, name, rows):
    path = tmp_path / f"{name}.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    ingest(path, IngestOptions(), store=store)


def labelled(good, bad):
    """Rows with so many labels of each kind, a prompt each."""
    return [
        {"prompt": f"say {number} red", "completion": "yes" if number < good else "no", "label": number < good}
        for number in range(good + bad)
    ]


def logged(store, name):
    with store.read() as con:
        found = con.execute("SELECT value FROM metrics WHERE name = ? ORDER BY step", [name]).fetchall()
    return [value for (value,) in found]


def same(one, other, tolerance=0.0):
    return one.keys() == other.keys() and all(torch.allclose(one[n], other[n], rtol=0, atol=tolerance) for n in one)


def test_good_answers_become_likelier_and_bad_ones_unlikelier(fit, store):
    settings = {"num_train_epochs": 3, "validation": 0.2, "logging_steps": 1, "eval_steps": 7}
    report = fit("kto", "kto", settings)
    assert logged(store, "loss")[0] == pytest.approx(0.5, abs=0.01)  # 1 - sigmoid(0): the policy is the reference
    assert logged(store, "eval_loss")[-1] < 0.35
    assert logged(store, "eval_rewards/margins")[-1] > 0.5
    assert report.counts == {"rows": 51, "held-out rows": 13, "steps": 21}
    assert any("good and" in note for note in report.notes)


def test_labels_are_those_of_the_file_and_held_out_prompts_never_train(store):
    from trl import KTOConfig

    from train.kto import Kto

    rows = Kto(validation=0.25).read(store, "kto", KTOConfig("x", seed=7, bf16=False, use_cpu=True))
    for part in (rows.train, rows.validation):
        assert all(row["label"] == (row["completion"][0]["content"] == "yes") for row in part)
    assert (len(rows.train), len(rows.validation)) == (48, 16)
    assert not set(rows.train["prompt_id"]) & set(rows.validation["prompt_id"])
    assert list(rows.train["row"]) != sorted(rows.train["row"])  # shuffled


def test_scores_are_labels_from_a_bound_on(fit, store, tmp_path):
    rows = [{"instruction": f"say {n} red", "response": "yes", "score": 1 + n % 10} for n in range(40)]
    ingested(store, tmp_path, "rated", rows)
    with pytest.raises(
        ConfigError, match=r"all 38 answers are good \(scores of human from 1 to 10, good_from 0.5\).*set"
    ):
        fit("kto", "rated")
    report = fit("kto", "rated", {"good_from": 6, "max_steps": 1, "validation": 0}, output="six")
    assert "20 good and 20 bad answers" in report.notes


@pytest.mark.parametrize(
    ("good", "bad", "weights", "said"),
    [
        (30, 10, {}, r"warning: 30 good and 10 bad answers, 3.00 : 1 .*desirable_weight to 0.33-0.44 "
         r"or undesirable_weight to 2.26-3.00"),
        (10, 30, {}, r"warning: 10 good .*desirable_weight to 3.00-3.99 or undesirable_weight to 0.25-0.33"),
        (30, 10, {"undesirable_weight": 2.5}, "^30 good and 10 bad answers$"),
        (24, 18, {}, "^24 good and 18 bad answers$"),
    ],
)  # fmt: skip
def test_imbalance_is_noted_with_the_weights_that_even_it_out(fit, store, tmp_path, good, bad, weights, said):
    import re

    ingested(store, tmp_path, "labels", labelled(good, bad))
    report = fit("kto", "labels", {"max_steps": 1, "validation": 0, **weights})
    assert any(re.search(said, note) for note in report.notes), report.notes


def test_trl_says_the_same_of_the_balance(fit, store, tmp_path, caplog, monkeypatch):
    """Our weights are those of TRL's own warning."""
    import logging

    monkeypatch.setattr(logging.getLogger("trl"), "propagate", True)
    ingested(store, tmp_path, "labels", labelled(30, 10))
    with caplog.at_level("WARNING"):
        fit("kto", "labels", {"max_steps": 1, "validation": 0})
    assert "desirable_weight in [0.33, 0.44] or undesirable_weight in [2.26, 3.0]" in caplog.text


@pytest.mark.parametrize(
    ("name", "settings", "said"),
    [
        ("sft", {}, "holds no answers that a person or a file scored; ingest answers with a score"),
        ("prompts", {}, "holds no answers that a person or a file scored"),
        ("pairs", {}, "holds no answers that a person or a file scored"),
        ("kto", {"per_device_train_batch_size": 1}, "set per_device_train_batch_size to 2 or more"),
        ("kto", {"scorer": "humam"}, r"no dimension 'humam', neither a scorer nor a column; did you mean 'human'\?"),
        ("kto", {"good_form": 3}, "no option 'good_form'; did you mean 'good_from'?"),
    ],
)
def test_what_kto_cannot_use_is_one_line(fit, name, settings, said):
    with pytest.raises(ConfigError, match=said) as error:
        fit("kto", name, settings)
    assert "\n" not in str(error.value)


def test_one_label_only_is_one_line(fit, store, tmp_path):
    ingested(store, tmp_path, "good", labelled(24, 0))
    with pytest.raises(
        ConfigError, match=r"all 22 answers are good \(scores of human from 1 to 1, .*needs good and bad"
    ):
        fit("kto", "good")
    ingested(store, tmp_path, "bad", labelled(0, 24))
    with pytest.raises(ConfigError, match="all 22 answers are bad"):
        fit("kto", "bad")


def test_several_scorers_are_one_line_unless_one_is_named(fit, store, tmp_path):
    rows = [
        {
            "prompt": f"say {n}",
            "responses": [{"text": "yes", "score": 1, "human_score": n % 2}, {"text": "no", "score": 0}],
        }
        for n in range(20)
    ]
    ingested(store, tmp_path, "many", rows)
    with pytest.raises(ConfigError, match=r"is scored by human, score; name one of them, such as scorer: human"):
        fit("kto", "many")
    report = fit("kto", "many", {"scorer": "score", "max_steps": 1, "validation": 0}, output="one")
    assert "20 good and 20 bad answers" in report.notes


def test_seeds_reproduce(fit, weights, tmp_path):
    for output, seed in (("a", 7), ("b", 7), ("c", 8)):
        fit("kto", "kto", {"seed": seed, "max_steps": 5}, output=output)
    assert same(weights(tmp_path / "a"), weights(tmp_path / "b"))
    assert not same(weights(tmp_path / "a"), weights(tmp_path / "c"))


def test_lora_trains_an_adapter_and_leaves_the_rest(fit, tiny, tmp_path):
    from peft import PeftModel
    from transformers import AutoModelForCausalLM

    fit("kto", "kto", {"use_peft": True, "lora_r": 4, "max_steps": 3})
    assert not (tmp_path / "out/model.safetensors").exists()
    model = PeftModel.from_pretrained(AutoModelForCausalLM.from_pretrained(tiny), tmp_path / "out")
    assert any("lora_B" in name and bool(tensor.any()) for name, tensor in model.named_parameters())


def test_a_killed_training_ends_where_an_unbroken_one_does(fit, store, tiny, weights, tmp_path):
    settings = {"num_train_epochs": 4, "validation": 0.1}
    fit("kto", "kto", settings, output="unbroken")
    command = [sys.executable, "-m", "datakit", "train", "kto", "kto", "--model", str(tiny)]
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
    report = fit("kto", "kto", settings, output="killed")
    assert any(note.startswith("went on from checkpoint-") for note in report.notes)
    assert same(weights(tmp_path / "unbroken"), weights(tmp_path / "killed"), 1e-5)
