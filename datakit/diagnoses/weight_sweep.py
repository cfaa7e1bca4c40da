"""How much depends on a weight that somebody chose?"""

from datakit.diagnosis import Diagnosis, Finding
from datakit.scored import Scored
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
        rows = []
        for place in places:
            for factor in FACTORS:
                rewards = scored.with_weights({place: factor})
                margin = rewards[scored.best] - rewards[scored.worst]
                turned, tied = float((margin < 0).mean()), float((margin == 0).mean())
                rows.append((scored.names[place], f"x {factor:g}", turned, tied, turned + tied))
        columns = ("scorer", "weight", "turned round", "tied", "together")
        table = Table(title="pairs of best and worst answer, when a weight moves", columns=columns, rows=tuple(rows))
        name, moved, _, _, share = max(rows, key=lambda row: row[4])
        return Finding(share, f"of the pairs turn round or tie with the weight of {name} {moved}", (table,))

    def advice(self) -> str:
        """See the base class."""
        return (
            "these pairs are made by that weight more than by the answers: "
            "set it by agreement with people (datakit review)"
        )
