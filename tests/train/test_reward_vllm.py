"""A trained reward model in vLLM, as it was saved: the raw scores are those of transformers."""

import json
import os
import subprocess
import sys

import pytest
import torch

pytestmark = [pytest.mark.model, pytest.mark.filterwarnings("default")]  # warnings of torch, transformers and trl

ANSWERS = ("cat", "red", "no the no", "is a of what say name colour number animal")
CLASSIFY = """
import json, sys, vllm
from pathlib import Path
import numpy as np
from rewards.model import read_model
from rewards.model_settings import ModelSettings
from rewards.models.vllm import VLLM
asked = json.load(sys.stdin)
more = {"kv_cache_memory_bytes": 1 << 26}
settings = ModelSettings(model=asked["model"], backend="vllm", dtype="float32", max_length=256, extra=more)
backend = VLLM(read_model("rm", settings).members[0], settings)
ours = backend.logits([np.array(ids, np.int32) for ids in asked["ids"]]).tolist()
plain = backend.llm.classify([vllm.TokensPrompt(prompt_token_ids=ids) for ids in asked["ids"]], use_tqdm=False)
print(json.dumps({"raw": ours, "plain": [one.outputs.probs for one in plain]}))
"""
"""In a process of its own: vLLM leaves torch.distributed set up, which a training in the same process would join."""


@pytest.mark.parametrize("lora", [False, True])
def test_vllm_gives_the_scores_of_transformers(fit, store, make_tiny, tmp_path, lora):
    pytest.importorskip("vllm")
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    rows = [
        {"prompt": f"say {n}", "completion": answer, "helpful": len(answer) % 5, "safe": n % 3}
        for n in range(6)
        for answer in ANSWERS
    ]
    from datakit.ingest import ingest
    from schemas.options import IngestOptions

    (tmp_path / "two.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    ingest(tmp_path / "two.jsonl", IngestOptions(), store=store)
    base = make_tiny(tmp_path / "base", heads=1)  # vLLM has no CPU attention for heads of 16
    settings = {"use_peft": True, "lora_r": 4} if lora else {}
    fit("reward", "two", {"dimensions": ["helpful", "safe"], "num_train_epochs": 4, **settings}, model=base)

    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out")
    turns = [[{"role": "user", "content": "say 3"}, {"role": "assistant", "content": a}] for a in ANSWERS]
    ids = [tokenizer.apply_chat_template(one, return_dict=False) for one in turns]
    model = AutoModelForSequenceClassification.from_pretrained(tmp_path / "out", dtype=torch.float32)
    with torch.no_grad():
        expected = torch.cat([model(torch.tensor([one])).logits for one in ids])
    assert expected.std() > 0.05

    asked = {"model": str(tmp_path / "out"), "ids": ids}
    done = subprocess.run(
        [sys.executable, "-c", CLASSIFY],
        input=json.dumps(asked),
        capture_output=True,
        text=True,
        env={**os.environ, "VLLM_ENABLE_V1_MULTIPROCESSING": "0", "HF_HUB_OFFLINE": "1"},
        check=False,
    )
    assert done.returncode == 0, done.stderr[-3000:]
    found = json.loads(done.stdout.splitlines()[-1])
    assert torch.allclose(torch.tensor(found["raw"]), expected, atol=1e-4)
    assert torch.allclose(torch.tensor(found["plain"]), expected, atol=1e-3)  # problem_type: regression
