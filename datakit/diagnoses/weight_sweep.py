"""How much depends on a weight that somebody chose?"""

from dataclasses import dataclass
from typing import NamedTuple, Self

import numpy as np
import polars as pl

from datakit.comparing import comparisons
from datakit.diagnosis import Diagnosis, Finding
from datakit.refusing import refusing
from datakit.scored import Mask, Numbers, Places, Scored
from schemas.report import Table

FACTORS = (0.5, 1.5)
LEAST = 20
"""Groups with a refusal and an answer below which shares of them say nothing."""


class WeightSweep(Diagnosis):
    """Largest of three shares, when one weight moves by half, up or down.

    Of the pairs of answers: those that turn round or tie. Of the groups: those none of whose best answers stays one.
    Of the groups with a refusal that an answer wins: those that a refusal wins then.
    """

    threshold: float = 0.5

    def examine(self, scored: Scored) -> Finding:
        """See the base class."""
        places = [place for place, _ in scored.reward.weights]
        if len(places) < 2:
            return Finding(None, "a reward of one scorer has no weights to choose")
        if not len(scored.best):
            return Finding(None, "no group has rewards that differ")
        sweep = _Sweep.of(scored)
        moves = {"as it is": sweep.move(scored.rewards)}
        for place in places:
            for factor in FACTORS:
                moved = sweep.move(scored.with_weights({place: factor}))
                moves[f"{scored.names[place]} x {factor:g}"] = moved
        columns = ("weight", "pairs turned round", "tied", "another best", "won by refusals", "newly won")
        rows = tuple((name, *move) for name, move in moves.items())
        table = Table(title="shares, when a weight moves", columns=columns, rows=rows)
        name, says, share = max(
            ((name, says, share) for name, move in moves.items() for says, share in move.shares().items()),
            key=lambda found: found[2],
        )
        return Finding(share, f"{says} with the weight of {name}", (table,))

    def advice(self) -> str:
        """See the base class."""
        return (
            "what is best is decided by that weight more than by the answers: set it by agreement with people "
            "(datakit review); where refusals win, make safety a requirement or apply it to harmful prompts only"
        )


class _Move(NamedTuple):
    """What other weights make of the pairs and of the groups."""

    turned: float
    tied: float
    changed: float
    """Share of the groups none of whose best answers stays one."""
    refusals: float | None
    """Share won by a refusal, of the groups with a refusal and an answer."""
    lost: float | None
    """The same, of those of them that an answer wins with the weights as they are."""

    def shares(self) -> dict[str, float]:
        """What counts, by what it is of."""
        return {
            "of the groups get another best answer": self.changed,
            "of the pairs of answers turn round or tie": self.turned + self.tied,
            "of the groups that an answer wins are won by a refusal": self.lost or 0.0,
        }


@dataclass(frozen=True)
class _Sweep:
    """The rewards as they are, to compare others with."""

    scored: Scored
    starts: Places
    """First row of every group."""
    best: Mask
    """(n,) whether a row is a best one of its group."""
    answers: pl.DataFrame
    """Of the sampled groups that have a refusal and an answer: row, group, refuses, best."""

    @classmethod
    def of(cls, scored: Scored) -> Self:
        starts = np.flatnonzero(np.diff(scored.group, prepend=-1))
        mixed = pl.col("refuses").mean().over("group").is_between(0, 1, closed="none")
        return cls(scored, starts, _best(scored.rewards, starts), refusing(scored).filter(mixed))

    def move(self, rewards: Numbers) -> _Move:
        """Compare with these rewards."""
        best = _best(rewards, self.starts)
        stays = np.maximum.reduceat(self.best & best, self.starts)
        changed = 1 - float(stays[self.scored.group[self.scored.best]].mean())
        return _Move(*self._flips(rewards), changed, *self._refusals(best))

    def _flips(self, rewards: Numbers) -> tuple[float, float]:
        """Shares of the pairs, told apart by the reward as it is, that turn round, and tie."""
        pairs, turned, tied = 0, 0, 0
        for sign, _ in comparisons(self.scored.group, np.column_stack([self.scored.rewards, rewards])):
            told, then = sign[:, 0] != 0, sign[:, 0] * sign[:, 1]
            pairs += int(told.sum())
            turned += int((then < 0).sum())
            tied += int((told & (then == 0)).sum())
        return turned / pairs, tied / pairs

    def _refusals(self, best: Mask) -> tuple[float | None, float | None]:
        """Share of the groups that a refusal wins, and of those of them that an answer wins as it is; None of few."""
        rows = self.answers["row"].to_numpy()
        groups = self.answers.with_columns(was=self.best[rows], best=best[rows]).group_by("group")
        won = groups.agg(
            *((pl.col(side).any() & pl.col("refuses").filter(side).all()).alias(side) for side in ("was", "best")),
        )
        before = won.filter(~pl.col("was"))
        return _share(won["best"]), _share(before["best"])


def _share(won: pl.Series) -> float | None:
    return float(won.mean()) if len(won) >= LEAST else None  # type: ignore[arg-type]


def _best(rewards: Numbers, starts: Places) -> Mask:
    """(n,) whether a row has the highest reward of its group."""
    known = np.where(np.isnan(rewards), -np.inf, rewards)
    highest = np.maximum.reduceat(known, starts)
    best: Mask = (known == np.repeat(highest, np.diff(starts, append=len(known)))) & ~np.isnan(rewards)
    return best
