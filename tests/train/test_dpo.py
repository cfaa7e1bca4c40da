"""DPO on the tiny model."""

import json

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


def metric(store, name):
    with store.read() as con:
        query = "SELECT value FROM metrics WHERE name = ? ORDER BY step DESC, rowid DESC LIMIT 1"
        return con.execute(query, [name]).fetchone()[0]


def test_chosen_answers_become_likelier_than_rejected_ones_on_held_out_prompts(fit, store):
    report = fit("dpo", "pairs", {"num_train_epochs": 3, "validation": 0.2, "sample_answers": 0})
    assert metric(store, "eval_rewards/accuracies") == 1.0
    assert metric(store, "eval_rewards/margins") > 0.5
    assert metric(store, "eval_loss") < 0.5 < 0.69 < 0.7
    assert report.counts == {"rows": 51, "held-out rows": 13, "steps": 21}


@pytest.mark.parametrize("precomputed", [False, True])
def test_the_reference_does_not_move(fit, store, tiny, precomputed, monkeypatch, weights):
    """The figures of the reference are those of the base, at the end as at the start."""
    import trl

    workers = []
    original = trl.DPOTrainer.__init__

    def remembered(self, *args, **kwargs):
        original(self, *args, **kwargs)
        workers.append(self)

    monkeypatch.setattr(trl.DPOTrainer, "__init__", remembered)
    fit("dpo", "pairs", {"precompute_ref_log_probs": precomputed, "sample_answers": 0})
    (worker,) = workers
    base = weights(tiny)
    if precomputed:
        assert worker.ref_model is None
        assert {"ref_chosen_logps", "ref_rejected_logps"} <= set(worker.train_dataset.column_names)
    else:
        after = dict(worker.ref_model.named_parameters())
        assert all(torch.equal(base[name], after[name].detach()) for name in base if name in after)
    moved = dict(worker.model.named_parameters())
    assert any(not torch.equal(base[name], moved[name].detach()) for name in base if name in moved)


def test_precomputed_log_probabilities_train_the_same_model(fit, tmp_path, weights):
    for name, given in (("live", False), ("before", True)):
        fit("dpo", "pairs", {"precompute_ref_log_probs": given, "sample_answers": 0}, output=name)
    live, before = weights(tmp_path / "live"), weights(tmp_path / "before")
    assert all(torch.allclose(live[name], before[name], atol=1e-4) for name in live)


def test_pairs_that_are_nearly_equal_are_refused_unless_allowed(fit, store, tmp_path):
    rows = [
        {
            "prompt": f"say {n}",
            "chosen": "the red cat of the number " * 9 + str(n),
            "rejected": "the red cat of the number " * 9,
        }
        for n in range(8)
    ]
    rows += [{"prompt": f"name {n}", "chosen": "yes", "rejected": "no the"} for n in range(12)]
    ingested(store, tmp_path, "near", rows)
    with pytest.raises(ConfigError, match=r"8 of 20 pairs \(40%\) are ambiguous .*max_ambiguous: 0.4"):
        fit("dpo", "near")
    assert not (tmp_path / "out/model.safetensors").exists()
    report = fit("dpo", "near", {"max_ambiguous": 0.5, "sample_answers": 0}, output="allowed")
    assert any("8 of 20 pairs are ambiguous" in note for note in report.notes)


def test_pairs_on_which_people_split_are_ambiguous(fit, store, tmp_path):
    rows = [{"prompt": f"say {n}", "chosen": "yes", "rejected": "no the"} for n in range(10)]
    rows += [{"prompt": "say 3", "chosen": "no the", "rejected": "yes"}]
    ingested(store, tmp_path, "split", rows)
    with pytest.raises(ConfigError, match=r"2 of 11 pairs"):
        fit("dpo", "split")


def test_pairs_of_rewards_with_small_margins_are_ambiguous(fit, store):
    with store.write() as con:
        con.execute(
            "INSERT INTO datasets SELECT 'scored', 1, 'pairs', run_id, '{\"source\": \"pairs@1\"}' "
            "FROM datasets WHERE name = 'pairs'"
        )
        con.execute("""
            INSERT INTO pairs SELECT 'scored', 1, md5(c.left_id::VARCHAR)::UUID, c.prompt_id,
                if(verdict = 'left', left_id, right_id), if(verdict = 'left', right_id, left_id),
                0.5, 0.5 - if(row_number() OVER () <= 16, 0.01, 0.5), if(row_number() OVER () <= 16, 0.01, 0.5),
                NULL, 'best_vs_worst', c.run_id
            FROM comparisons c WHERE prompt_id IN (SELECT prompt_id FROM members WHERE dataset = 'pairs')
        """)
    with pytest.raises(ConfigError, match=r"16 of 64 pairs \(25%\) are ambiguous \(margin below 0.05\)"):
        fit("dpo", "scored")


@pytest.mark.parametrize(("beta", "warned"), [(0.01, True), (0.1, False), (2.0, True)])
def test_an_unusual_beta_is_warned_of(fit, beta, warned):
    report = fit("dpo", "pairs", {"beta": beta, "max_steps": 1, "sample_answers": 0})
    assert any(f"beta {beta:g} is outside" in note for note in report.notes) is warned


def test_answers_of_the_trained_model_are_compared_with_the_base(fit, store):
    report = fit("dpo", "pairs", {"max_steps": 2, "sample_answers": 6, "sample_tokens": 8})
    (table,) = [table for table in report.tables if table.title.startswith("Answers to 6 prompts")]
    assert [row[0] for row in table.rows] == ["base", "trained"]
    with store.read() as con:
        metrics = json.loads(con.execute("SELECT metrics FROM trainings").fetchone()[0])
    assert metrics["base/length"] > 0
    assert {"trained/length", "trained/truncated", "trained/refusing", "trained/degenerate"} <= metrics.keys()
