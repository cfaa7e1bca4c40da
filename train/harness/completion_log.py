"""Completions of a training on their way into the store, with their outcomes: committed in the background."""

import sys
import time
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import duckdb
import pyarrow as pa

from datakit.conditions import condition_sql
from datakit.inputs import inputs_hash_sql
from datakit.outbox import CANDIDATES, COMMIT_SECONDS, COMMIT_SHARE, LONGEST_WAIT
from datakit.outcomes import Outcomes
from datakit.recipes import Recipe, register
from datakit.run import Run
from datakit.store import insert
from rewards.spec import Reward
from schemas.errors import StoreError
from schemas.identity import canonical_json, content_id

ORIGIN = "train"


class CompletionLog:
    """Context around a training: what was added is committed at its end, whatever ended it.

    Commits come at most once a second, and take at most a hundredth of the time. While another process holds the store,
    completions wait; only the last commit insists.
    """

    def __init__(self, run: Run, dataset: str, recipe: Recipe, reward: Reward) -> None:
        self._run, self._dataset, self._recipe, self._reward = run, dataset, recipe, reward
        self._waiting: list[pa.Table] = []
        self._sent: list[pa.Table] = []
        self._registered = False
        self._due = time.monotonic() + COMMIT_SECONDS
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="datakit-completions")
        self._commit: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._thread:
            self.flush()

    def add(self, answers: pa.Table, step: int, group: int) -> None:
        """Take completions in.

        Args:
            answers: as `OnlineReward.last` has them, of all processes, the answers to a prompt side by side.
            step: the optimizer steps before they were drawn.
            group: answers to each prompt; the i-th becomes sample `step * group + i` of it.
        """
        self._waiting.append(self._with_ids(answers, step, group))
        if time.monotonic() < self._due or (self._commit and not self._commit.done()):
            return
        self._settle()
        self._sent, self._waiting = self._waiting, []
        self._due = time.monotonic() + COMMIT_SECONDS
        self._commit = self._thread.submit(self._write, self._sent)

    def flush(self) -> None:
        """Commit what waits.

        Raises:
            StoreError: the store is held by another process, or cannot be written.
        """
        self._settle()
        if self._waiting:
            self._write(self._waiting)
            self._waiting = []

    def _with_ids(self, answers: pa.Table, step: int, group: int) -> pa.Table:
        recipe, run = self._recipe.recipe_id, self._run.run_id
        index = [step * group + place % group for place in range(len(answers))]
        prompts = answers.column("prompt_id").to_pylist()
        # the run too: a training that was resumed draws some of its steps again, on a GPU with other results
        ids = [content_id([prompt, recipe, i, ORIGIN, run]) for prompt, i in zip(prompts, index, strict=True)]
        return answers.append_column("candidate_id", pa.array(ids)).append_column(
            "sample_index", pa.array(index, pa.int32())
        )

    def _settle(self) -> None:
        """Wait for the commit that is under way; take its completions back if it failed."""
        if self._commit is None:
            return
        commit, self._commit = self._commit, None
        try:
            commit.result()
        except StoreError as error:
            self._waiting = self._sent + self._waiting
            sys.stderr.write(f"completions wait for the store: {error}\n")

    def _write(self, tables: list[pa.Table]) -> None:
        started = time.monotonic()
        answers = pa.concat_tables(tables)
        with self._run.transaction() as con:
            if not self._registered:
                register(con, self._dataset, self._recipe)
                Outcomes(self._run, self._reward, retry=False).register(con)
            insert(con, "candidates", self._candidates(answers))
            self._insert_scores(con, answers)
        self._registered = True
        self._run.counts["completions"] += len(answers)
        took = time.monotonic() - started
        self._due = started + min(max(took / COMMIT_SHARE, COMMIT_SECONDS), LONGEST_WAIT)

    def _candidates(self, answers: pa.Table) -> pa.Table:
        constants = {"recipe_id": self._recipe.recipe_id, "origin": ORIGIN, "engine": engine()}
        columns = {name: pa.repeat(value, len(answers)) for name, value in constants.items()}
        columns["run_id"] = pa.repeat(self._run.run_id, len(answers))
        said = zip(answers.column("text").to_pylist(), answers.column("reasoning").to_pylist(), strict=True)
        columns["messages"] = pa.array([_turn(text, reasoning) for text, reasoning in said], pa.string())
        return pa.table(
            [columns[name] if name in columns else answers.column(name) for name in CANDIDATES.names], CANDIDATES.names
        ).cast(CANDIDATES)

    def _insert_scores(self, con: duckdb.DuckDBPyConnection, answers: pa.Table) -> None:
        """As `datakit score` would have written them."""
        con.register("answers", answers)
        for place, scorer in enumerate(self._reward.scorers):
            con.execute(f"""
                INSERT INTO scores BY NAME
                SELECT candidate_id::UUID AS candidate_id, '{scorer.scorer_id}'::UUID AS scorer_id,
                    {inputs_hash_sql(scorer, "columns")} AS inputs_hash, status{place} AS status,
                    value{place} AS value, nullif(reason{place}, '') AS reason, seconds{place} AS seconds,
                    '{self._run.run_id}'::UUID AS run_id
                FROM (SELECT * REPLACE (columns::JSON AS columns) FROM answers)
                WHERE {condition_sql(scorer.when, "columns")}
            """)
        con.unregister("answers")


def engine() -> str:
    """What drew them."""
    from importlib.metadata import version

    return f"trl {version('trl')}"


def _turn(text: str, reasoning: str | None) -> str | None:
    """The answer as an OpenAI message list, or None where it is nothing but text."""
    if not reasoning:
        return None
    return canonical_json([{"role": "assistant", "content": text, "reasoning_content": reasoning}])
