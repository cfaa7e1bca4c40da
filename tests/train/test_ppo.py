"""PPO on the tiny model."""

import gc
import math
import os
import re
import signal
import statistics
import subprocess
import sys
import time

import pytest
import torch
import yaml
from safetensors import safe_open
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from schemas.errors import ConfigError

pytestmark = pytest.mark.filterwarnings("default")  # those of torch, transformers and trl

RULES = """
from rewards import rule

@rule
def has_e(completion: str) -> float | None:
    return float("e" in completion)
"""
SOME_NULL = RULES.replace("return float", "return None if len(completion) % 2 else float")
NEVER = RULES.replace('return float("e" in completion)', "return None")
FAILS = RULES.replace("return float", "if len(completion) % 2:\n        raise KeyError\n    return float")
QUICK = {
    "per_device_train_batch_size": 8,
    "max_completion_length": 6,
    "logging_steps": 1,
    "rule_workers": 1,
    "rules": ["rules.py"],
    "kl_band": None,
    "bf16": False,
}
PLAIN = {"gamma": 1, "lam": 1, "kl_coef": 0, "vf_coef": 0, "whiten_advantages": False}
"""REINFORCE: the critic stays at zero, where its head begins."""
ONE_THREAD = {**os.environ, "OMP_NUM_THREADS": "1"}


@pytest.fixture(scope="module", autouse=True)
def _quick():
    """One thread is fastest for so small a model; and the garbage collector need not look through all of TRL."""
    import train.harness.ppo_trainer  # noqa: F401

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    gc.freeze()
    yield
    gc.unfreeze()
    torch.set_num_threads(threads)


@pytest.fixture
def rules(tmp_path):
    path = tmp_path / "rules.py"
    path.write_text(RULES)
    return path


@pytest.fixture
def ppo(fit, rules):
    def run(settings=None, **more):
        return fit("ppo", "prompts", {**QUICK, **(settings or {})}, **more)

    return run


@pytest.fixture
def watched(monkeypatch):
    """Have each micro-batch looked at before it is trained on: (trainer, its loss, model, inputs)."""
    from train.harness import ppo_trainer

    def watch(look):
        class Watched(ppo_trainer.PpoTrainer):
            def _compute_loss(self, model, inputs):
                look(self, lambda given: super(Watched, self)._compute_loss(model, given), model, inputs)
                return super()._compute_loss(model, inputs)

        monkeypatch.setattr(ppo_trainer, "PpoTrainer", Watched)

    return watch


def logged(store, name):
    with store.read() as con:
        rows = con.execute("SELECT value FROM metrics WHERE name = ? ORDER BY step", [name]).fetchall()
    return [value for (value,) in rows]


def same(one, other, tolerance=0.0):
    return one.keys() == other.keys() and all(torch.allclose(one[n], other[n], rtol=0, atol=tolerance) for n in one)


def log_probabilities(model, inputs):
    """Of the answers' tokens, by an ordinary forward pass."""
    ids = torch.cat([inputs["prompt_ids"], inputs["completion_ids"]], 1)
    mask = torch.cat([inputs["prompt_mask"], inputs["completion_mask"]], 1)
    keep = inputs["completion_ids"].shape[1]
    logits = model(input_ids=ids, attention_mask=mask).logits[:, -keep - 1 : -1].log_softmax(-1)
    return logits.gather(2, inputs["completion_ids"].unsqueeze(2)).squeeze(2)


def scores_of(trainer, inputs, *, some_null=False):
    """What the rule says of the answers of a micro-batch."""
    kept = [ids[mask.bool()] for ids, mask in zip(inputs["completion_ids"], inputs["completion_mask"], strict=True)]
    texts = trainer.processing_class.batch_decode(kept, skip_special_tokens=True)
    return torch.tensor([math.nan if some_null and len(said) % 2 else float("e" in said) for said in texts])


def critic_of(checkpoint):
    return load_file(checkpoint / "critic.safetensors")


def kl_coef_of(checkpoint):
    with safe_open(checkpoint / "critic.safetensors", "pt") as file:
        return float(file.metadata()["kl_coef"])


@pytest.mark.parametrize("text", [RULES, SOME_NULL, FAILS], ids=["all judged", "some skipped", "some failed"])
def test_with_lambda_and_gamma_1_no_kl_and_a_zero_critic_the_gradient_is_reinforces(ppo, rules, watched, text):
    rules.write_text(text)
    seen = []

    def look(trainer, loss, model, inputs):
        scores, mask = scores_of(trainer, inputs, some_null=text != RULES), inputs["completion_mask"]
        judged = ~scores.isnan()
        log_p = (log_probabilities(model, inputs) * mask).sum(1)
        by_hand = -(scores[judged] * log_p[judged]).sum() / mask[judged].sum()
        weights = list(model.parameters())
        found, expected = (torch.autograd.grad(of, weights) for of in (loss(inputs), by_hand))
        seen.append((judged.sum(), scores.nansum()))
        for one, other in zip(found, expected, strict=True):
            assert torch.allclose(one, other, atol=1e-7), (one - other).abs().max()

    watched(look)
    ppo({**PLAIN, "num_ppo_epochs": 1, "max_steps": 3})
    assert len(seen) == 3
    assert any(gained > 0 for _, gained in seen)
    assert text == RULES or any(0 < judged < 8 for judged, _ in seen)


def test_the_clipped_policy_loss_by_hand(ppo, watched):
    cases = [  # ratio of probabilities, advantage, loss: -min(ratio A, clip(ratio, 0.8, 1.2) A)
        (1.5, 1.0, -1.2),
        (1.5, -1.0, 1.5),
        (0.5, 1.0, -0.5),
        (0.5, -1.0, 0.8),
        (1.1, 2.0, -2.2),
    ]
    seen = []

    def look(trainer, loss, model, inputs):
        mask, log_p = inputs["tool_mask"], log_probabilities(model, inputs).detach()
        ratio, advantage, expected = (
            torch.tensor([[case[k] for case in cases][at % 5] for at in range(mask.numel())]).view(mask.shape)
            for k in range(3)
        )
        found = loss({**inputs, "old_per_token_logps": log_p - ratio.log(), "advantages": advantage})
        assert found.item() == pytest.approx((expected * mask).sum().item() / mask.sum().item(), rel=1e-4)
        seen.append(mask.sum())

    watched(look)
    ppo({**PLAIN, "max_steps": 1})
    assert seen[0] > 10


def test_a_null_reward_is_in_no_loss_and_in_no_whitening(ppo, rules, watched):
    rules.write_text(SOME_NULL)
    mixed = []

    def look(trainer, loss, model, inputs):
        judged = ~scores_of(trainer, inputs, some_null=True).isnan()
        mask = inputs["completion_mask"] * judged.unsqueeze(1)
        assert torch.equal(inputs["tool_mask"], mask)
        kept = inputs["advantages"][mask.bool()]
        if len(scores_of(trainer, inputs)[judged].unique()) == 2 and not judged.all():
            assert kept.mean().item() == pytest.approx(0, abs=1e-5)
            assert kept.var(correction=0).item() == pytest.approx(1, abs=1e-3)
            other = {**inputs}
            for name in ("advantages", "returns", "old_values", "old_per_token_logps"):
                other[name] = inputs[name] + 1e3 * (1 - judged.float()).unsqueeze(1)
            assert loss(other).item() == loss(inputs).item()
            mixed.append(judged)

    watched(look)
    ppo({"max_steps": 4, "num_ppo_epochs": 2, "per_device_train_batch_size": 16})
    assert mixed


def test_no_reward_at_all_teaches_nothing(ppo, rules, store, tiny, weights, tmp_path):
    rules.write_text(NEVER)
    ppo({"max_steps": 4, "num_ppo_epochs": 2, "kl_adaptive": True, "kl_band": [0.01, 0.05]})
    assert same(weights(tmp_path / "out"), weights(tiny))
    assert not logged(store, "kl")  # of nothing, which is not a KL of 0 that the coefficient would be lowered for
    assert kl_coef_of(tmp_path / "out/checkpoint-4") == 0.05
    assert not any(found.any() for name, found in critic_of(tmp_path / "out/checkpoint-4").items() if "head" in name)


def test_the_kl_of_each_token_is_taken_off_its_reward(ppo, rules, watched, tiny, store):
    rules.write_text(SOME_NULL)
    reference = AutoModelForCausalLM.from_pretrained(tiny)
    costs = []

    def look(trainer, loss, model, inputs):
        scores = scores_of(trainer, inputs, some_null=True)
        mask = inputs["completion_mask"] * ~scores.isnan().unsqueeze(1)
        with torch.no_grad():
            ratio = (log_probabilities(model, inputs) - log_probabilities(reference, inputs)) * mask
        cost = 0.5 * ratio.flip(1).cumsum(1).flip(1)  # of this token and those that follow
        expected = (scores.nan_to_num().unsqueeze(1) - cost) * mask
        assert torch.allclose(inputs["returns"], expected, atol=1e-4)
        assert 0 < mask.any(1).sum() < 8
        costs.append(cost.abs().max().item())
        watched = ((-ratio).exp() - 1 + ratio).sum() / mask.sum()
        assert trainer._metrics["train"]["kl"] == [pytest.approx(watched.item(), abs=1e-5)]

    watched(look)
    ppo({**PLAIN, "kl_coef": 0.5, "max_steps": 3, "num_ppo_epochs": 1, "learning_rate": 2e-2})
    assert costs[0] < 1e-5 < 0.05 < max(costs)
    assert logged(store, "kl_coef") == [0.5] * 3


def test_an_answer_that_was_cut_off_pays_or_is_left_out(ppo, watched):
    cut = []

    def look(trainer, loss, model, inputs):
        mask = inputs["completion_mask"]
        last = [ids[length - 1].item() for ids, length in zip(inputs["completion_ids"], mask.sum(1), strict=True)]
        ended = torch.tensor([token in (1, 2) for token in last])  # end of sequence and, as TRL has it, padding
        scores = scores_of(trainer, inputs) - 3.0 * ~ended
        assert torch.allclose(inputs["returns"], scores.unsqueeze(1) * mask)
        cut.append((~ended).sum().item())

    watched(look)
    many = {"max_steps": 1, "per_device_train_batch_size": 64, "max_completion_length": 24}
    ppo({**PLAIN, **many, "missing_eos_penalty": 3})
    assert 0 < cut[0] < 64

    def left_out(trainer, loss, model, inputs):
        assert inputs["tool_mask"].any(1).sum() == 64 - cut[0]

    watched(left_out)
    ppo({**PLAIN, **many, "mask_truncated_completions": True}, output="left-out")


def test_the_reward_rises_and_the_critic_learns(ppo, store):
    ppo({"max_steps": 40, "per_device_train_batch_size": 16, "num_ppo_epochs": 2, "learning_rate": 2e-2})
    rewards = logged(store, "reward")
    assert statistics.mean(rewards[-3:]) > statistics.mean(rewards[:3]) + 0.3
    losses = logged(store, "value_loss")
    assert statistics.mean(losses[-8:]) < statistics.mean(losses[:8]) / 2
    assert {found is None or found <= 1 for found in logged(store, "explained_variance")} == {True}
    assert logged(store, "kl")[0] == pytest.approx(0, abs=1e-6)
    assert logged(store, "kl")[-1] > 0.01


def test_the_coefficient_adapts_and_goes_on_where_it_was(ppo, store, tmp_path):
    settings = {"kl_adaptive": True, "kl_band": [0.1, 0.4], "kl_coef": 0.1, "num_ppo_epochs": 1, "save_steps": 2}
    ppo({**settings, "max_steps": 4, "learning_rate": 1e-5})
    found = logged(store, "kl_coef")
    assert found == [pytest.approx(0.1 * 0.8**k) for k in range(4)]  # far below the band: down by a fifth
    assert kl_coef_of(tmp_path / "out/checkpoint-2") == pytest.approx(0.1 * 0.8**2)


@pytest.mark.parametrize("critic", ["own", "shared"])
def test_while_the_critic_warms_up_the_policy_stays_as_it_is(ppo, tiny, weights, tmp_path, critic):
    ppo({"max_steps": 4, "critic": critic, "critic_warmup_steps": 4, "vf_coef": 1, "num_ppo_epochs": 2})
    assert same(weights(tmp_path / "out"), weights(tiny))
    learnt = critic_of(tmp_path / "out/checkpoint-4")
    assert learnt["head.weight"].abs().sum() > 0
    assert (len(learnt) > 2) == (critic == "own")
    ppo({"max_steps": 4, "critic": critic, "critic_warmup_steps": 2, "num_ppo_epochs": 2}, output="then")
    assert not same(weights(tmp_path / "then"), weights(tiny))


def test_while_the_critic_warms_up_the_coefficient_stays_and_nobody_is_warned(ppo, store, capsys):
    """The KL is 0 then, whatever the coefficient."""
    settings = {"kl_adaptive": True, "kl_band": [0.1, 0.4], "num_ppo_epochs": 1, "critic_warmup_steps": 3}
    ppo({**settings, "max_steps": 5})
    warned = [int(step) for step in re.findall(r"warning: step (\d+): KL", capsys.readouterr().err)]
    assert warned
    assert min(warned) > 3
    assert logged(store, "kl_coef") == [0.05, 0.05, 0.05, 0.05, pytest.approx(0.04)]


def test_a_shared_critic_teaches_the_policys_layers(ppo, tiny, weights, tmp_path):
    """Advantages are whitened to nothing where all is rewarded alike: what moves the policy is the value loss."""
    (tmp_path / "rules.py").write_text(RULES.replace('float("e" in completion)', "1.0"))
    settings = {"max_steps": 4, "num_ppo_epochs": 4, "kl_coef": 0, "lam": 1, "vf_coef": 1}
    ppo({**settings, "critic": "shared"}, output="shared")
    ppo({**settings, "critic": "own"}, output="own")
    base, own, shared = (weights(folder) for folder in (tiny, tmp_path / "own", tmp_path / "shared"))
    assert same(own, base, 1e-3)
    assert not same(shared, base, 1e-3)


def test_two_micro_batches_teach_what_one_of_their_size_does(ppo, weights, tmp_path):
    plain = {
        "max_steps": 2,
        "optim": "sgd",
        "num_ppo_epochs": 2,
        "vf_coef": 1,
        "learning_rate": 0.1,
        "max_grad_norm": 9,
    }
    ppo(plain, output="whole")
    ppo({**plain, "per_device_train_batch_size": 4, "gradient_accumulation_steps": 2}, output="halves")
    assert same(weights(tmp_path / "whole"), weights(tmp_path / "halves"), 1e-5)
    whole, halves = (critic_of(tmp_path / name / "checkpoint-2") for name in ("whole", "halves"))
    assert whole["head.bias"].abs() > 1e-4
    assert same(whole, halves, 1e-5)


def test_the_critics_gradient_begins_anew_after_each_step(ppo, rules, watched):
    """Also where an epoch's last step has fewer micro-batches than the others: here 3, 3 and 2."""
    rules.write_text(RULES.replace('float("e" in completion)', "1.0"))
    steps = {}

    def look(trainer, loss, model, inputs):
        gradient = trainer.critic.head.bias.grad
        steps.setdefault(trainer.state.global_step, []).append(gradient is None or gradient.item() == 0)

    watched(look)
    ppo({"per_device_train_batch_size": 16, "gradient_accumulation_steps": 3, "steps_per_generation": 1,
         "num_ppo_epochs": 1, "num_train_epochs": 2})  # fmt: skip
    assert list(steps.values()) == [[True, False, False], [True, False, False], [True, False]] * 2


def test_the_policy_has_no_dropout(ppo, watched):
    """Or the ratio of new to old probabilities would not be 1 where nothing was learnt yet."""
    seen = []

    def look(trainer, loss, model, inputs):
        now = trainer._log_probabilities(inputs)
        seen.append(torch.allclose(now, inputs["old_per_token_logps"], atol=1e-5))

    watched(look)
    ppo({"max_steps": 3, "num_ppo_epochs": 1, "use_peft": True, "lora_r": 4, "lora_dropout": 0.5})
    assert seen == [True] * 3


@pytest.mark.parametrize("settings", [{"bf16": True}, {"dtype": "bfloat16"}], ids=["mixed", "all of it"])
def test_with_16_bits_values_and_the_head_have_32(ppo, watched, tmp_path, settings):
    def look(trainer, loss, model, inputs):
        assert inputs["old_values"].dtype == inputs["returns"].dtype == torch.float32
        assert loss(inputs).isfinite()

    watched(look)
    ppo({"max_steps": 2, "num_ppo_epochs": 2, "learning_rate": 5e-2, **settings})
    learnt = critic_of(tmp_path / "out/checkpoint-2")
    assert learnt["head.weight"].dtype == torch.float32
    assert learnt["head.weight"].abs().sum() > 0
    assert (learnt["own.embed_tokens.weight"].dtype == torch.float32) == ("bf16" in settings)


def test_the_critics_gradient_is_clipped_and_its_learning_rate_its_own(ppo, tmp_path):
    ppo({
        "max_steps": 1, "optim": "sgd", "vf_coef": 1000, "max_grad_norm": 0.5, "critic_learning_rate": 0.1,
        "learning_rate": 1e-9, "lr_scheduler_type": "constant",
    })  # fmt: skip
    head = critic_of(tmp_path / "out/checkpoint-1")
    moved = math.sqrt(sum((found**2).sum().item() for name, found in head.items() if name.startswith("head")))
    assert moved == pytest.approx(0.05, rel=1e-3)  # of a gradient of norm 0.5: all of it is the head's, which was zero


def test_a_killed_training_goes_on_with_its_critic_and_optimizer(ppo, store, tiny, weights, tmp_path):
    settings = {"max_steps": 24, "save_steps": 5, "kl_adaptive": True, "kl_band": [0.01, 0.05]}
    ppo(settings, output="unbroken")
    command = [sys.executable, "-m", "datakit", "train", "ppo", "prompts", "--model", str(tiny), "--store"]
    command += [str(store.path), "--config", str(tmp_path / "config.yaml"), "-o", str(tmp_path / "killed")]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL, "env": ONE_THREAD}
    process = subprocess.Popen(command, **quiet)
    deadline = time.monotonic() + 120
    while not list((tmp_path / "killed").glob("checkpoint-*/trainer_state.json")):
        assert process.poll() is None, "it ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert not (tmp_path / "killed/model.safetensors").exists()
    report = ppo(settings, output="killed")
    (note,) = [note for note in report.notes if note.startswith("went on from checkpoint-")]
    assert int(note.rpartition("-")[2]) % 4 == 0  # a batch of rollouts was used up
    assert same(weights(tmp_path / "unbroken"), weights(tmp_path / "killed"), 1e-5)
    unbroken, killed = tmp_path / "unbroken/checkpoint-24", tmp_path / "killed/checkpoint-24"
    assert same(critic_of(unbroken), critic_of(killed), 1e-5)
    one, other = (torch.load(path / "optimizer.pt")["state"] for path in (unbroken, killed))
    assert len(one) == len(weights(tiny)) + len(critic_of(unbroken))
    assert all(torch.allclose(one[k]["exp_avg_sq"], other[k]["exp_avg_sq"], atol=1e-6) for k in one)


def test_the_model_that_is_left_is_an_ordinary_one_without_a_critic(ppo, tiny, weights, tmp_path):
    from transformers import AutoTokenizer

    ppo({"max_steps": 4})
    out = tmp_path / "out"
    assert weights(out).keys() == weights(tiny).keys()
    assert not list(out.glob("critic*"))
    model, tokenizer = AutoModelForCausalLM.from_pretrained(out), AutoTokenizer.from_pretrained(out)
    given = tokenizer("say red", return_tensors="pt")
    assert model.generate(input_ids=given.input_ids, max_new_tokens=2, do_sample=False).shape[1] > 2


@pytest.mark.parametrize("critic", ["own", "shared"])
def test_with_lora_policy_and_critic_train_adapters(ppo, tmp_path, critic):
    ppo({"max_steps": 4, "use_peft": True, "lora_r": 4, "sft_dataset": "sft", "sft_mix": 0.1, "critic": critic})
    adapter = load_file(tmp_path / "out/adapter_model.safetensors")
    assert adapter
    assert all("lora" in name for name in adapter)
    learnt = critic_of(tmp_path / "out/checkpoint-4").keys() - {"head.weight", "head.bias"}
    assert all("lora" in name for name in learnt)
    assert bool(learnt) == (critic == "own")


def test_a_sft_loss_is_mixed_in_and_held_out_prompts_are_valued(ppo, store):
    ppo({"max_steps": 2, "sft_dataset": "sft", "sft_mix": 0.1, "validation": 0.1, "eval_steps": 2,
         "per_device_eval_batch_size": 8})  # fmt: skip
    assert len(logged(store, "sft_loss")) == 2
    assert len(logged(store, "eval_reward")) == len(logged(store, "eval_value_loss")) == 1


def test_the_steps_of_a_dry_run_are_those_of_the_training(ppo):
    settings = {"per_device_train_batch_size": 32, "num_ppo_epochs": 3}
    estimate = dict(ppo(settings, dry_run=True).tables[0].rows)
    assert estimate["optimizer steps"] == ppo(settings).counts["steps"] == 12  # 4 batches of rollouts


def test_the_memory_of_a_dry_run_counts_the_critic(ppo, make_tiny, tmp_path):
    large = make_tiny(tmp_path / "large", layers=150)
    name = "GiB for weights, gradients, optimizer"
    own, shared = (
        dict(ppo({"critic": critic}, dry_run=True, model=large).tables[0].rows)[name] for critic in ("own", "shared")
    )
    assert own == pytest.approx(shared * 36 / 20, abs=0.01)  # 16 bytes a weight for each that learns, 4 the reference


def test_kl_outside_its_band_names_the_coefficient(ppo, capsys):
    ppo({"max_steps": 6, "kl_band": [1e-9, 2e-9], "num_ppo_epochs": 1, "learning_rate": 1e-2})
    assert "is above 1e-09 to 2e-09; a larger kl_coef (0.05) moves it back" in capsys.readouterr().err


IN_TWO = """
import os, sys
import torch
from train.harness import ppo_trainer  # slow: before there are two
from datakit.cli import main

folder, *sys.argv[1:] = sys.argv[1:]
child = os.fork()
rank = int(child == 0)
os.environ |= {"RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": "2", "LOCAL_WORLD_SIZE": "2"}
torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)

class Watched(ppo_trainer.PpoTrainer):
    def _value(self, batch):
        super()._value(batch)
        self.seen = {name: found.clone() for name, found in batch.items()}

    def _save_optimizer_and_scheduler(self, output_dir):
        super()._save_optimizer_and_scheduler(output_dir)
        trained = {name: self.accelerator.unwrap_model(of).state_dict() for name, of in
                   (("policy", self.model), ("critic", self.critic))}
        torch.save((self.seen, trained), f"{folder}/rank{rank}.pt")

ppo_trainer.PpoTrainer = Watched
main()
if rank == 0:
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
"""


def test_two_processes_whiten_together_and_train_one_policy_and_one_critic(rules, store, tiny, tmp_path):
    """One step of both is the step of one process on the answers of both."""
    settings = {
        **QUICK, **PLAIN, "max_steps": 1, "num_ppo_epochs": 1, "per_device_train_batch_size": 4, "vf_coef": 0.5,
        "whiten_advantages": True, "optim": "sgd", "learning_rate": 0.1, "lr_scheduler_type": "constant",
        "max_grad_norm": 1e9,
    }  # fmt: skip
    (tmp_path / "two.yaml").write_text(yaml.safe_dump(settings))
    command = [sys.executable, "-W", "ignore", "-c", IN_TWO, str(tmp_path), "train", "ppo", "prompts"]
    command += ["--model", str(tiny), "--config", str(tmp_path / "two.yaml"), "-o", str(tmp_path / "two")]
    done = subprocess.run(
        [*command, "--store", str(store.path)],
        capture_output=True,
        text=True,
        timeout=250,
        env=ONE_THREAD,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    (one, trained), (other, same_trained) = (torch.load(tmp_path / f"rank{rank}.pt") for rank in (0, 1))
    for part in ("policy", "critic"):
        assert same(trained[part], same_trained[part])
    kept = [batch["advantages"][batch["tool_mask"].bool()] for batch in (one, other)]
    together = torch.cat(kept)
    assert together.mean().item() == pytest.approx(0, abs=1e-5)
    assert together.var(correction=0).item() == pytest.approx(1, abs=1e-3)
    assert abs(kept[0].mean().item()) > 1e-2
    model = AutoModelForCausalLM.from_pretrained(tiny)
    gains = sum((batch["advantages"] * log_probabilities(model, batch)).sum() for batch in (one, other))
    weights = dict(model.named_parameters())
    for (name, was), gradient in zip(weights.items(), torch.autograd.grad(gains, weights.values()), strict=True):
        assert torch.allclose(trained["policy"][name], was + 0.1 * gradient / len(together), atol=1e-6)
    returns = sum(batch["returns"].sum() for batch in (one, other)) / len(together)
    assert trained["critic"]["head.bias"].item() == pytest.approx(0.1 * 0.5 * returns.item(), rel=1e-4)
    with store.read() as con:
        assert con.execute("SELECT count(*) FROM candidates WHERE origin = 'train'").fetchall() == [(8,)]


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        ({"cliprange": 0}, "cliprange: .*greater than 0"),
        ({"cliprange_value": -1}, "cliprange_value: .*greater than 0"),
        ({"vf_coef": -0.1}, "vf_coef: "),
        ({"gamma": 1.5}, "gamma: .*less than or equal to 1"),
        ({"lam": "much"}, "lam: "),
        ({"num_ppo_epochs": 0}, "num_ppo_epochs: "),
        ({"critic": "none"}, "critic: .*'own' or 'shared'"),
        ({"kl_adaptive": True}, "kl_adaptive needs a kl_coef and a kl_band above 0"),
        ({"kl_adaptive": True, "kl_band": [0.01, 0.05], "kl_coef": 0}, "kl_adaptive needs"),
        ({"beta": 0.1}, "beta: this method says it with kl_coef"),
        ({"epsilon": 0.1}, "epsilon: this method says it with cliprange"),
        ({"num_iterations": 2}, "num_iterations: this method says it with num_ppo_epochs"),
        ({"clip_range": 0.1}, "no option 'clip_range'; did you mean 'cliprange'"),
        ({"num_generations": 1}, "at least 2 generations per prompt"),
    ],
)
def test_wrong_settings_are_one_line(ppo, settings, said):
    with pytest.raises(ConfigError, match=said) as caught:
        ppo({"max_steps": 1, **settings})
    assert "\n" not in str(caught.value)
