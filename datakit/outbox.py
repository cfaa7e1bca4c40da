"""Answers on their way into the store: committed in the background, about once a second, while the engine goes on."""

import time
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

import pyarrow as pa

from datakit.recipes import Recipe, register
from datakit.run import Run
from datakit.store import insert
from schemas.errors import StoreBusyError

COMMIT_SECONDS = 1.0
"""Shortest time between two commits."""
LONGEST_WAIT = 10.0
"""Longest time between two: what `kill -9` may lose."""
COMMIT_SHARE = 0.01
"""Share of the time that commits may take between these bounds: after one of 0.05 s the next begins 5 s later."""
MOST_UNCOMMITTED = 10_000
"""Rows that wait while another process has the store open."""

CANDIDATES = pa.schema(
    [(name, pa.string()) for name in ("candidate_id", "prompt_id", "recipe_id", "origin", "text", "messages")]
    + [(name, pa.string()) for name in ("finish_reason", "engine", "run_id")]
    + [("sample_index", pa.int32()), ("n_tokens", pa.int32())]
)

Row = Mapping[str, object]


class Outbox:
    """Context around one recipe's answers; whatever ends it, what was added is committed, and the recipe is registered.

    With a data set, its groups are drawn from the recipe from now on; without one, nothing's are.
    If the store is held by somebody else, the rows wait for the next commit; only the last one insists.
    """

    def __init__(self, run: Run, dataset: str | None, recipe: Recipe) -> None:
        self._run = run
        self._dataset = dataset
        self._recipe = recipe
        self._registered = False
        self._answers: list[Row] = []
        self._refused: list[Row] = []
        self._due = time.monotonic() + COMMIT_SECONDS
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="datakit-commit")
        self._sent: tuple[list[Row], list[Row]] = ([], [])
        self._commit: Future[None] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with self._thread:
            self._settle(insist=True)
            # a stage that failed before its first answer leaves no trace
            if self._answers or self._refused or (kind is None and not self._registered):
                self._write(self._answers, self._refused)

    def add(self, answer: Row) -> None:
        """An answer: a row of `candidates`."""
        self._answers.append(answer)
        self._commit_if_due()

    def refuse(self, refusal: Row) -> None:
        """A request that gave no answer: a row of the ledger."""
        self._refused.append(refusal)
        self._commit_if_due()

    def _commit_if_due(self) -> None:
        if time.monotonic() < self._due or (self._commit and not self._commit.done()):
            return
        self._settle()
        self._sent = self._answers, self._refused
        self._answers, self._refused = [], []
        self._due = time.monotonic() + COMMIT_SECONDS
        self._commit = self._thread.submit(self._write, *self._sent)

    def _settle(self, *, insist: bool = False) -> None:
        """Wait for the commit that is under way; take its rows back if the store was busy."""
        if self._commit is None:
            return
        commit, self._commit = self._commit, None
        try:
            commit.result()
        except StoreBusyError:
            answers, refused = self._sent
            self._answers, self._refused = answers + self._answers, refused + self._refused
            if not insist and len(self._answers) + len(self._refused) > MOST_UNCOMMITTED:
                raise

    def _write(self, answers: list[Row], refused: list[Row]) -> None:
        started = time.monotonic()
        with self._run.transaction() as con:
            if not self._registered:
                register(con, self._dataset, self._recipe)
            rows = pa.Table.from_pylist(answers, schema=CANDIDATES)
            # another process may have drawn the same in the meantime: its answers stay
            drawn = insert(con, "candidates", rows, unless=["candidate_id"])
            self._run.ledger(con, refused)
        self._registered = True
        self._run.counts["generated"] += drawn
        took = time.monotonic() - started
        self._due = started + min(max(took / COMMIT_SHARE, COMMIT_SECONDS), LONGEST_WAIT)
