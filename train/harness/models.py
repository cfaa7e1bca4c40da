"""Loading the model to train, and its tokenizer; what cannot be trained is refused with one line."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import ConfigError, NotFoundError
from train.harness.trainer import Job


def load_causal(job: Job) -> Any:
    """The causal language model of a job, in the dtype of its config: 32 bits unless told otherwise.

    Raises:
        NotFoundError: it cannot be loaded.
        ConfigError: it is a LoRA adapter.
    """
    from transformers import AutoModelForCausalLM

    return load(AutoModelForCausalLM, job)


def load(kind: Any, job: Job, **more: Any) -> Any:
    """A model of one of transformers' Auto classes.

    Args:
        kind: the class.
        job: says which model, and how: TRL's ModelConfig, and `model_init_kwargs` of the method's config.
        more: further arguments of `from_pretrained`.

    Raises:
        NotFoundError: it cannot be loaded.
        ConfigError: it is a LoRA adapter.
    """
    from transformers.utils import logging

    logging.disable_progress_bar()
    refuse_adapter(job.model)
    try:
        return kind.from_pretrained(job.model, **{**init_arguments(job), **more})
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())[:300]
        raise NotFoundError(f"cannot load model {job.model}: {reason}") from error


def init_arguments(job: Job) -> dict[str, Any]:
    """How the model is loaded; `model_init_kwargs` of the config wins over ModelConfig."""
    import trl

    said = job.model_arguments
    found = {
        "revision": said.model_revision,
        "attn_implementation": said.attn_implementation,
        "dtype": said.dtype or "float32",
        "quantization_config": trl.get_quantization_config(said),
        "trust_remote_code": getattr(job.arguments, "trust_remote_code", False),
        **(getattr(job.arguments, "model_init_kwargs", None) or {}),
    }
    return {name: value for name, value in found.items() if value is not None}


def refuse_adapter(model: str) -> None:
    """Raises:
    ConfigError: the directory holds a LoRA adapter and no model.
    """
    folder = Path(model)
    if (folder / "adapter_config.json").exists() and not (folder / "config.json").exists():
        raise ConfigError(
            f"{model} is a LoRA adapter; merge it into its model first (peft: PeftModel.merge_and_unload) and name that"
        )


def load_tokenizer(model: str, arguments: Any) -> Any:
    """The tokenizer of a model, with a chat template and a padding token.

    Raises:
        NotFoundError: there is none.
        ConfigError: it has no chat template.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(model)
    except (OSError, ValueError) as error:
        raise NotFoundError(f"cannot load the tokenizer of {model}: {' '.join(str(error).split())[:300]}") from error
    if tokenizer.chat_template is None and getattr(arguments, "chat_template_path", None) is None:
        raise ConfigError(f"model {model} has no chat template; name one with chat_template_path, or use a chat model")
    if tokenizer.eos_token is None:
        raise ConfigError(f"the tokenizer of {model} has no end-of-sequence token (eos_token)")
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    return tokenizer


def peft_config(job: Job) -> Any | None:
    """PEFT's config, where `use_peft: true` asks for LoRA."""
    import trl

    return trl.get_peft_config(job.model_arguments)


@dataclass(frozen=True, slots=True)
class Shape:
    """Sizes of a model."""

    weights: int
    layers: int
    hidden: int
    heads: int
    vocabulary: int


def model_shape(model: str) -> Shape | None:
    """Sizes of a model, or None where its config cannot be read. Weights are counted on torch's meta device."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM

    try:
        config = AutoConfig.from_pretrained(model)
        with torch.device("meta"):
            weights = sum(part.numel() for part in AutoModelForCausalLM.from_config(config).parameters())
        text = config.get_text_config()
        return Shape(weights, text.num_hidden_layers, text.hidden_size, text.num_attention_heads, text.vocab_size)
    except (OSError, ValueError, AttributeError):
        return None


def freeze_bottom(model: Any, share: float) -> int:
    """Freeze the embeddings and the lowest layers; returns how many layers.

    Args:
        model: a decoder of transformers.
        share: of its layers, rounded, at least one.

    Raises:
        ConfigError: the model has no list of layers that is known.
    """
    from torch import nn

    inner = model.get_decoder() if hasattr(model, "get_decoder") else model.base_model
    layers = next((found for found in inner.children() if isinstance(found, nn.ModuleList)), None)
    if layers is None:
        raise ConfigError(f"freeze_bottom: {type(model).__name__} has no list of layers")
    frozen = max(1, round(share * len(layers)))
    for part in (model.get_input_embeddings(), *layers[:frozen]):
        part.requires_grad_(False)
    return frozen
