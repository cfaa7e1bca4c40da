"""What a reward spec may say, as its YAML file spells it; rewards/spec_file.py reads it, rewards/spec.py loads it."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, Field, field_validator, model_validator

from rewards.arithmetic import LARGEST, Adjustment
from rewards.condition import condition_of
from rewards.model_settings import ModelSettings, Names, one_or_many
from schemas.base import Frozen

Number = Annotated[float, Field(strict=True, ge=-LARGEST, le=LARGEST)]
"""A number, but neither `yes` nor a quoted one."""


Files = Annotated[tuple[Path, ...], BeforeValidator(one_or_many)]


class NamedRule(Frozen):
    """A rule with its options and inputs."""

    rule: str
    """A built-in rule, a decorated function of the rule files, `file.py:function`, or `model.output`."""
    name: str | None = None
    """Its name in reports (default: the rule's); needed where one rule is listed twice with other options."""
    options: dict[str, Any] = Field(default_factory=dict)
    """The rule's keyword-only parameters."""
    inputs: dict[str, Any] = Field(default_factory=dict)
    """Where the rule's inputs come from: parameter: column, or parameter: {constant: value}."""
    when: dict[str, Any] = Field(default_factory=dict)
    """For which prompts it is meant: column: value, column: [values], or column: {exists: true}; all must hold."""

    @property
    def label(self) -> str:
        """Its name in reports, without which the rule's."""
        return self.name or self.rule

    @field_validator("when")
    @classmethod
    def _means_something(cls, when: dict[str, Any]) -> dict[str, Any]:
        condition_of(when)
        return when


class Scale(Frozen):
    """A straight line from one interval to another; values outside it go on along the line."""

    source: tuple[Number, Number] = Field(alias="from")
    """What the rule gives."""
    target: tuple[Number, Number] = Field((0.0, 1.0), alias="to")
    """What it is to count as; [1, 0] turns it round."""

    @model_validator(mode="after")
    def _has_length(self) -> "Scale":
        if self.source[0] >= self.source[1]:
            raise ValueError(f"`from` is [low, high], found {_ends(self.source)}")
        if self.target[0] == self.target[1]:
            raise ValueError(f"`to` has two different ends, found {_ends(self.target)}")
        return self


class ScorerEntry(NamedRule):
    """A scorer that counts towards the reward."""

    weight: Number = 1.0
    """Its weight in the sum."""
    clip: tuple[Number, Number] | None = None
    """[low, high]: values outside are moved to the nearer end, before they are scaled."""
    scale: Scale | None = None
    """{from: [0, 100], to: [0, 1]}: what its values count as."""

    @field_validator("clip")
    @classmethod
    def _in_order(cls, clip: tuple[float, float] | None) -> tuple[float, float] | None:
        if clip is not None and clip[0] >= clip[1]:
            raise ValueError(f"write [low, high], found {_ends(clip)}")
        return clip

    @property
    def adjustment(self) -> Adjustment:
        """Clipping and scaling, as arithmetic."""
        if self.scale is None:
            return Adjustment(self.clip)
        return Adjustment(self.clip, self.scale.source, self.scale.target)


class Requirement(NamedRule):
    """A scorer that must hold: a candidate that fails it is never chosen and gets `required_reward`."""

    min: Number = 0.5
    """It holds from this value on, neither clipped nor scaled. A requirement that does not apply (`skip`) holds."""


class SpecFields(Frozen):
    """The fields of a spec; a file that is included need not be a whole one."""

    name: str = ""
    """Name of the reward (default: the file's stem, or its key in `rewards`)."""
    include: Names = ()
    """Other specs, relative to this file: their scorers and requirements come first; one of the same name replaces."""
    combine: Literal["mean", "sum"] = "mean"
    """mean: sum(w v) / sum(w) over the scorers that are ok; sum: sum(w v) over them."""
    rules: Files = ()
    """Python files of rules, relative to the spec's own directory."""
    models: dict[str, ModelSettings] = Field(default_factory=dict)
    """Reward models by name: a directory, relative to the spec, or settings; `rule: NAME.OUTPUT` is an output."""
    scorers: tuple[ScorerEntry, ...] = ()
    """What counts, in the order in which it is summed."""
    require: tuple[Requirement, ...] = ()
    """What must hold."""
    required_reward: Number | None = None
    """Reward of a candidate that fails a requirement (default: 0, if all scorers lie in 0..1)."""
    normalise: Literal["none", "zscore", "rank"] = "none"
    """A second step over each group, done by the stage that uses the rewards."""


class RewardSpec(SpecFields):
    """A whole reward."""

    scorers: tuple[ScorerEntry, ...] = Field(min_length=1)
    """What counts, in the order in which it is summed."""

    @model_validator(mode="after")
    def _weights_fit(self) -> "RewardSpec":
        for place, entry in enumerate(self.scorers):
            if self.combine == "mean" and entry.weight <= 0:
                raise ValueError(
                    f"scorers[{place}].weight: a mean needs weights above 0, found {entry.weight:g} ({entry.label}); "
                    "use combine: sum for penalties"
                )
        if self.require and self.required_reward is None and any(entry.weight < 0 for entry in self.scorers):
            raise ValueError("required_reward: state it, 0 is not the lowest reward with negative weights")
        return self


class NamedSpecs(Frozen):
    """A file of several rewards."""

    rewards: dict[str, dict[str, Any]] = Field(min_length=1)
    """Specs by name; `--reward file.yaml:name` chooses."""
    include: Names = ()
    """Included by each of them, before its own."""
    rules: Files = ()
    """Python files of rules that all of them use."""
    models: dict[str, ModelSettings] = Field(default_factory=dict)
    """Reward models that all of them may use."""


def _ends(interval: Sequence[float]) -> str:
    return f"[{interval[0]:g}, {interval[1]:g}]"
