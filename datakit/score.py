"""Judge the candidates of a data set by the rules of a reward; only what was not judged yet."""

from collections import Counter, deque
from collections.abc import Iterator, Mapping, Sequence

import pyarrow.compute as pc

from datakit import datasets
from datakit.columnar_scores import judge_columns
from datakit.conditions import check_condition
from datakit.inputs import check_columns, columns_of
from datakit.outcomes import Outcomes, Streak, count
from datakit.progress import Bar, track
from datakit.reward_view import is_current, record_reward
from datakit.run import Run
from datakit.store import Store
from datakit.worklist import Query, Tally, Work, commonest_failures, read_page, survey, take_page
from rewards.cost import Cost, cost_in
from rewards.engine import Judged, Limits, RulePool
from rewards.judgement import SECONDS
from rewards.outcome import Status
from rewards.rule import Form
from rewards.scorer import Scorer
from rewards.spec import Reward
from schemas.options import GroupOptions, ScoreOptions
from schemas.report import Report, Table

FIRST_PAGE, LARGEST_PAGE = 32_768, 262_144
"""Rows of a page."""
PAGE_BYTES = 128 * 2**20
COLUMNAR_PAGE = 4_194_304  # no text of it is kept, and every page has to be searched for
REASONS = 3
"""Reasons of failures that the report names, of each rule."""


def score(dataset: str, options: ScoreOptions, *, reward: Reward, groups: GroupOptions, store: Store) -> Report:
    """Judge the candidates of a data set.

    Args:
        dataset: its name, or `name@version`.
        options: limits of the rules, and whether failures are tried again.
        reward: the rules.
        groups: which candidates.
        store: the store; it is closed while rules run, unless they are columnar, which run while it is read.

    Raises:
        NotFoundError: no such data set or recipe.
        RuleError: a rule reads a column that the data set does not have, or cannot be loaded.
        StageStopped: a rule ended in the same failure 50 times in a row; what was judged is stored.
    """
    with store.read() as con:
        found = datasets.get(con, dataset)
        for scorer in reward.scorers:
            check_columns(con, found, scorer)
            check_condition(con, found, scorer)
        takes_all = any(scorer.rule.all_columns for scorer in reward.scorers)
        columns = columns_of(con, found) if takes_all else []
        query = Query(found, groups, options.retry)
        works = [survey(con, query, scorer, columns) for scorer in reward.scorers]
        known = is_current(con, reward)
    stage = Scoring(store, query, options, reward)
    if any(work.missing for work in works):
        stage.judge(works)
    elif not known:  # other weights for what is judged already: no run, but SQL shall see them
        with store.write() as con:
            record_reward(con, reward)
    return stage.report(works)


class Scoring:
    """One execution of the stage."""

    def __init__(self, store: Store, query: Query, options: ScoreOptions, reward: Reward) -> None:
        self.store = store
        self.query = query
        self.options = options
        self.reward = reward
        self.run_id: str | None = None
        self.tallies: dict[str, Tally] = {scorer.name: Tally() for scorer in reward.scorers}
        self.copies = 0
        self.costs: dict[str, Cost] = {}
        """Of judges, in this run."""

    def judge(self, works: Sequence[Work]) -> None:
        """Judge what is missing, rule by rule."""
        params = {**self.options.model_dump(mode="json"), **self.query.groups.model_dump(mode="json")}
        inputs = {"dataset": str(self.query.dataset), "reward": self.reward.reward_id}
        asked = self.options.timeout
        limits = Limits(asked or SECONDS, self.options.workers, self.options.memory_mb, longest=asked)
        total = sum(work.missing for work in works)
        with (
            Run(self.store, "score", params=params, inputs=inputs) as run,
            RulePool(limits) as pool,
            track("judging", total, unit="row") as bar,
            Outcomes(run, self.reward, retry=self.options.retry) as outcomes,
        ):
            self.run_id = run.run_id
            try:
                for work in works:
                    columnar = work.scorer.rule.form is Form.COLUMNAR and work.inputs.sources
                    (self._judge_columnar if columnar else self._judge_rows)(work, pool, outcomes, bar)
            finally:
                run.counts.update(self._counts(works))

    def _judge_rows(self, work: Work, pool: RulePool, outcomes: Outcomes, bar: Bar) -> None:
        """A page at a time: read it, close the store, judge, store what finishes."""
        tally, streak = self.tallies[work.scorer.name], Streak(work.scorer)
        buckets, rows = deque(work.buckets), FIRST_PAGE
        while buckets:
            with self.store.read() as con:
                page = read_page(con, self.query, work, take_page(buckets, rows))
            for judged in pool.judge(work.scorer, page.inputs):
                times = outcomes.add(work.scorer, page, judged)
                count(tally, judged, times)
                self._add_cost(work.scorer, judged)
                stored = pc.sum(times).as_py()
                self.copies += stored - len(judged)
                bar.advance(stored, stored)
                streak.add(judged)
                if streak.broken:
                    raise streak.stopped()
            if page.inputs.num_rows:
                rows = min(LARGEST_PAGE, PAGE_BYTES * page.inputs.num_rows // max(1, page.inputs.nbytes))

    def _add_cost(self, scorer: Scorer, judged: Judged) -> None:
        """Of rules that ask others: what their reasons say that the replies cost."""
        if scorer.rule.form is Form.ASYNC and (costs := [*filter(None, map(cost_in, judged.reason.to_pylist()))]):
            self.costs[scorer.name] = sum(costs, self.costs.get(scorer.name, Cost()))

    def _judge_columnar(self, work: Work, pool: RulePool, outcomes: Outcomes, bar: Bar) -> None:
        """A page at a time: judged while it is read, then stored."""
        tally, streak = self.tallies[work.scorer.name], Streak(work.scorer)
        buckets = deque(work.buckets)
        while buckets:
            with self.store.read() as con:
                blocks = judge_columns(con, pool, self.query, work, take_page(buckets, COLUMNAR_PAGE))
            for judged, rows in blocks:
                outcomes.hold(work.scorer, rows)
                count(tally, judged)
                streak.add(judged)
                bar.advance(len(judged), len(judged))
            outcomes.commit()
            if streak.broken:
                raise streak.stopped()

    def report(self, works: Sequence[Work]) -> Report:
        """What was judged now, what before, and what of it failed."""
        counts = self._counts(works)
        every = {work.scorer.name: _sum(work.stored, self.tallies[work.scorer.name]) for work in works}
        outcomes = sum(sum(tally.outcomes.values()) for tally in every.values())
        failures = sum(tally.failures for tally in every.values())
        tables = [_outcome_table(every)]
        if failures:
            tables.append(self._failure_table([work.scorer for work in works if every[work.scorer.name].failures]))
        return Report(
            stage="score",
            run_id=self.run_id,
            counts=counts,
            notes=tuple(self._notes(counts, failures)),
            tables=tuple(tables) if outcomes else (),
            needs_attention=failures > self.options.max_failures * outcomes or counts["candidates"] == 0,
        )

    def _counts(self, works: Sequence[Work]) -> dict[str, int]:
        """Outcomes wanted = stored before + ok + skip + error + timeout + still missing.

        Candidates times rules = outcomes wanted + those that no rule was asked for (`when`).
        """
        judged = sum((tally.outcomes for tally in self.tallies.values()), Counter[str]())
        stored = sum(sum(work.stored.outcomes.values()) for work in works)
        wanted = stored + sum(work.missing for work in works)
        not_asked = sum(work.not_asked for work in works)
        return {
            "candidates": (wanted + not_asked) // len(works),
            "rules": len(works),
            "outcomes": wanted,
            "not asked for (when)": not_asked,
            "already there": stored,
            "judged": judged.total(),
            **{status.value: judged[status] for status in Status},
            "from identical answers": self.copies,
            "missing": max(0, wanted - stored - judged.total()),
            "failures": sum(work.stored.failures for work in works) + judged["error"] + judged["timeout"],
        }

    def _notes(self, counts: dict[str, int], failures: int) -> Iterator[str]:
        if counts["candidates"] == 0:
            yield f"no candidates in {self.query.dataset}: `datakit generate {self.query.dataset.name}` draws some"
        elif self.run_id is None:
            yield "nothing to do: every candidate is judged by every rule"
        for name, cost in self.costs.items():
            yield f"{name}: {cost}"
        if failures and not self.query.retry:
            yield f"{failures} outcomes are failures; --retry judges these again"

    def _failure_table(self, scorers: Sequence[Scorer]) -> Table:
        rows = []
        for scorer in scorers:
            with self.store.read() as con:
                found = commonest_failures(con, self.query, scorer, REASONS)
            rows += [(scorer.name, *row) for row in found]
        return Table(title="commonest failures", columns=("rule", "outcome", "reason", "count"), rows=tuple(rows))


def _sum(before: Tally, now: Tally) -> Tally:
    return Tally(before.outcomes + now.outcomes, before.total + now.total)


def _outcome_table(tallies: Mapping[str, Tally]) -> Table:
    rows = []
    for name, tally in tallies.items():
        ok = tally.outcomes[Status.OK]
        mean = round(tally.total / ok, 4) if ok else None
        rows.append((name, mean, *(tally.outcomes[status] for status in Status)))
    return Table(title="outcomes", columns=("rule", "mean", *(status.value for status in Status)), rows=tuple(rows))
