"""How much depends on a weight that somebody chose?"""

import polars as pl

from datakit.diagnosis import Diagnosis, Finding
from datakit.refusing import refusing
from datakit.scored import Numbers, Scored
from schemas.report import Table

FACTORS = (0.5, 1.5)


class WeightSweep(Diagnosis):
    """Largest share of the pairs of best and worst answer that turn round, or tie, when one weight moves by half."""

    threshold: float = 0.3

    def examine(self, scored: Scored) -> Finding:
        """See the base class."""
        places = [place for place, _ in scored.reward.weights]
        if len(places) < 2:
            return Finding(None, "a reward of one scorer has no weights to choose")
        if not len(scored.best):
            return Finding(None, "no group has rewards that differ")
        answers = refusing(scored)
        rows: list[tuple[str, str, float, float, float, float]] = []
        for place in places:
            for factor in FACTORS:
                rewards = scored.with_weights({place: factor})
                margin = rewards[scored.best] - rewards[scored.worst]
                turned, tied = float((margin < 0).mean()), float((margin == 0).mean())
                won = _won_by_refusals(answers, rewards)
                rows.append((scored.names[place], f"x {factor:g}", turned, tied, turned + tied, won))
        columns = ("scorer", "weight", "turned round", "tied", "together", "won by refusals")
        table = Table(title="pairs of best and worst answer, when a weight moves", columns=columns, rows=tuple(rows))
        name, moved, _, _, share, _ = max(rows, key=lambda row: row[4])
        return Finding(share, f"of the pairs turn round or tie with the weight of {name} {moved}", (table,))

    def advice(self) -> str:
        """See the base class."""
        return (
            "these pairs are made by that weight more than by the answers: "
            "set it by agreement with people (datakit review)"
        )


def _won_by_refusals(answers: pl.DataFrame, rewards: Numbers) -> float:
    """Share of the sampled groups whose best answer, by these rewards, refuses; ties go to the first row."""
    rewarded = answers.with_columns(reward=pl.Series(rewards[answers["row"].to_numpy()])).filter(
        pl.col("reward").is_not_nan()
    )
    best = rewarded.group_by("group").agg(pl.col("refuses").get(pl.col("reward").arg_max()))
    return float(best["refuses"].sum()) / max(1, best.height)
