"""The YAML of a training: our settings and TRL's option names in one file, so that an existing TRL file works."""

import dataclasses
from collections.abc import Mapping
from pathlib import Path
from typing import Any, get_type_hints

from pydantic import ConfigDict, TypeAdapter, ValidationError

from rewards.plugins import variant_class, variant_names
from rewards.yaml_file import read_yaml
from schemas.errors import ConfigError, did_you_mean
from schemas.options import TrainOptions
from train.harness.trainer import FOLDER, Trainer

DEFAULTS: Mapping[str, Any] = {
    "report_to": "none",
    "disable_tqdm": True,  # the stage has a bar of its own
    "save_strategy": "steps",
    "save_steps": 0.2,
    "save_total_limit": 2,
    "eval_steps": 0.2,
    "logging_first_step": True,
}
"""Where every method differs from TRL: a tenth of a long training is not lost to a kill, and nothing is sent out."""

CPU_DEFAULTS: Mapping[str, Any] = {
    "use_cpu": True,
    "gradient_checkpointing": False,  # saves GPU memory at a fifth of the speed
    "dataloader_pin_memory": False,
}
"""Where no accelerator is found."""

ELSEWHERE: Mapping[str, str] = {
    "model_name_or_path": "--model",
    "output_dir": "-o",
    "resume_from_checkpoint": "nothing: the same command resumes by itself",
    "overwrite_output_dir": "-o with another directory",
    "dataset_name": "the NAME of a data set of the store",
    "dataset_config": "the NAME of a data set of the store",
    "dataset_train_split": "the NAME of a data set of the store",
    "dataset_test_split": "validation",
    "dataset_streaming": "the NAME of a data set of the store",
    "datasets": "the NAME of a data set of the store",
    "do_train": "nothing: it always does",
    "do_eval": "validation",
    "push_to_hub": "your own upload",
}
"""Names of TRL's scripts that the command line says instead; they are left out with a note."""


@dataclasses.dataclass(frozen=True, slots=True)
class Settings:
    """A YAML file, checked."""

    trainer: Trainer
    """The method, with our settings."""
    arguments: Any
    """TRL's config of the method."""
    model_arguments: Any
    """TRL's ModelConfig."""
    described: dict[str, Any]
    """All that took effect, as recorded: what was given and what we decided."""
    notes: tuple[str, ...]


def read_settings(method: str, options: TrainOptions) -> Settings:
    """Read the YAML of a training, if there is one, and build TRL's config.

    Raises:
        ConfigError: no such method, an unknown name, or a value that TRL refuses.
    """
    kind = trainer_class(method)
    given = read_yaml(options.config, "training config") or {} if options.config else {}
    if not isinstance(given, dict):
        raise ConfigError(f"{options.config}: a training config is a mapping of option names to values")
    config_class, model_class = _trl_class(kind.config_name), _trl_class("ModelConfig")
    ours, trl, model, left_out = _sorted(options.config, given, kind, (config_class, model_class))
    trainer = _build_ours(options.config, kind, ours)
    by_model = trainer.defaults_for(options.model, bool(model.get("use_peft"))) if "learning_rate" not in trl else {}
    chosen = {**_defaults(kind, trainer, trl), **by_model, **trl, **_implied(options.config, trainer, trl)}
    arguments = _build(options.config, config_class, {**chosen, "output_dir": str(options.output)})
    described = {**trainer.describe(), **model, **{name: _json(value) for name, value in chosen.items()}}
    notes = tuple(f"{name} of the config is left out; say it with {ELSEWHERE[name]}" for name in left_out)
    return Settings(trainer, arguments, _build(options.config, model_class, model), described, notes)


def trainer_class(method: str) -> type[Trainer]:
    """The class of a method.

    Raises:
        ConfigError: there is none of that name.
    """
    known = variant_names("train")
    if method not in known:
        raise ConfigError(f"no method of training {method!r}; {did_you_mean(method, known)}")
    return variant_class("train", method, Trainer)  # type: ignore[type-abstract]


def _trl_class(name: str) -> Any:
    try:
        import trl
    except ImportError as error:
        raise ConfigError(
            f"training needs torch, transformers and trl: pip install 'datakit[train]' ({error})"
        ) from error
    return getattr(trl, name)


def _sorted(
    path: Path | None, given: Mapping[str, Any], kind: type[Trainer], classes: tuple[Any, Any]
) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any], list[str]]:
    """The names that are ours, TRL's and the model's, and those that the command line says."""
    ours: dict[str, Any] = {}
    trl: dict[str, Any] = {}
    model: dict[str, Any] = {}
    left_out: list[str] = []
    trl_names, model_names = ({field.name for field in dataclasses.fields(found)} for found in classes)
    for name, value in given.items():
        if name in ELSEWHERE:
            left_out.append(name)
        elif name in kind.model_fields:
            ours[name] = value
        elif name in trl_names:
            trl[name] = value
        elif name in model_names:
            model[name] = value
        else:
            near = did_you_mean(str(name), [*kind.model_fields, *trl_names, *model_names]).partition("there are:")[0]
            seek = f"docs/train.md has ours, {kind.config_name} of TRL the others"
            raise ConfigError(f"{path}: no option {name!r}; {near.strip() or seek}")
    return ours, trl, model, left_out


def _build_ours(path: Path | None, kind: type[Trainer], given: Mapping[str, Any]) -> Trainer:
    try:
        return kind.model_validate(dict(given), context={FOLDER: path.parent if path else Path()})
    except ValidationError as error:
        first = error.errors()[0]
        raise ConfigError(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error


def _defaults(kind: type[Trainer], trainer: Trainer, given: Mapping[str, Any]) -> dict[str, Any]:
    """Our defaults; what follows from them and from what was given."""
    import torch

    has_accelerator = torch.accelerator.is_available() and not given.get("use_cpu", False)
    on_cpu = {**CPU_DEFAULTS, "bf16": torch.cpu._is_avx512_bf16_supported() and not given.get("fp16", False)}
    chosen = {**DEFAULTS, **({} if has_accelerator else on_cpu), **kind.defaults}
    chosen["eval_strategy"] = "steps" if trainer.validation else "no"
    if trainer.early_stopping and trainer.validation:
        chosen |= {"load_best_model_at_end": True, "metric_for_best_model": "eval_loss", "greater_is_better": False}
    return chosen


def _implied(path: Path | None, trainer: Trainer, given: Mapping[str, Any]) -> dict[str, Any]:
    """TRL's options that ours decide; the YAML may not give them too."""
    implied = trainer.implied()
    for name in given.keys() & implied.keys():
        raise ConfigError(f"{path}: {name}: this method says it with {implied[name][0]}")
    return {name: value for name, (_, value) in implied.items()}


def _build(path: Path | None, config_class: Any, given: Mapping[str, Any]) -> Any:
    """One of TRL's configs; texts become numbers where it wants them, and its own refusals one line."""
    hints = get_type_hints(config_class)
    values = {}
    for name, value in given.items():
        try:
            adapter = TypeAdapter(hints[name], config=ConfigDict(arbitrary_types_allowed=True))
            values[name] = adapter.validate_python(value)
        except ValidationError as error:
            raise ConfigError(f"{path}: {name}: {error.errors()[0]['msg']}, not {value!r}") from error
    try:
        return config_class(**values)
    except (TypeError, ValueError, ImportError) as error:
        raise ConfigError(f"{path or config_class.__name__}: {' '.join(str(error).split())}") from error


def _json(value: Any) -> Any:
    return value if isinstance(value, str | int | float | bool | list | dict | None) else str(value)
