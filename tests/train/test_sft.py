"""SFT on the tiny model: what is learnt, what is not, and what is refused."""

import pytest
import torch

from train.harness.masks import IGNORED, labels_of
from train.sft import suggested_learning_rate

pytestmark = pytest.mark.filterwarnings("default")  # those of torch, transformers and trl


def figure(report, name):
    return next(value for label, value in report.tables[0].rows if label == name)


def test_a_small_set_is_learnt_by_heart(fit, store, tmp_path):
    report = fit("sft", "sft", {"num_train_epochs": 30, "validation": 0, "learning_rate": 1e-2})
    assert figure(report, "loss") < 0.8 < 5 < first_loss(store)
    assert report.counts == {"rows": 64, "steps": 240}


def first_loss(store):
    with store.read() as con:
        return con.execute("SELECT value FROM metrics WHERE name = 'loss' ORDER BY step LIMIT 1").fetchone()[0]


def test_held_out_rows_share_no_prompt_with_those_that_are_trained_on(fit, store):
    from datakit.trl_rows import EXAMPLES
    from train.harness.rows import Reading, read_rows

    rows = read_rows(store, "sft", Reading(EXAMPLES, 0.25, 7))
    assert len(rows.validation) == 16
    assert not set(rows.validation["prompt_id"]) & set(rows.train["prompt_id"])
    again = read_rows(store, "sft", Reading(EXAMPLES, 0.25, 7))
    assert list(again.validation["row"]) == list(rows.validation["row"])
    assert list(read_rows(store, "sft", Reading(EXAMPLES, 0.25, 8)).validation["row"]) != list(rows.validation["row"])


def test_the_best_model_is_loaded_at_the_end_and_training_stops_early(fit, store, tmp_path, weights):
    settings = {"num_train_epochs": 40, "early_stopping": 2, "validation": 0.2, "eval_steps": 8, "save_steps": 8}
    report = fit("sft", "sft", {**settings, "learning_rate": 0.05, "save_total_limit": 3})
    assert report.counts["steps"] < 40 * 7
    with store.read() as con:
        losses = con.execute("SELECT step, value FROM metrics WHERE name = 'eval_loss' ORDER BY step").fetchall()
    best = min(losses, key=lambda found: found[1])[0]
    assert losses[-1][0] > best
    kept = weights(tmp_path / "out")
    assert all(torch.equal(kept[name], tensor) for name, tensor in weights(tmp_path / f"out/checkpoint-{best}").items())


def test_frozen_layers_do_not_move_and_the_others_do(fit, tiny, tmp_path, make_tiny, weights):
    folder = make_tiny(tmp_path / "deep", layers=5)
    before = weights(folder)
    fit("sft", "sft", {"freeze_bottom": 0.2}, model=folder)
    after = weights(tmp_path / "out")
    moved = {name for name in before if not torch.equal(before[name], after[name])}
    frozen = {name for name in before if "embed_tokens" in name or "layers.0." in name}
    assert frozen
    assert moved == set(before) - frozen - {"lm_head.weight" if "lm_head.weight" not in moved else ""}


def test_all_turns_of_the_assistant_have_labels_and_nothing_else_has(tiny):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny)
    turns = [
        {"role": "system", "content": "name"},
        {"role": "user", "content": "say red"},
        {"role": "assistant", "content": "red"},
        {"role": "user", "content": "say blue"},
        {"role": "assistant", "content": "blue"},
    ]
    found = labels_of(tokenizer, turns)
    assert tokenizer.decode(found["input_ids"]).startswith("<s>system:name</s><s>user:say red</s>")
    said = tokenizer.decode([label for label in found["labels"] if label != IGNORED])
    assert said == "red</s>blue</s>"
    assert [b for b in found["labels"] if b != IGNORED] == [
        a for a, b in zip(found["input_ids"], found["labels"], strict=True) if b != IGNORED
    ]


def test_earlier_answers_are_learnt_unless_told_otherwise(fit, store, tmp_path):
    counts = []
    for turns in ("all", "last"):
        fit("sft", "turns", {"assistant_turns": turns, "max_steps": 1, "validation": 0}, output=turns)
        with store.read() as con:
            query = "SELECT value FROM metrics WHERE name = 'loss' ORDER BY rowid DESC LIMIT 1"
            counts.append(con.execute(query).fetchone()[0])
    assert counts[0] != counts[1]


def test_packing_trains_on_every_row(fit):
    settings = {
        "packing": True,
        "max_length": 128,
        "validation": 0,
        "padding_free": False,
        "packing_strategy": "wrapped",
    }
    report = fit("sft", "sft", settings)
    assert report.counts["rows"] == 64
    assert report.counts["steps"] < 8  # several rows a sequence


def test_the_learning_rate_follows_the_size_of_the_model():
    assert suggested_learning_rate(7e9) == 3e-5
    assert suggested_learning_rate(70e9) == 1e-5
    assert 1e-5 < suggested_learning_rate(30e9) < 3e-5
    assert suggested_learning_rate(135e6) == 2e-4
    assert suggested_learning_rate(7e9, lora=True) == 3e-4


def test_a_learning_rate_that_is_far_off_is_warned_of(fit):
    report = fit("sft", "sft", {"learning_rate": 1.0, "max_steps": 1})
    assert any("learning_rate 1 is far from 0.0002" in note for note in report.notes)
    assert not any(
        "far from" in note for note in fit("sft", "sft", {"learning_rate": 1e-4, "max_steps": 1}, output="b").notes
    )
