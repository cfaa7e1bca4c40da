"""A tiny model with a tokenizer trained on the spot, and stores to train on."""

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


@pytest.fixture(scope="session")
def tiny(tmp_path_factory):
    return make_tiny(tmp_path_factory.mktemp("tiny"))


@pytest.fixture(scope="session")
def trained_store(tmp_path_factory):
    """Examples, pairs by people, unpaired labels and prompts; stores are copied, since trainings write to them."""
    import json

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
