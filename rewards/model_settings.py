"""What a reward spec may say of a reward model."""

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, model_validator

from schemas.base import Frozen


def one_or_many(value: object) -> object:
    """One value as a tuple of it."""
    return (value,) if isinstance(value, str | Path) else value


Names = Annotated[tuple[str, ...], BeforeValidator(one_or_many)]


class ModelSettings(Frozen):
    """A reward model with a head of scores, or several of the same outputs as an ensemble."""

    model: Names = Field(min_length=1)
    """Directory, relative to the spec, or a name on the hub; several are an ensemble."""
    revision: str | None = None
    """Revision of models on the hub (default: the newest that is known)."""
    chat_template: Path | None = None
    """File of a chat template, instead of the model's own."""
    max_length: int | None = Field(None, ge=1)
    """Longest conversation, in tokens (default: the model's own limit)."""
    too_long: Literal["error", "keep_start", "keep_end"] = "error"
    """A longer one is an error, or its first or last `max_length` tokens are read; the reason says what was cut."""
    unit: Literal["raw", "people"] = "raw"
    """raw: the logits; people: in the unit of the scores that a model of `train reward` has learnt (`score_scale`)."""
    ensemble: Literal["mean", "min", "mean_minus_std"] = "mean"
    """What several models come to: their mean, the smallest, or the mean less `k` sample standard deviations."""
    k: float = Field(1.0, ge=0)
    """Of mean_minus_std."""
    backend: str = "transformers"
    """transformers, or vllm."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Type of the weights; auto: bfloat16 on a GPU, float32 elsewhere."""
    device: str | None = None
    """cpu, cuda, cuda:1 ... (default: cuda where there is one)."""
    batch_tokens: int | None = Field(None, ge=1)
    """Tokens of a batch, padding included (default: 16,384 on a GPU, 512 on a CPU)."""
    extra: dict[str, Any] = {}
    """Further arguments of transformers' `from_pretrained`, or of `vllm.LLM`."""

    @model_validator(mode="before")
    @classmethod
    def _just_a_path(cls, value: object) -> object:
        return value if isinstance(value, Mapping) else {"model": value}

    @model_validator(mode="after")
    def _is_an_ensemble(self) -> "ModelSettings":
        if len(self.model) == 1 and self.model_fields_set & {"ensemble", "k"}:
            raise ValueError("ensemble and k are for several models; write model: [DIRECTORY, DIRECTORY]")
        if "k" in self.model_fields_set and self.ensemble != "mean_minus_std":
            raise ValueError(f"k is for ensemble: mean_minus_std, found {self.ensemble}")
        return self

    def under(self, folder: Path) -> "ModelSettings":
        """With paths that mean the same from everywhere: those that exist in `folder` are relative to it."""
        models = tuple(_under(folder, name) for name in self.model)
        template = self.chat_template and (folder / self.chat_template).absolute()
        return self.model_copy(update={"model": models, "chat_template": template})

    def identity(self) -> dict[str, Any]:
        """All that decides the values, beside what the models' own files hold."""
        free = {"model", "revision", "chat_template", "backend", "device", "batch_tokens"}
        return self.model_dump(mode="json", exclude=free)


def _under(folder: Path, name: str) -> str:
    path = folder / Path(name).expanduser()
    return str(path.absolute()) if path.is_dir() else name
