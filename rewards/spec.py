"""A reward spec: which scorers make one number of a candidate, and how.

`Reward.combine` is the arithmetic in Python, for one candidate; datakit/rewarding.py is the same in SQL, for
all candidates of a data set, and a property test holds the two together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field, field_validator, model_validator

from rewards.arithmetic import LARGEST, rounded
from rewards.outcome import Outcome, Status
from rewards.plugins import find_rule, rules_in
from rewards.scorer import Scorer, bind
from rewards.yaml_file import read_yaml
from schemas.base import Frozen
from schemas.errors import ConfigError, RuleError
from schemas.identity import content_id
from schemas.options import RewardOptions
from schemas.parse import parse

MAX_SCORERS = 62
"""The scorers that were ok for a candidate are kept as the bits of one signed 64-bit number."""

Number = Annotated[float, Field(strict=True, ge=-LARGEST, le=LARGEST)]
"""A number, but neither `yes` nor a quoted one."""


class NamedRule(Frozen):
    """A rule with its options and inputs."""

    rule: str
    """A built-in rule, a decorated function of the rule files, or `file.py:function`."""
    name: str | None = None
    """Its name in reports (default: the rule's); needed where one rule is listed twice with other options."""
    options: dict[str, Any] = Field(default_factory=dict)
    """The rule's keyword-only parameters."""
    inputs: dict[str, Any] = Field(default_factory=dict)
    """Where the rule's inputs come from: parameter: column, or parameter: {constant: value}."""


class ScorerEntry(NamedRule):
    """A scorer that counts towards the reward."""

    weight: Number = 1.0
    """Its weight in the sum."""


class Requirement(NamedRule):
    """A scorer that must hold: a candidate that fails it is never chosen and gets `required_reward`."""

    min: Number = 0.5
    """It holds from this value on. A requirement that does not apply (`skip`) holds."""


class RewardSpec(Frozen):
    """A reward, as its YAML file spells it."""

    name: str = ""
    """Name of the reward (default: the file's stem)."""
    combine: Literal["mean", "sum"] = "mean"
    """mean: sum(w v) / sum(w) over the scorers that are ok; sum: sum(w v) over them."""
    rules: tuple[Path, ...] = ()
    """Python files of rules, relative to the spec's own directory."""
    scorers: tuple[ScorerEntry, ...] = Field(min_length=1)
    """What counts, in the order in which it is summed."""
    require: tuple[Requirement, ...] = ()
    """What must hold."""
    required_reward: Number | None = None
    """Reward of a candidate that fails a requirement (default: 0, if all scorers lie in 0..1)."""
    normalise: Literal["none", "zscore", "rank"] = "none"
    """A second step over each group, done by the stage that uses the rewards."""

    @field_validator("rules", mode="before")
    @classmethod
    def _one_or_many(cls, value: object) -> object:
        return (value,) if isinstance(value, str | Path) else value

    @model_validator(mode="after")
    def _weights_fit(self) -> "RewardSpec":
        for place, entry in enumerate(self.scorers):
            if self.combine == "mean" and entry.weight <= 0:
                raise ValueError(
                    f"scorers[{place}].weight: a mean needs weights above 0, found {entry.weight:g}; "
                    "use combine: sum for penalties"
                )
        if self.require and self.required_reward is None and any(entry.weight < 0 for entry in self.scorers):
            raise ValueError("required_reward: state it, 0 is not the lowest reward with negative weights")
        return self


@dataclass(frozen=True, slots=True)
class Combined:
    """What became of one candidate's outcomes."""

    reward: float | None
    """None where a scorer failed, none applied, or one was not run."""
    mask: int = 0
    """Bit i is set where scorer i was ok; only candidates with equal masks are compared."""
    failed: str | None = None
    """The first requirement that the candidate fails; it may still be a rejected side."""
    reason: str = ""
    """Why there is no reward: `failed_scorer`, `not_scored` or `reward_overflow`."""


@dataclass(frozen=True)
class Reward:
    """A spec whose rules are loaded."""

    name: str
    reward_id: str
    spec: RewardSpec
    scorers: tuple[Scorer, ...]
    """Distinct scorers, those that count first, in spec order."""
    weights: tuple[tuple[int, float], ...]
    """(index of the scorer, weight), in the order of summation."""
    bounds: tuple[tuple[int, float], ...]
    """(index of the scorer, smallest value that holds)."""

    def combine(self, outcomes: Sequence[Outcome | None]) -> Combined:
        """One number of one candidate's outcomes (DESIGN section 4, "The reward").

        Args:
            outcomes: one a scorer, in the order of `scorers`; None where a scorer was not run.

        Raises:
            ConfigError: there are requirements but no `required_reward`, and a value is outside 0..1.
        """
        mask = 0
        for bit, outcome in enumerate(outcomes):
            if outcome is not None and outcome.status is Status.OK:
                mask |= 1 << bit
        if any(o is not None and o.status in (Status.ERROR, Status.TIMEOUT) for o in outcomes):
            return Combined(None, mask, reason="failed_scorer")
        if any(o is None for o in outcomes):
            return Combined(None, mask, reason="not_scored")
        values = [o.value if o is not None else None for o in outcomes]
        for scorer, bound in self.bounds:
            value = values[scorer]
            if value is not None and value < bound:
                return Combined(self.failed_reward(values), mask, failed=self.scorers[scorer].name)
        total, weights = 0.0, 0.0
        for scorer, weight in self.weights:
            value = values[scorer]
            if value is not None:
                total += weight * value
                weights += weight
        if not any(mask >> scorer & 1 for scorer, _ in self.weights):
            return Combined(None, mask, reason="not_scored")
        self.failed_reward(values)
        reward = rounded(total / weights if self.spec.combine == "mean" else total)
        # a NaN, of infinities of both signs, is not within the bound either
        return Combined(reward, mask) if abs(reward) <= LARGEST else Combined(None, mask, reason="reward_overflow")

    def failed_reward(self, values: Sequence[float | None]) -> float:
        """Reward of a candidate that fails a requirement; checks that the default, 0, makes sense.

        Raises:
            ConfigError: as in `combine`.
        """
        if self.spec.required_reward is not None:
            return self.spec.required_reward
        if self.bounds:
            for scorer, _ in self.weights:
                value = values[scorer]
                if value is not None and not 0.0 <= value <= 1.0:
                    raise self.out_of_range(scorer, value)
        return 0.0

    def out_of_range(self, scorer: int, value: float) -> ConfigError:
        """The error of a value that needs `required_reward` to be stated."""
        return ConfigError(
            f"reward {self.name!r} has requirements, and {self.scorers[scorer].name!r} gave {value:g}, "
            "outside 0..1: state required_reward (what a candidate that fails a requirement gets)"
        )

    def describe(self) -> dict[str, Any]:
        """The spec with what its rules were when it was used, as JSON values; kept in the store."""
        weights, bounds = dict(self.weights), dict(self.bounds)
        scorers = [
            {
                "name": scorer.name,
                "rule": scorer.rule.name,
                "scorer_id": scorer.scorer_id,
                "fingerprint": scorer.fingerprint,
                "columns": dict(scorer.columns),
                **scorer.describe(),
                **({"weight": weights[place]} if place in weights else {}),
                **({"require_min": bounds[place]} if place in bounds else {}),
            }
            for place, scorer in enumerate(self.scorers)
        ]
        return {
            "name": self.name,
            "combine": self.spec.combine,
            "required_reward": self.spec.required_reward,
            "normalise": self.spec.normalise,
            "scorers": scorers,
        }


def load_reward(options: RewardOptions) -> Reward:
    """The reward that a command names: a spec, or all rules of the files with weight 1.

    Raises:
        ConfigError: the spec is wrong; one line with file, field and the nearest known name.
        RuleError: a rule cannot be loaded, or its options do not fit.
    """
    if options.reward is not None:
        path = options.reward
        return reward_of(read_spec(path), files=options.rules, where=str(path), folder=path.parent)
    if not options.rules:
        raise ConfigError("nothing to judge the answers by: name --rules FILE.py or --reward SPEC.yaml")
    entries = [ScorerEntry(rule=rule.name) for path in options.rules for rule in rules_in(path)]
    if not entries:
        names = ", ".join(str(path) for path in options.rules)
        raise ConfigError(f"{names}: no function is decorated with @rule; decorate one, or name it in a spec")
    spec = RewardSpec(name="+".join(path.stem for path in options.rules), rules=options.rules, scorers=tuple(entries))
    return reward_of(spec, where=", ".join(str(path) for path in options.rules))


def read_spec(path: Path) -> RewardSpec:
    """Read a spec file; paths in it become relative to where it lies.

    Raises:
        ConfigError: it cannot be read, or is no spec.
    """
    data = read_yaml(path, "reward spec")
    if not isinstance(data, Mapping):
        raise ConfigError(f"{path}: a reward spec is a mapping with `scorers:`, found {type(data).__name__}")
    spec = parse(RewardSpec, data, str(path))
    rules = tuple(path.parent / rule for rule in spec.rules)
    return spec.model_copy(update={"name": spec.name or path.stem, "rules": rules})


def reward_of(
    spec: RewardSpec, *, files: Sequence[Path] = (), where: str = "reward spec", folder: Path = Path()
) -> Reward:
    """Load the rules of a spec.

    Args:
        spec: the spec; its `rules` are searched first.
        files: further files of rules.
        where: the spec's file, for messages.
        folder: what `file.py:function` is relative to.

    Raises:
        ConfigError: two scorers have one name, or there are too many.
        RuleError: a rule cannot be loaded, or its options do not fit.
    """
    paths = tuple(dict.fromkeys([*spec.rules, *files]))
    scorers: list[Scorer] = []
    weights: list[tuple[int, float]] = []
    bounds: list[tuple[int, float]] = []
    for place, entry in enumerate(spec.scorers):
        here = f"{where}: scorers[{place}]"
        scorer = _bind(entry, paths, folder, here)
        if any(_same(scorer, known) for known in scorers):
            raise ConfigError(f"{here} is listed twice ({scorer.name}); add up the weights")
        weights.append((_place(scorer, scorers, here), entry.weight))
    for place, requirement in enumerate(spec.require):
        here = f"{where}: require[{place}]"
        bounds.append((_place(_bind(requirement, paths, folder, here), scorers, here), requirement.min))
    if len(scorers) > MAX_SCORERS:
        raise ConfigError(f"{where}: {len(scorers)} scorers; a reward holds at most {MAX_SCORERS}")
    name = spec.name or "reward"
    identity = [
        ["reward", name, spec.combine, spec.required_reward, spec.normalise],
        [[scorer.scorer_id, dict(scorer.columns)] for scorer in scorers],
        [weights, bounds],
    ]
    return Reward(name, content_id(identity), spec, tuple(scorers), tuple(weights), tuple(bounds))


def _bind(entry: ScorerEntry | Requirement, files: Sequence[Path], folder: Path, where: str) -> Scorer:
    try:
        return bind(find_rule(entry.rule, files, folder), name=entry.name, options=entry.options, inputs=entry.inputs)
    except RuleError as error:
        raise RuleError(f"{where}: {error}") from error


def _place(scorer: Scorer, scorers: list[Scorer], where: str) -> int:
    """The scorer's index, after adding it if it is new."""
    for index, known in enumerate(scorers):
        if _same(scorer, known):
            return index
        if scorer.name == known.name:
            raise ConfigError(
                f"{where}: another scorer named {scorer.name!r} has other options or inputs; add a `name:`"
            )
    scorers.append(scorer)
    return len(scorers) - 1


def _same(one: Scorer, other: Scorer) -> bool:
    return one.scorer_id == other.scorer_id and one.columns == other.columns
