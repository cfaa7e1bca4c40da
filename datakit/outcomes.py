"""Storing outcomes as they come: counted, watched for a broken rule, committed at most once a second."""

import re
import time
from collections.abc import Sequence
from types import TracebackType
from typing import Self

import duckdb
import pyarrow as pa
import pyarrow.compute as pc

from datakit.reward_view import record_reward
from datakit.run import Run
from datakit.store import insert
from datakit.worklist import FAILED, Page, Tally
from rewards.engine import Judged
from rewards.outcome import Status
from rewards.scorer import Scorer
from rewards.slot import CODES
from rewards.spec import Reward
from schemas.errors import StageStopped, StoreError
from schemas.identity import canonical_json

COMMIT_SECONDS = 1.0
MOST_IDENTICAL = 50
"""Identical failures in a row after which a rule counts as broken."""

_ADDRESS = re.compile(r"0x[0-9a-f]+")


class Streak:
    """Failures of one scorer in a row that have the same reason; skipped rows neither count nor interrupt."""

    def __init__(self, scorer: Scorer) -> None:
        self.scorer = scorer
        self.length = 0
        self.what = ("", "")

    @property
    def broken(self) -> bool:
        """Whether the stage should stop."""
        return self.length >= MOST_IDENTICAL

    def add(self, judged: Judged) -> None:
        """Note a block, in the order of its rows; what follows a broken streak does not mend it."""
        codes = judged.codes
        if not any(CODES.index(status) in codes for status in FAILED):
            if CODES.index(Status.OK) in codes:
                self._reset()
            return
        for code, reason in zip(codes, judged.reason.to_pylist(), strict=True):
            status = CODES[code]
            if self.broken:
                return
            if status is Status.OK:
                self._reset()
            elif status in FAILED:
                what = (status.value, _ADDRESS.sub("0x", reason))
                self.length = self.length + 1 if what == self.what else 1
                self.what = what

    def _reset(self) -> None:
        if not self.broken:
            self.length, self.what = 0, ("", "")

    def stopped(self) -> StageStopped:
        """The error that ends the stage."""
        status, reason = self.what
        return StageStopped(
            f"rule {self.scorer.name}: {self.length} rows in a row ended in the same {status} ({reason}), so it seems "
            "broken; what was judged is stored. Mend the rule and run again (with --retry if its code stays the same)"
        )


def count(tally: Tally, judged: Judged, times: pa.Array | None = None) -> None:
    """Add a block to a tally; `times` says for how many candidates each row stands (default: one)."""
    codes = judged.codes
    for code, status in enumerate(CODES):
        if rows := codes.count(code):
            here = rows if times is None else pc.sum(times.filter(pc.equal(judged.status.indices, code))).as_py()
            tally.outcomes[status] += here
    tally.total += pc.sum(judged.value if times is None else pc.multiply(judged.value, times)).as_py() or 0.0


class Outcomes:
    """Outcomes on their way into the store. What was judged is committed at the end, whatever ended it."""

    def __init__(self, run: Run, reward: Reward, *, retry: bool) -> None:
        self.run = run
        self.reward = reward
        self.retry = retry
        self._pending: dict[str, list[pa.Table]] = {}
        """By scorer_id."""
        self._committed = time.monotonic()
        self._registered = False
        self._uncertain = False
        """A commit was begun with what is pending; Ctrl-C may have come between its end and our noting it."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not isinstance(error, StoreError):
            self.commit()

    def add(self, scorer: Scorer, page: Page, judged: Judged) -> pa.Array:
        """Take a block in, and commit if the last commit is long enough ago; returns the candidates of each row."""
        candidates = page.candidate_ids.take(judged.rows)
        parents = pc.list_parent_indices(candidates)
        hashes = page.inputs_hash.take(judged.rows).take(parents)
        self.hold(scorer, outcome_rows(pc.list_flatten(candidates), hashes, judged.take(parents)))
        if time.monotonic() - self._committed >= COMMIT_SECONDS:
            self.commit()
        return pc.list_value_length(candidates)

    def hold(self, scorer: Scorer, rows: pa.Table) -> None:
        """Take `outcome_rows` in, to be stored by the next `commit`."""
        self._pending.setdefault(scorer.scorer_id, []).append(rows)

    def commit(self) -> None:
        """Store what is pending."""
        if not self._pending:
            return
        again, self._uncertain = self._uncertain, True
        with self.run.transaction() as con:
            if not self._registered:
                self.register(con)
            for scorer_id, blocks in self._pending.items():
                con.register("incoming_scores", pa.concat_tables(blocks))
                if self.retry:
                    _drop_failures(con, scorer_id)
                _insert(con, scorer_id, self.run.run_id, again=again)
                con.unregister("incoming_scores")
        self._pending.clear()
        self._uncertain, self._registered = False, True
        self._committed = time.monotonic()

    def register(self, con: duckdb.DuckDBPyConnection) -> None:
        """Make sure that the scorers and the reward are known to the store."""
        insert(con, "scorers", _scorer_rows(self.reward.scorers), unless=["scorer_id"])
        record_reward(con, self.reward)


def outcome_rows(candidates: pa.Array, hashes: pa.Array, judged: Judged) -> pa.Table:
    """Rows of `scores`, without scorer and run, from a block and the ids of its rows."""
    return pa.table(
        {
            "candidate_id": candidates,
            "inputs_hash": hashes,
            "status": judged.status,
            "value": judged.value,
            "reason": judged.reason,
            "seconds": judged.seconds,
        }
    )


def _scorer_rows(scorers: Sequence[Scorer]) -> pa.Table:
    return pa.table(
        {
            "scorer_id": [scorer.scorer_id for scorer in scorers],
            "name": [scorer.name for scorer in scorers],
            "kind": [scorer.kind for scorer in scorers],
            "fingerprint": [scorer.fingerprint for scorer in scorers],
            "source": [scorer.source for scorer in scorers],
            "options": [canonical_json(scorer.describe()["options"]) for scorer in scorers],
        }
    )


_SAME = "s.candidate_id = i.candidate_id::UUID AND s.inputs_hash = i.inputs_hash::UUID AND s.scorer_id = '{scorer_id}'"


def _drop_failures(con: duckdb.DuckDBPyConnection, scorer_id: str) -> None:
    """Make room for outcomes that replace failures."""
    same = _SAME.format(scorer_id=scorer_id)
    con.execute(f"DELETE FROM scores s USING incoming_scores i WHERE {same} AND s.status IN ('error', 'timeout')")


def _insert(con: duckdb.DuckDBPyConnection, scorer_id: str, run_id: str, *, again: bool) -> None:
    """Insert outcomes of one scorer, but not what another run has stored meanwhile (or with `again` this one)."""
    runs = con.execute(
        "SELECT other.run_id::VARCHAR FROM runs other, runs mine WHERE mine.run_id = ? AND other.stage = mine.stage "
        "AND other.run_id != mine.run_id AND (other.finished_at IS NULL OR other.finished_at >= mine.started_at)",
        [run_id],
    ).fetchall()
    listed = ", ".join(f"'{other}'" for (other,) in [*runs, *([(run_id,)] if again else [])])
    same = _SAME.format(scorer_id=scorer_id)
    new = f"WHERE NOT EXISTS (FROM scores s WHERE s.run_id IN ({listed}) AND {same})" if listed else ""
    con.execute(f"""
        INSERT INTO scores BY NAME
        SELECT candidate_id::UUID AS candidate_id, '{scorer_id}'::UUID AS scorer_id, inputs_hash::UUID AS inputs_hash,
            status, value, nullif(reason, '') AS reason, seconds, '{run_id}'::UUID AS run_id
        FROM incoming_scores i {new}
    """)
