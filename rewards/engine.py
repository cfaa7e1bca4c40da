"""Running rules safely: what hangs, dies, raises or answers nonsense becomes the outcome of its own row.

Per-row, batched and async rules run in worker processes (rewards/worker.py), a chunk of rows at a time. A watchdog
kills a worker when one row exceeds its limit: finished rows keep their outcomes, that row is `timeout` (`error` if the
worker died by itself), the rest goes to another worker. Columnar rules run here, in Polars, without a clock; reward
models too, in batches (rewards/model_pool.py), unless they are given a process (rewards/model_process.py).
"""

import os
import sys
from collections.abc import Iterator
from types import TracebackType
from typing import Self

import pyarrow as pa

from rewards import columnar
from rewards.judged import Judged
from rewards.judgement import Judgement, Limits
from rewards.model_pool import ModelPool
from rewards.model_process import ModelProcess
from rewards.process import Crew
from rewards.rule import Form
from rewards.scorer import Scorer

__all__ = ["Judged", "Limits", "RulePool"]


class RulePool:
    """Worker processes that judge rows; one call of `judge` at a time. Used as a context manager, for many calls.

    Usage:
        with RulePool(Limits(timeout=2)) as pool:
            for block in pool.judge(scorer, inputs):
                ...
    """

    def __init__(self, limits: Limits | None = None, models: ModelProcess | None = None) -> None:
        self.limits = limits or Limits()
        self.workers = self.limits.workers or _cores()
        self._crew = Crew(self.workers, self.limits.memory_mb)
        self._chunks: dict[str, int] = {}
        self._judging = False
        self._models = models or ModelPool()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """End all workers at once, and free the models."""
        self._models.close()
        self._crew.dismiss(self._crew.workers)

    def judge(self, scorer: Scorer, inputs: pa.Table) -> Iterator[Judged]:
        """Judge rows; yields blocks as they finish, every row exactly once, in no particular order.

        Args:
            scorer: a rule with its options.
            inputs: a column for each input of the rule, by the input's name (for the batched form `completions`, and
                `prompts` as messages). Columns of JSON text have the field metadata `JSON` of rewards/admission.py.

        Raises:
            RuleError: the rule cannot be loaded, or does not fit the rows.
            StageStopped: worker processes cannot be started.
        """
        if scorer.rule.form is Form.COLUMNAR:
            yield from columnar.judge(scorer, inputs)
            return
        if scorer.rule.form is Form.MODEL:
            yield from self._models.judge(scorer, inputs)
            return
        if self._judging:
            raise RuntimeError("this pool is judging already; finish that first, or use another pool")
        self._judging = True
        try:
            yield from Judgement(self._crew, self.limits, scorer, inputs, self._chunks).run()
        finally:
            self._judging = False
            self._crew.dismiss([worker for worker in self._crew.workers if worker.task is not None])


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count() or 1
