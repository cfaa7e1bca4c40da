"""The arithmetic of a reward without the code of its rules: one number of one candidate's outcomes.

A loaded reward has one, and so has the description of a reward that a store keeps. `Formula.combine` is the arithmetic
in Python, for one candidate; datakit/rewarding.py is the same in SQL, for all candidates of a data set, and a property
test holds the two together.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from rewards.arithmetic import LARGEST, UNCHANGED, Adjustment, adjustment_of, rounded
from rewards.condition import ALWAYS, Condition, condition_of
from rewards.outcome import Outcome, Status
from schemas.errors import ConfigError

SKIPPED = Outcome(Status.SKIP)


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


@dataclass(frozen=True, slots=True)
class Part:
    """A scorer as the arithmetic sees it."""

    name: str
    scorer_id: str
    columns: Mapping[str, str]
    """Input name -> column of the data set."""
    all_columns: bool = False
    """Whether it reads every column there is."""
    when: Condition = ALWAYS
    """For which prompts it is meant."""
    adjustment: Adjustment = UNCHANGED
    """What is done to its value before it is weighed; requirements look at the value as it is."""


@dataclass(frozen=True)
class Formula:
    """How outcomes become a reward."""

    name: str
    reward_id: str
    combination: Literal["mean", "sum"]
    required_reward: float | None
    normalise: Literal["none", "zscore", "rank"]
    parts: tuple[Part, ...]
    """Distinct scorers, those that count first, in spec order."""
    weights: tuple[tuple[int, float], ...]
    """(index of the scorer, weight), in the order of summation."""
    bounds: tuple[tuple[int, float], ...]
    """(index of the scorer, smallest value that holds)."""

    @property
    def needs_range(self) -> bool:
        """Whether the default of `required_reward`, 0, has to be the lowest reward there is."""
        return bool(self.bounds) and self.required_reward is None

    def applied(self, outcomes: Sequence[Outcome | None], columns: Mapping[str, Any] | None) -> list[Outcome | None]:
        """The outcomes that count: `skip` where a scorer is not meant for the prompt, whatever is stored.

        Raises:
            ValueError: a scorer has a condition, and the columns are not given.
        """
        if columns is None and any(part.when for part in self.parts):
            raise ValueError(f"reward {self.name!r} has conditions (when): the prompt's columns are needed")
        return [
            outcome if part.when.holds(columns or {}) else SKIPPED
            for part, outcome in zip(self.parts, outcomes, strict=True)
        ]

    def combine(self, outcomes: Sequence[Outcome | None], columns: Mapping[str, Any] | None = None) -> Combined:
        """One number of one candidate's outcomes (DESIGN section 4, "The reward").

        Args:
            outcomes: one a scorer, in the order of `parts`; None where a scorer was not run.
            columns: the prompt's columns, as JSON values; needed where scorers have conditions.

        Raises:
            ConfigError: there are requirements but no `required_reward`, and a value is outside 0..1.
            ValueError: a scorer has a condition, and the columns are not given.
        """
        outcomes = self.applied(outcomes, columns)
        mask = 0
        for bit, outcome in enumerate(outcomes):
            if outcome is not None and outcome.status is Status.OK:
                mask |= 1 << bit
        if any(o is not None and o.status in (Status.ERROR, Status.TIMEOUT) for o in outcomes):
            return Combined(None, mask, reason="failed_scorer")
        if any(o is None for o in outcomes):
            return Combined(None, mask, reason="not_scored")
        values = [o.value if o is not None else None for o in outcomes]
        for place, bound in self.bounds:
            value = values[place]
            if value is not None and value < bound:
                return Combined(self.failed_reward(values), mask, failed=self.parts[place].name)
        if not any(mask >> place & 1 for place, _ in self.weights):
            return Combined(None, mask, reason="not_scored")
        self.failed_reward(values)
        reward = rounded(self._total(values))
        # a NaN, of infinities of both signs, is not within the bound either
        return Combined(reward, mask) if abs(reward) <= LARGEST else Combined(None, mask, reason="reward_overflow")

    def _total(self, values: Sequence[float | None]) -> float:
        total, weights = 0.0, 0.0
        for place, weight in self.weights:
            value = values[place]
            if value is not None:
                total += weight * self.parts[place].adjustment.apply(value)
                weights += weight
        return total / weights if self.combination == "mean" else total

    def failed_reward(self, values: Sequence[float | None]) -> float:
        """Reward of a candidate that fails a requirement; checks that the default, 0, makes sense.

        Raises:
            ConfigError: as in `combine`.
        """
        if self.required_reward is not None:
            return self.required_reward
        if self.needs_range:
            for place, _ in self.weights:
                value = values[place]
                if value is not None and not 0.0 <= self.parts[place].adjustment.apply(value) <= 1.0:
                    raise self.out_of_range(place, self.parts[place].adjustment.apply(value))
        return 0.0

    def out_of_range(self, place: int, value: float) -> ConfigError:
        """The error of a value (clipped and scaled) that needs `required_reward` to be stated."""
        return ConfigError(
            f"reward {self.name!r} has requirements, and {self.parts[place].name!r} gave {value:g}, "
            "outside 0..1: state required_reward (what a candidate that fails a requirement gets), or clip or scale "
            "the value"
        )


def formula_of(reward_id: str, described: Mapping[str, Any]) -> Formula:
    """The formula of a reward that a store keeps, from what `Reward.describe` said of it."""
    scorers: Sequence[Mapping[str, Any]] = described["scorers"]
    parts = tuple(
        Part(
            name=scorer["name"],
            scorer_id=scorer["scorer_id"],
            columns=scorer["columns"],
            all_columns=scorer.get("all_columns", False),
            when=condition_of(scorer.get("when", {})),
            adjustment=adjustment_of(scorer),
        )
        for scorer in scorers
    )
    return Formula(
        name=described["name"],
        reward_id=reward_id,
        combination=described["combine"],
        required_reward=described["required_reward"],
        normalise=described["normalise"],
        parts=parts,
        weights=tuple((place, s["weight"]) for place, s in enumerate(scorers) if "weight" in s),
        bounds=tuple((place, bound) for place, bound in described.get("require") or _bounds(scorers)),
    )


def _bounds(scorers: Sequence[Mapping[str, Any]]) -> list[tuple[int, float]]:
    """Of a description from before `require` was in it."""
    return [(place, scorer["require_min"]) for place, scorer in enumerate(scorers) if "require_min" in scorer]
