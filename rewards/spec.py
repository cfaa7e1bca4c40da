"""A reward: which scorers make one number of a candidate, and how; a spec whose rules are loaded.

What a spec may say is in rewards/spec_models.py, the arithmetic in rewards/formula.py.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from rewards.condition import condition_of
from rewards.formula import Combined, Formula, Part
from rewards.model import RewardModel, bind_output, read_model
from rewards.outcome import Outcome
from rewards.plugins import find_rule, rules_in
from rewards.scorer import Scorer, bind
from rewards.spec_file import SpecFile, read_spec, read_spec_file
from rewards.spec_models import NamedRule, Requirement, RewardSpec, ScorerEntry
from schemas.errors import ConfigError, RuleError, UserError
from schemas.identity import canonical_json, content_id
from schemas.options import RewardOptions

__all__ = [
    "Combined",
    "Requirement",
    "Reward",
    "RewardSpec",
    "ScorerEntry",
    "load_reward",
    "read_spec",
    "reward_of",
]

MAX_SCORERS = 62
"""The scorers that were ok for a candidate are kept as the bits of one signed 64-bit number."""


@dataclass(frozen=True)
class Reward:
    """A spec whose rules are loaded."""

    name: str
    reward_id: str
    spec: RewardSpec
    scorers: tuple[Scorer, ...]
    """Distinct scorers, those that count first, in spec order."""
    formula: Formula
    """How their outcomes are combined."""

    @property
    def weights(self) -> tuple[tuple[int, float], ...]:
        """(index of the scorer, weight), in the order of summation."""
        return self.formula.weights

    @property
    def bounds(self) -> tuple[tuple[int, float], ...]:
        """(index of the scorer, smallest value that holds)."""
        return self.formula.bounds

    def combine(self, outcomes: Sequence[Outcome | None], columns: Mapping[str, Any] | None = None) -> Combined:
        """One number of one candidate's outcomes, one a scorer: `Formula.combine`.

        Raises:
            ConfigError: there are requirements but no `required_reward`, and a value is outside 0..1.
            ValueError: a scorer has a condition, and the prompt's columns are not given.
        """
        return self.formula.combine(outcomes, columns)

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
                **({"all_columns": True} if scorer.all_columns else {}),
                **scorer.describe(),
                **({"when": scorer.when.describe()} if scorer.when else {}),
                **({"weight": weights[place], **part.adjustment.describe()} if place in weights else {}),
                **({"require_min": bounds[place]} if place in bounds else {}),
            }
            for place, (scorer, part) in enumerate(zip(self.scorers, self.formula.parts, strict=True))
        ]
        return {
            "name": self.name,
            "combine": self.spec.combine,
            "required_reward": self.spec.required_reward,
            "normalise": self.spec.normalise,
            "scorers": scorers,
            "require": [list(bound) for bound in self.bounds],
        }


def load_reward(options: RewardOptions) -> Reward:
    """The reward that a command names: a spec, or all rules of the files with weight 1.

    Raises:
        ConfigError: the spec is wrong; one line with file, field and the nearest known name.
        RuleError: a rule cannot be loaded, or its options do not fit.
    """
    if options.reward is not None:
        return _loaded(read_spec_file(options.reward), options.rules)
    if not options.rules:
        raise ConfigError("nothing to judge the answers by: name --rules FILE.py or --reward SPEC.yaml")
    entries = [ScorerEntry(rule=rule.name) for path in options.rules for rule in rules_in(path)]
    if not entries:
        names = ", ".join(str(path) for path in options.rules)
        raise ConfigError(f"{names}: no function is decorated with @rule; decorate one, or name it in a spec")
    spec = RewardSpec(name="+".join(path.stem for path in options.rules), rules=options.rules, scorers=tuple(entries))
    return reward_of(spec, where=", ".join(str(path) for path in options.rules))


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
        ConfigError: two scorers have one name, there are too many, or files are to be included, which `read_spec` does.
        RuleError: a rule cannot be loaded, or its options do not fit.
    """
    if spec.include:
        raise ConfigError(f"{where}: include: only a file can include others; read it with read_spec")
    scorers = tuple(f"{where}: scorers[{place}]" for place in range(len(spec.scorers)))
    require = tuple(f"{where}: require[{place}]" for place in range(len(spec.require)))
    return _loaded(SpecFile(spec, where, folder, scorers, require), files)


def reward_of_scorer(scorer: Scorer) -> Reward:
    """The reward that is one scorer's value."""
    spec = RewardSpec(name=scorer.name, scorers=(ScorerEntry(rule=scorer.rule.name),))
    formula = _formula(spec, [scorer], [(0, 1.0)], [])
    return Reward(formula.name, formula.reward_id, spec, (scorer,), formula)


def _loaded(file: SpecFile, files: Sequence[Path]) -> Reward:
    spec = file.spec
    paths = tuple(dict.fromkeys([*spec.rules, *files]))
    sources = _Sources(paths, file.folder, _models(spec, file))
    scorers: list[Scorer] = []
    weights: list[tuple[int, float]] = []
    bounds: list[tuple[int, float]] = []
    for here, entry in zip(file.scorers, spec.scorers, strict=True):
        scorer = _bind(entry, sources, here)
        if any(_same(scorer, known) for known in scorers):
            raise ConfigError(f"{here} is listed twice ({scorer.name}); add up the weights")
        weights.append((_place(scorer, scorers, here), entry.weight))
    for here, requirement in zip(file.require, spec.require, strict=True):
        bounds.append((_place(_bind(requirement, sources, here), scorers, here), requirement.min))
    if len(scorers) > MAX_SCORERS:
        raise ConfigError(f"{file.where}: {len(scorers)} scorers; a reward holds at most {MAX_SCORERS}")
    formula = _formula(spec, scorers, weights, bounds)
    return Reward(formula.name, formula.reward_id, spec, tuple(scorers), formula)


def _formula(
    spec: RewardSpec, scorers: Sequence[Scorer], weights: list[tuple[int, float]], bounds: list[tuple[int, float]]
) -> Formula:
    name = spec.name or "reward"
    adjustments = [entry.adjustment for entry in spec.scorers]
    parts = [Part(scorer.name, scorer.scorer_id, scorer.columns, scorer.all_columns, scorer.when) for scorer in scorers]
    for (place, _), adjustment in zip(weights, adjustments, strict=True):
        parts[place] = replace(parts[place], adjustment=adjustment)
    identity = [
        ["reward", name, spec.combine, spec.required_reward, spec.normalise],
        [[part.scorer_id, dict(part.columns)] for part in parts],
        [weights, bounds],
    ]
    # only what is used: a spec without them keeps the id that it had before there were any
    more = [[part.when.describe(), part.adjustment.describe()] for part in parts]
    if any(when or adjusted for when, adjusted in more):
        identity.append(more)
    return Formula(
        name=name,
        reward_id=content_id(identity),
        combination=spec.combine,
        required_reward=spec.required_reward,
        normalise=spec.normalise,
        parts=tuple(parts),
        weights=tuple(weights),
        bounds=tuple(bounds),
    )


@dataclass(frozen=True, slots=True)
class _Sources:
    """Where a spec's scorers come from."""

    files: Sequence[Path]
    folder: Path
    models: Mapping[str, RewardModel]

    def bind(self, entry: NamedRule) -> Scorer:
        """The scorer of an entry."""
        model, _, output = entry.rule.partition(".")
        if model not in self.models:
            rule = find_rule(entry.rule, self.files, self.folder)
            return bind(rule, name=entry.name, options=entry.options, inputs=entry.inputs)
        if entry.options:
            raise RuleError(f"{entry.rule} has no options; those of a model are in models.{model}")
        return bind_output(self.models[model], output, name=entry.name, inputs=entry.inputs)


def _models(spec: RewardSpec, file: SpecFile) -> dict[str, RewardModel]:
    """The models that the spec uses, read."""
    used = {entry.rule.partition(".")[0] for entry in (*spec.scorers, *spec.require)}
    found = {}
    for name, settings in spec.models.items():
        if name in used:
            try:
                found[name] = read_model(name, settings.under(file.folder))
            except UserError as error:
                raise ConfigError(f"{file.where}: models.{name}: {error}") from error
    return found


def _bind(entry: NamedRule, sources: _Sources, where: str) -> Scorer:
    try:
        scorer = sources.bind(entry)
    except RuleError as error:
        raise RuleError(f"{where}: {error}") from error
    return replace(scorer, when=condition_of(entry.when))


def _place(scorer: Scorer, scorers: list[Scorer], where: str) -> int:
    """The scorer's index, after adding it if it is new."""
    for index, known in enumerate(scorers):
        if _same(scorer, known):
            return index
        if scorer.name == known.name:
            raise ConfigError(
                f"{where}: another scorer named {scorer.name!r} has other options, inputs or another `when`; "
                "add a `name:`"
            )
    scorers.append(scorer)
    return len(scorers) - 1


def _same(one: Scorer, other: Scorer) -> bool:
    # as JSON, where true is not 1
    conditions = [canonical_json(scorer.when.describe()) for scorer in (one, other)]
    return one.scorer_id == other.scorer_id and one.columns == other.columns and conditions[0] == conditions[1]
