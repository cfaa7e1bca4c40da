"""Reward models on the tiny model, from pairs and from people's scores."""

import json

import numpy as np
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
    assert found["held_out/human/mse"] < 0.5 < 12 < found["held_out/human/variance"] + 3
    assert found["held_out/human/pearson"] > 0.95
    assert found["held_out/human/spearman"] > 0.8
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    assert model.config.id2label == {0: "human"}
    scale = model.config.score_scale
    for word, score in (("cat", 9), ("is a of", 2)):
        turns = [{"role": "user", "content": f"say 77 of {word}"}, {"role": "assistant", "content": word}]
        ids = tokenizer.apply_chat_template(turns, return_tensors="pt", return_dict=True)
        output = model(**ids).logits[0, 0].item()
        assert output * scale["std"][0] + scale["mean"][0] == pytest.approx(score, abs=1)
