"""What a training says while it runs: figures to the terminal and to the store, at most once in a while.

Imports transformers, so it is imported only where something is trained.
"""

import math
import sys
import time
from collections.abc import Mapping

import duckdb
import pyarrow as pa
from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from datakit.progress import Bar
from datakit.run import Run
from datakit.store import insert
from schemas.errors import StoreError
from train.harness.figures import is_noise

SECONDS = 5.0
"""Between two commits of figures."""
SHOWN = 6
"""Figures in a line."""
TELLING = ("rewards/accuracies", "rewards/margins", "reward", "reward_std", "kl", "completions/mean_length")
"""Ends of the names that come first."""


class Recorder(TrainerCallback):  # type: ignore[misc]  # transformers has no types here
    """Shows and keeps what TRL logs. A store that another process holds delays the figures, not the training."""

    def __init__(self, run: Run, bar: Bar, *, total: int, resumed: bool = False) -> None:
        self.run, self.bar, self.total, self.resumed = run, bar, total, resumed
        self.last: dict[str, float] = {}
        """The newest figure of each name."""
        self._waiting: list[tuple[int, str, float]] = []
        self._committed = time.monotonic()
        self._step = 0

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Move the bar; after a resumption also over the steps that were done before."""
        self.bar.advance(state.global_step - self._step)
        self._step = state.global_step

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, object] | None = None,
        **kwargs: object,
    ) -> None:
        """Show a line, and keep the figures for the store."""
        figures = {name: float(value) for name, value in (logs or {}).items() if isinstance(value, int | float)}
        if self.resumed:
            # transformers divides the losses since the resumption by the steps since the beginning
            figures.pop("train_loss", None)
        self.last.update(figures)
        self._waiting += [(state.global_step, name, value) for name, value in figures.items()]
        self.bar.say(_line(state.global_step, self.total, figures))
        if time.monotonic() - self._committed > SECONDS:
            try:
                self.commit()
            except StoreError as error:
                sys.stderr.write(f"figures wait for the store: {error}\n")
            self._committed = time.monotonic()

    def commit(self) -> None:
        """Write the figures that wait.

        Raises:
            StoreError: the store is held by another process, or cannot be written.
        """
        if not self._waiting:
            return
        with self.run.transaction() as con:
            self._insert(con)
        self._waiting.clear()

    def _insert(self, con: duckdb.DuckDBPyConnection) -> None:
        steps, names, values = zip(*self._waiting, strict=True)
        finite = [value if math.isfinite(value) else None for value in values]
        columns = {"run_id": [self.run.run_id] * len(steps), "step": steps, "name": names, "value": finite}
        insert(con, "metrics", pa.table(columns))


def _line(step: int, total: int, figures: Mapping[str, float]) -> str:
    """The loss and the rewards before all else."""
    names = sorted(
        (name for name in figures if not is_noise(name)), key=lambda name: not name.endswith(("loss", *TELLING))
    )
    return f"step {step}/{total}  " + "  ".join(f"{name} {figures[name]:.4g}" for name in names[:SHOWN])
