"""Reward models as scorers: each output of a model with a head of scores is one, `rm.helpful`.

What a model runs on is a variant of rewards/models/; this module reads a model's files, and loads no weights.
"""

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NoReturn

import numpy as np
import numpy.typing as npt

from rewards.model_files import content_revision
from rewards.model_settings import ModelSettings
from rewards.origin import ModelOrigin
from rewards.rule import Form, Input, Rule
from rewards.scorer import Scorer, bind
from schemas.errors import ConfigError, NotFoundError, RuleError, did_you_mean
from schemas.identity import content_id, text_id

DISAGREEMENT = "disagreement"
"""`rm.helpful.disagreement` is the sample standard deviation of an ensemble's members."""

Ids = npt.NDArray[np.int32]
Logits = npt.NDArray[np.float64]


class Backend(ABC):
    """A loaded model; a subclass is the one class of its file in rewards/models/."""

    alone: ClassVar[bool] = False
    """There can be but one at a time in a process."""

    @classmethod
    @abstractmethod
    def batch_tokens(cls, settings: ModelSettings) -> int:
        """Tokens of a batch, padding included."""

    @abstractmethod
    def __init__(self, member: "Member", settings: ModelSettings) -> None:
        """Load it.

        Raises:
            ConfigError: it cannot be loaded, or has no trained head.
        """

    @abstractmethod
    def logits(self, rows: Sequence[Ids]) -> Logits:
        """The raw outputs (rows, labels) for token ids, in their order."""

    @abstractmethod
    def close(self) -> None:
        """Free its memory."""


@dataclass(frozen=True)
class Member:
    """One model's directory."""

    folder: Path
    revision: str
    """Hash of its weights, config, tokenizer and template."""
    config: Mapping[str, Any]

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """Names of its outputs; a single one that nobody named is `reward`."""
        named = self.config.get("id2label") or {}
        count = len(named) or 2  # transformers writes no names where there are two outputs and nobody named them
        names = tuple(str(named.get(str(place), f"LABEL_{place}")) for place in range(count))
        return ("reward",) if names == ("LABEL_0",) else names

    @property
    def pad_id(self) -> int | None:
        """The token that pads; the score is read at the last one that is not it."""
        found: int | None = self._said("pad_token_id")
        return found

    @property
    def context(self) -> int | None:
        """Longest input, in tokens."""
        found: int | None = self._said("max_position_embeddings")
        return found

    @property
    def scale(self) -> tuple[Sequence[float], Sequence[float]] | None:
        """Means and deviations of the people's scores that it learnt, an entry an output."""
        found = self.config.get("score_scale")
        return (found["mean"], found["std"]) if found else None

    def _said(self, name: str) -> Any:
        nested = self.config.get("text_config") or {}
        return self.config.get(name, nested.get(name))


@dataclass(frozen=True)
class RewardModel:
    """A reward model of a spec: its settings, and what its files say."""

    name: str
    settings: ModelSettings
    members: tuple[Member, ...]
    template: str | None
    """The chat template that stands for the models' own."""

    @property
    def outputs(self) -> tuple[str, ...]:
        """The names that `rm.NAME` may have."""
        labels = self.members[0].labels
        return labels if len(self.members) == 1 else (*labels, *(f"{label}.{DISAGREEMENT}" for label in labels))

    @cached_property
    def fingerprint(self) -> str:
        """The same for the same weights, configs, tokenizers, templates and settings that decide the values."""
        template = None if self.template is None else text_id(self.template)
        return content_id([[member.revision for member in self.members], template, self.settings.identity()])


@dataclass(frozen=True, kw_only=True)
class ModelRule(Rule):
    """One output of a reward model, in the place of a rule."""

    model: RewardModel
    output: str

    def __reduce__(self) -> Any:
        return _rule, (self.model, self.output)


def read_model(name: str, settings: ModelSettings) -> RewardModel:
    """A reward model's files, without its weights.

    Raises:
        NotFoundError: there is no such model.
        ConfigError: it is no model with a head of scores, or the members of an ensemble differ in their outputs.
    """
    members = tuple(_member(_folder(model, settings.revision)) for model in settings.model)
    for member in members[1:]:
        if member.labels != members[0].labels:
            raise ConfigError(
                f"models of an ensemble have the same outputs: {members[0].folder} has {list(members[0].labels)}, "
                f"{member.folder} {list(member.labels)}"
            )
    for member in members:
        if settings.unit == "people" and member.scale is None:
            raise ConfigError(
                f"{member.folder}: unit: people needs score_scale in config.json (train reward on scores)"
            )
    return RewardModel(name, settings, members, _template(settings.chat_template))


def bind_output(
    model: RewardModel, output: str, *, name: str | None = None, inputs: Mapping[str, object] | None = None
) -> Scorer:
    """A scorer of one output of a model.

    Args:
        model: the model.
        output: its name; empty where there is but one.
        name: name of the scorer (default: `model.output`).
        inputs: where `completion`, `messages` and `tools` come from, as for rules.

    Raises:
        RuleError: there is no such output.
    """
    if not output and len(model.outputs) == 1:
        name, output = name or model.name, model.outputs[0]
    if output not in model.outputs:
        which = f"no output {output!r}" if output else "several outputs; name one"
        raise RuleError(f"model {model.name} has {which}; {did_you_mean(output, model.outputs)}")
    bound = bind(_rule(model, output), name=name, inputs=inputs)
    scorer_id = content_id(["model", bound.name, bound.fingerprint])
    described = {**model.settings.model_dump(mode="json", exclude_defaults=True), "output": output}
    return replace(bound, kind="model", scorer_id=scorer_id, options=described)


def _rule(model: RewardModel, output: str) -> ModelRule:
    tools = Input("tools", nullable=True, required=False)
    return ModelRule(
        name=f"{model.name}.{output}",
        function=_judge,
        form=Form.MODEL,
        inputs=(Input("messages"), Input("completion"), tools),
        options=(),
        version=content_id([model.fingerprint, output]),
        timeout=None,
        origin=ModelOrigin(tuple(str(member.folder) for member in model.members)),
        doc=f"The output {output} of a reward model.",
        model=model,
        output=output,
    )


def _judge(messages: list[dict[str, Any]], completion: str, tools: Any = None) -> NoReturn:
    """The signature of a reward model; rewards/model_pool.py asks it in batches."""
    raise RuleError("a reward model judges in batches: use rewards.engine.RulePool")


def _folder(model: str, revision: str | None) -> Path:
    """The directory of a model; one of the hub is fetched."""
    folder = Path(model).expanduser()
    if folder.is_dir():
        return folder
    if model.startswith((".", "/", "~")) or model.count("/") != 1:
        raise NotFoundError(f"no model directory {model}; it is relative to the spec")
    try:
        from huggingface_hub import snapshot_download
        from huggingface_hub.errors import HfHubHTTPError, HFValidationError, LocalEntryNotFoundError
    except ImportError as error:
        raise NotFoundError(f"no model directory {model}, and no access to the hub ({error})") from error
    try:
        return Path(snapshot_download(model, revision=revision))
    except (LocalEntryNotFoundError, HfHubHTTPError, HFValidationError, OSError) as error:
        raise NotFoundError(
            f"no model directory {model}, nor on the hub: {' '.join(str(error).split())[:200]}"
        ) from error


def _member(folder: Path) -> Member:
    file = folder / "config.json"
    if not file.is_file():
        adapter = (folder / "adapter_config.json").is_file()
        found = "is a LoRA adapter: merge it into its model first" if adapter else "has no config.json"
        raise ConfigError(f"{folder} {found}")
    try:
        config = json.loads(file.read_text(encoding="utf-8"))
    except ValueError as error:
        raise ConfigError(f"{file}: not JSON: {error}") from error
    kinds = config.get("architectures") or []
    if not any(kind.endswith("ForSequenceClassification") for kind in kinds):
        raise ConfigError(f"{folder} is no reward model: it is {kinds}, not ...ForSequenceClassification")
    return Member(folder, content_revision(folder), config)


def _template(file: Path | None) -> str | None:
    try:
        return None if file is None else file.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"chat_template {file}: cannot be read: {error}") from error
