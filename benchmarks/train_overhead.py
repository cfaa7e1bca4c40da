"""Time of a training step: `datakit train` against plain TRL on the same data, interleaved, medians.

A Llama of 0.9 million weights, built here; TRL reads the exported file. Both report TRL's own train_runtime over the
same steps, logging, checkpoints and evaluations included; loading and tokenizing are left out of both.

    python benchmarks/train_overhead.py [--rounds 7] [--steps 30] [--methods sft dpo]
"""

import argparse
import json
import logging
import os
import statistics
import tempfile
import warnings
from pathlib import Path

import yaml

from datakit.export import export
from datakit.ingest import ingest
from datakit.store import Store
from schemas.options import ExportOptions, IngestOptions, TrainOptions
from train.harness.stage import train

WORDS = ["the", "of", "red", "blue", "one", "three", "say", "name", "colour", "animal", "cat", "dog", "yes", "no"]
COMMON = {
    "per_device_train_batch_size": 8,
    "learning_rate": 1e-4,
    "logging_steps": 5,
    "save_strategy": "no",
    "report_to": "none",
    "use_cpu": True,
    "bf16": False,
    "gradient_checkpointing": False,
    "dataloader_pin_memory": False,
    "disable_tqdm": True,
    "seed": 1,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--steps", type=int, default=30)
    parser.add_argument("--methods", nargs="+", default=["sft", "dpo"])
    given = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    warnings.simplefilter("ignore")
    logging.disable(logging.WARNING)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        model = make_model(folder / "model")
        store = make_data(folder)
        for method in given.methods:
            compare(method, model, store, folder, given)


def compare(method: str, model: Path, store: Store, folder: Path, given: argparse.Namespace) -> None:
    """Both sides in turn; the one that begins changes."""
    data = {"sft": "examples", "dpo": "pairs"}[method]
    file = folder / f"{data}.jsonl"
    export(data, ExportOptions(output=file), store=store)
    ours, plain = [], []
    for number in range(given.rounds):
        if number % 2:
            plain.append(bare(method, file, model, given))
        ours.append(wrapped(method, data, model, store, folder / f"{method}{number}", given))
        if not number % 2:
            plain.append(bare(method, file, model, given))
    ratios = [one / other for one, other in zip(ours, plain, strict=True)]
    print(
        f"{method}: {1000 * statistics.median(ours):.1f} ms a step, plain TRL "
        f"{1000 * statistics.median(plain):.1f} ms; ratio {statistics.median(ratios):.3f} "
        f"(of {', '.join(f'{ratio:.3f}' for ratio in ratios)}); target 1.05",
        flush=True,
    )


def wrapped(method: str, data: str, model: Path, store: Store, output: Path, given: argparse.Namespace) -> float:
    """Seconds a step of ours."""
    ours = {"validation": 0, **({"sample_answers": 0} if method == "dpo" else {})}
    config = output.with_suffix(".yaml")
    config.write_text(yaml.safe_dump({**COMMON, "max_steps": given.steps, **ours}))
    train(method, data, TrainOptions(model=str(model), config=config, output=output), store=store)
    with store.read() as con:
        row = con.execute(
            "SELECT value FROM metrics WHERE name = 'train_runtime' ORDER BY rowid DESC LIMIT 1"
        ).fetchone()
    return float(row[0]) / given.steps if row else float("nan")


def bare(method: str, data: Path, model: Path, given: argparse.Namespace) -> float:
    """Seconds a step of TRL's own."""
    import trl
    from datasets import disable_progress_bars, load_dataset
    from transformers import AutoModelForCausalLM, AutoTokenizer, PrinterCallback

    disable_progress_bars()
    trainer_class, config_class = getattr(trl, f"{method.upper()}Trainer"), getattr(trl, f"{method.upper()}Config")
    with tempfile.TemporaryDirectory() as output:
        rows = load_dataset("json", data_files=str(data), split="train", cache_dir=output)
        trainer = trainer_class(
            AutoModelForCausalLM.from_pretrained(model, dtype="float32"),
            args=config_class(**COMMON, max_steps=given.steps, output_dir=output),
            train_dataset=rows,
            processing_class=AutoTokenizer.from_pretrained(model),
        )
        trainer.remove_callback(PrinterCallback)
        return float(trainer.train().metrics["train_runtime"]) / given.steps


def make_data(folder: Path) -> Store:
    """256 examples and as many pairs."""
    store = Store(folder / "store.duckdb")
    asked = [f"say {' '.join(WORDS[(k * j) % len(WORDS)] for j in range(1, 9))} {k}" for k in range(256)]
    long, short = " ".join(WORDS * 2), " ".join(reversed(WORDS))
    files = {
        "examples": [{"prompt": text, "completion": f"{long} {text}"} for text in asked],
        "pairs": [{"prompt": text, "chosen": f"{long} {text}", "rejected": f"{short} {text}"} for text in asked],
    }
    for name, rows in files.items():
        path = folder / f"{name}-in.jsonl"
        path.write_text("".join(json.dumps(row) + "\n" for row in rows))
        ingest(path, IngestOptions(name=name), store=store)
    return store


def make_model(folder: Path) -> Path:
    """A Llama with a tokenizer of bytes."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import LlamaConfig, LlamaForCausalLM, PreTrainedTokenizerFast
    from transformers.utils import logging as transformers_logging

    transformers_logging.disable_progress_bar()
    vocab = {token: n for n, token in enumerate(["<s>", "</s>", *sorted(pre_tokenizers.ByteLevel.alphabet())])}
    tokenizer = Tokenizer(models.BPE(vocab=vocab, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    chat = "{% for m in messages %}<s>{{ m.role }}:{{ m.content }}</s>{% endfor %}"
    chat += "{% if add_generation_prompt %}<s>assistant:{% endif %}"
    PreTrainedTokenizerFast(
        tokenizer_object=tokenizer, chat_template=chat, bos_token="<s>", eos_token="</s>", pad_token="</s>"
    ).save_pretrained(folder)
    config = LlamaConfig(
        vocab_size=len(vocab),
        hidden_size=128,
        intermediate_size=384,
        num_hidden_layers=4,
        num_attention_heads=4,
        max_position_embeddings=1024,
        pad_token_id=1,
        bos_token_id=0,
        eos_token_id=1,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    return folder


if __name__ == "__main__":
    main()
