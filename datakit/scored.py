"""A scored data set as arrays: each candidate's reward, length and outcomes, in the order of the groups."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import cached_property

import duckdb
import numpy as np
import numpy.typing as npt
import polars as pl

from datakit.conditions import condition_sql
from datakit.datasets import Dataset
from datakit.groups import create_groups
from datakit.inputs import column_sql
from datakit.rewarding import adjusted_sql, create_graded, join_scores
from rewards.spec import Reward
from schemas.identity import canonical_json
from schemas.options import GroupOptions

Numbers = npt.NDArray[np.float64]
Places = npt.NDArray[np.int64]
Mask = npt.NDArray[np.bool_]

STATUSES = ("ok", "skip", "error", "timeout")


@dataclass(frozen=True)
class Scored:
    """The candidates of a data set, sorted by prompt and id: n rows, k scorers."""

    con: duckdb.DuckDBPyConnection
    """Open to the store, with `groups`: for texts, and for other weights."""
    reward: Reward
    ids: pl.Series
    """Candidate ids, n texts."""
    group: Places
    """(n,) number of the prompt, from 0, ascending."""
    rewards: Numbers
    """(n,) NaN where there is none."""
    chars: Numbers
    """(n,) characters of the answer."""
    values: Numbers
    """(n, k) as they are weighed: after clip and scale; NaN where the scorer was not ok."""
    statuses: npt.NDArray[np.int8]
    """(n, k) place in `STATUSES`; -1 where it was not run."""
    benign: Mask | None
    """(n,) whether the prompt is harmless; None if nobody said."""
    sample: int
    """Groups whose texts are read."""

    @property
    def names(self) -> list[str]:
        """The scorers' names."""
        return [scorer.name for scorer in self.reward.scorers]

    @cached_property
    def best(self) -> Places:
        """The row of each group's highest reward, of groups with spread; ties go to the smaller id."""
        return self._extremes()[0]

    @cached_property
    def worst(self) -> Places:
        """The row of the lowest reward, of the same groups."""
        return self._extremes()[1]

    def _extremes(self) -> tuple[Places, Places]:
        frame = pl.DataFrame({"group": self.group, "reward": self.rewards}).with_row_index("row")
        rewarded = frame.filter(pl.col("reward").is_not_nan())
        found = (
            rewarded.group_by("group", maintain_order=True)
            .agg(
                best=pl.col("row").get(pl.col("reward").arg_max()),
                worst=pl.col("row").get(pl.col("reward").arg_min()),
                spread=pl.col("reward").max() > pl.col("reward").min(),
            )
            .filter("spread")
        )
        return found["best"].to_numpy().astype(np.int64), found["worst"].to_numpy().astype(np.int64)

    def centred(self, values: Numbers, rows: Mask) -> Numbers:
        """Values less the mean of their group, of some rows, in their order."""
        group, some = self.group[rows], values[rows]
        sums = np.bincount(group, weights=some, minlength=self.group[-1] + 1 if len(self.group) else 0)
        many = np.bincount(group, minlength=len(sums))
        centred: Numbers = some - (sums / np.maximum(many, 1))[group]
        return centred

    def sampled(self, groups: Places) -> Places:
        """At most `sample` of these groups, evenly spread."""
        step = max(1, -(-len(groups) // self.sample))
        return groups[::step]

    def texts(self, rows: Places) -> pl.Series:
        """The texts of some rows, in their order."""
        wanted = pl.DataFrame({"candidate_id": self.ids[rows], "place": np.arange(len(rows))})
        self.con.register("wanted_texts", wanted)
        found: pl.DataFrame = self.con.execute(
            "SELECT w.place, c.text FROM wanted_texts w JOIN candidates c ON c.candidate_id = w.candidate_id::UUID "
            "ORDER BY w.place"
        ).pl()
        self.con.unregister("wanted_texts")
        return found["text"]

    def with_weights(self, factors: Mapping[int, float]) -> Numbers:
        """The rewards, in the order of the rows, with the weights of some scorers multiplied.

        Args:
            factors: place of a scorer -> factor.
        """
        formula = self.reward.formula
        weights = tuple((place, weight * factors.get(place, 1.0)) for place, weight in formula.weights)
        create_graded(self.con, replace(self.reward, formula=replace(formula, weights=weights)))
        return _rewards(self.con)


def read_scored(
    con: duckdb.DuckDBPyConnection,
    dataset: Dataset,
    reward: Reward,
    groups: GroupOptions,
    *,
    benign: Mapping[str, object],
    sample: int,
) -> Scored:
    """Read a scored data set.

    Args:
        con: a connection to the store.
        dataset: its prompts.
        reward: what its candidates' outcomes are combined to.
        groups: which candidates.
        benign: column -> value, or list of values, of the harmless prompts.
        sample: groups whose texts may be read.

    Raises:
        ConfigError: the reward does not fit its values.
    """
    create_groups(con, dataset, groups, features="length(text)::UINTEGER AS chars")
    create_graded(con, reward)
    places = range(len(reward.scorers))
    outcomes = "".join(_outcome_sql(reward, place) for place in places)
    joins = " ".join(join_scores(reward.formula, place) for place in places)
    frame: pl.DataFrame = con.execute(f"""
        SELECT g.candidate_id::VARCHAR AS id, g.position, g.chars, {_benign_sql(benign)} AS benign{outcomes}
        FROM groups g {joins} ORDER BY g.position, g.candidate_id
    """).pl()
    return Scored(
        con=con,
        reward=reward,
        ids=frame["id"],
        group=frame["position"].rank("dense").to_numpy().astype(np.int64) - 1,
        rewards=_rewards(con),
        chars=frame["chars"].cast(pl.Float64).to_numpy(),
        values=np.stack([frame[f"value{place}"].cast(pl.Float64).fill_null(np.nan).to_numpy() for place in places], 1),
        statuses=np.stack([_codes(frame[f"status{place}"]) for place in places], 1),
        benign=frame["benign"].fill_null(False).to_numpy() if benign else None,
        sample=sample,
    )


def _rewards(con: duckdb.DuckDBPyConnection) -> Numbers:
    found: pl.DataFrame = con.execute("SELECT reward FROM graded ORDER BY position, candidate_id").pl()
    rewards: Numbers = found["reward"].fill_null(np.nan).to_numpy()
    return rewards


def _outcome_sql(reward: Reward, place: int) -> str:
    """Status and value of a scorer, as the reward takes them: `skip` where it is not meant, clipped and scaled."""
    part = reward.formula.parts[place]
    status = f"s{place}.status"
    if part.when:
        status = f"if({condition_sql(part.when, 'g.columns')}, {status}, 'skip')"
    value = adjusted_sql(part.adjustment, f"s{place}.value")
    return f", {status} AS status{place}, if(status{place} = 'ok', {value}, NULL) AS value{place}"


def _benign_sql(benign: Mapping[str, object]) -> str:
    """Whether all of these columns have one of their values; compared as canonical JSON."""
    conditions = ["true"]
    for column, value in benign.items():
        values = value if isinstance(value, list) else [value]
        listed = ", ".join("'" + canonical_json(one).replace("'", "''") + "'" for one in values)
        conditions.append(f"coalesce({column_sql(column)} IN ({listed}), false)")
    return " AND ".join(conditions)


def _codes(statuses: pl.Series) -> npt.NDArray[np.int8]:
    codes = {status: code for code, status in enumerate(STATUSES)}
    return statuses.replace_strict(codes, default=-1, return_dtype=pl.Int8).to_numpy()
