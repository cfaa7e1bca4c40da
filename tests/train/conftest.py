"""A tiny model with a tokenizer trained on the spot, stores to train on, and processes that train at once."""

import json
import os
import signal
import subprocess
import sys
from dataclasses import dataclass

import pytest

WORDS = "red green blue one two three cat dog yes no the a is of what say name colour number animal"


def make_tiny(folder, *, layers=2, heads=2, template=True, seed=0):
    """A Llama of two layers and a tokenizer of words; learns a small set by heart in seconds."""
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    from tokenizers import decoders

    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=400,
        special_tokens=["<s>", "</s>", "<pad>"],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator([WORDS] * 20, trainer)
    chat = "{% for m in messages %}<s>{{ m['role'] }}:{{ m['content'] }}</s>{% endfor %}"
    chat += "{% if add_generation_prompt %}<s>assistant:{% endif %}"
    fast = PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        chat_template=chat if template else None,
        bos_token="<s>",
        eos_token="</s>",
        pad_token="<pad>",
    )
    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=len(fast),
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        max_position_embeddings=512,
        pad_token_id=2,
        bos_token_id=0,
        eos_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    fast.save_pretrained(folder)
    return folder


@pytest.fixture(scope="session", name="make_tiny")
def _make_tiny():
    """Builds a tiny model in a folder: other layers or heads, no template."""
    return make_tiny


@pytest.fixture(scope="session", name="weights")
def _weights():
    """Reads all tensors of a saved model."""
    return weights


FORKER = """
import json, os, signal, sys
import torch
import train.harness.online_trainer  # slow: once for all that are started
from datakit.cli import main

while line := sys.stdin.readline():
    words, log, ranks = json.loads(line)
    if words is None:
        print(os.waitstatus_to_exitcode(os.waitpid(log, 0)[1]), flush=True)
        continue
    for rank in range(ranks):
        child = os.fork()
        if child:
            print(child, flush=True)
            continue
        signal.alarm(250)  # it ends, whatever happens
        sys.argv[1:] = words
        os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), 2)
        os.dup2(2, 1)
        if ranks > 1:
            os.environ |= {"RANK": f"{rank}", "LOCAL_RANK": f"{rank}"}
            os.environ |= {"WORLD_SIZE": f"{ranks}", "LOCAL_WORLD_SIZE": f"{ranks}"}
            where = f"file://{log}.meeting"
            torch.distributed.init_process_group("gloo", init_method=where, rank=rank, world_size=ranks)
        code = 0
        try:
            main()
        except SystemExit as end:
            code = end.code or 0
        sys.stdout.flush()
        os._exit(code)  # what torch tears down at an exit, a fork does not have
"""


@dataclass
class Started:
    """A `datakit` process, or several ranks of one training; what they say is in the log."""

    server: subprocess.Popen
    pids: list[int]
    log: object

    def kill(self):
        for pid in self.pids:
            os.kill(pid, signal.SIGKILL)
        self.wait()

    def wait(self):
        """Their exit codes."""
        found = []
        for pid in self.pids:
            self.server.stdin.write(json.dumps([None, pid, None]) + "\n")
            found.append(int(self.server.stdout.readline()))
        return found


@pytest.fixture(scope="session")
def forker():
    """A process that has imported what is slow, and forks others."""
    environment = {**os.environ, "OMP_NUM_THREADS": "1", "PYTHONWARNINGS": "ignore"}
    pipe = subprocess.PIPE
    server = subprocess.Popen(
        [sys.executable, "-c", FORKER], stdin=pipe, stdout=pipe, text=True, bufsize=1, env=environment
    )
    yield server
    server.kill()
    server.communicate()


@pytest.fixture
def start(forker, tmp_path):
    """Start `datakit` with these words, in so many ranks; it is a process to kill or to wait for."""

    def started(*words, ranks=1):
        log = tmp_path / "log.txt"
        forker.stdin.write(json.dumps([[str(word) for word in words], str(log), ranks]) + "\n")
        return Started(forker, [int(forker.stdout.readline()) for _ in range(ranks)], log)

    return started


@pytest.fixture(scope="module")
def quick():
    """One thread is fastest for so small a model; and the garbage collector need not look through all of TRL."""
    import gc

    import torch

    import train.harness.online_trainer  # noqa: F401

    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    gc.freeze()
    yield
    gc.unfreeze()
    torch.set_num_threads(threads)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def trained_store(tmp_path_factory):
    """Examples, pairs by people, unpaired labels and prompts; stores are copied, since trainings write to them."""
    from datakit.ingest import ingest
    from datakit.store import Store
    from schemas.options import IngestOptions

    folder = tmp_path_factory.mktemp("data")
    colours = ["red", "green", "blue", "one", "two", "three", "cat", "dog"]
    asked = [f"say {a} of the {b}" for a in colours for b in colours]
    files = {
        "sft": [{"prompt": q, "completion": q.split()[1]} for q in asked],
        "turns": [
            {"messages": [
                {"role": "user", "content": q},
                {"role": "assistant", "content": "yes"},
                {"role": "user", "content": "what colour"},
                {"role": "assistant", "content": q.split()[1]},
            ]}
            for q in asked
        ],
        "pairs": [{"prompt": q, "chosen": q.split()[1], "rejected": "no the no"} for q in asked],
        "prompts": [{"prompt": q, "keyword": q.split()[1]} for q in asked],
        "kto": [
            {"prompt": q, "completion": "yes" if k % 2 else "no", "label": bool(k % 2)} for k, q in enumerate(asked)
        ],
    }  # fmt: skip
    store = Store(folder / "s.duckdb")
    for name, rows in files.items():
        path = folder / f"{name}.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        ingest(path, IngestOptions(), store=store)
    return store.path


@pytest.fixture
def store(trained_store, tmp_path):
    import shutil

    from datakit.store import Store

    shutil.copy(trained_store, tmp_path / "s.duckdb")
    return Store(tmp_path / "s.duckdb")


@pytest.fixture
def fit(store, tiny, tmp_path):
    """Train on the tiny model: method, data set, settings of the YAML; returns the report. The output is `.out`."""
    import yaml

    from schemas.options import TrainOptions
    from train.harness.stage import train

    def run(method, name, settings=None, *, model=tiny, output="out", dry_run=False):
        config = tmp_path / "config.yaml"
        quick = {"per_device_train_batch_size": 8, "learning_rate": 5e-3, "num_train_epochs": 1, "seed": 7}
        config.write_text(yaml.safe_dump({**quick, **(settings or {})}))
        options = TrainOptions(model=str(model), config=config, output=tmp_path / output, dry_run=dry_run)
        return train(method, name, options, store=store)

    return run


def weights(folder):
    """All tensors of a saved model."""
    from safetensors.torch import load_file

    return load_file(folder / "model.safetensors")
