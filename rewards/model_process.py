"""Reward models in a process of their own, for the service: a model that dies or hangs takes nothing with it.

It is started again, and the rows in flight are judged once more; where they are what it died of, they are errors.
"""

import json
import os
import pickle
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from multiprocessing.connection import Connection, Pipe
from typing import Any

import pyarrow as pa

from rewards.calls import ERROR, TIMEOUT
from rewards.judged import Judged, same
from rewards.model import ModelRule
from rewards.scorer import Scorer
from schemas.errors import ConfigError

TRIES = 2
"""Processes that may die over a row."""

_BOOT = "import sys, json; sys.path[:] = json.loads(sys.argv[2]); from rewards.model_worker import main; main()"


class ModelProcess:
    """Judges by reward models as `ModelPool` does, in another process that starts with the first rows.

    Args:
        patience: seconds until a batch of a loaded model must be finished.
    """

    def __init__(self, patience: float) -> None:
        self.trouble = ""
        """Why the models cannot be loaded; empty if they can, or were not needed yet."""
        self._patience = patience
        self._child: _Child | None = None
        self._calls = 0

    def judge(self, scorer: Scorer, inputs: pa.Table) -> Iterator[Judged]:
        """Judge rows; yields blocks as batches finish. Rows over which the process dies twice are `error`.

        What takes too long is `timeout`, and the process is ended.

        Raises:
            ConfigError: a model cannot be loaded, or has no chat template.
        """
        left = dict.fromkeys(range(len(inputs)))
        for another in range(TRIES - 1, -1, -1):
            places = list(left)
            table = inputs if len(places) == len(inputs) else inputs.take(pa.array(places, pa.int64()))
            try:
                for block in self._blocks(scorer, table):
                    rows = [places[row] for row in block.rows.to_pylist()]
                    for row in rows:
                        del left[row]
                    yield replace(block, rows=pa.array(rows, pa.int64()))
            except _Lost as lost:
                self.close()
                if another and lost.code == ERROR:
                    continue
                yield same(pa.array(list(left), pa.int64()), lost.code, str(lost))
            return

    def close(self) -> None:
        """End the process at once."""
        if self._child is not None:
            self._child.end()
        self._child = None

    def _blocks(self, scorer: Scorer, inputs: pa.Table) -> Iterator[Judged]:
        child = self._child = self._child or _Child()
        self._calls += 1
        child.send((self._calls, scorer, inputs))
        model = scorer.rule.model.fingerprint if isinstance(scorer.rule, ModelRule) else ""
        while True:
            # nobody knows how long a model takes to load
            call, kind, told = child.receive(self._patience if model in child.loaded else None)
            if call != self._calls:  # of a batch that was given up
                continue
            if kind == "error":
                self.trouble = told
                raise ConfigError(told)
            self.trouble = ""
            child.loaded.add(model)
            if kind == "done":
                return
            yield told


class _Lost(Exception):  # noqa: N818  (an event)
    """The process died, or was given up."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code


class _Child:
    """The process, and the pipe to it."""

    def __init__(self) -> None:
        self.loaded: set[str] = set()
        """Fingerprints of the models that have judged a row."""
        self._pipe, theirs = Pipe()
        lifeline, self._lifeline = os.pipe()
        fds = {"connection": theirs.fileno(), "lifeline": lifeline}
        path = [entry or os.getcwd() for entry in sys.path]  # noqa: PTH109
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-c", _BOOT, json.dumps(fds), json.dumps(path)],
            stdin=subprocess.DEVNULL,
            pass_fds=tuple(fds.values()),
            start_new_session=True,  # Ctrl-C is the service's
        )
        theirs.close()
        os.close(lifeline)

    def send(self, message: tuple[int, Scorer, pa.Table]) -> None:
        """Send rows.

        Raises:
            _Lost: the process is dead.
        """
        try:
            self._pipe.send_bytes(pickle.dumps(message, protocol=5))
        except OSError as error:
            raise self._lost() from error

    def receive(self, patience: float | None) -> tuple[int, str, Any]:
        """The next message: the number of its call, `block`, `done` or `error`, and what it tells.

        Raises:
            _Lost: the process is dead, or said nothing for `patience` seconds.
        """
        try:
            if not self._pipe.poll(patience):
                raise _Lost(TIMEOUT, f"the reward model took more than {patience:g} s for a batch")
            call, kind, told = pickle.loads(self._pipe.recv_bytes())  # noqa: S301  (our own process's)
        except (EOFError, OSError) as error:
            raise self._lost() from error
        return call, kind, told

    def end(self) -> None:
        """End it at once, and everything that it started."""
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._pipe.close()
        os.close(self._lifeline)

    def _lost(self) -> _Lost:
        code = self._process.wait()
        how = f"signal {signal.Signals(-code).name}" if code < 0 else f"exit code {code}"
        return _Lost(ERROR, f"the reward model's process died ({how})")


def answer(connection: Connection) -> None:
    """Judge what comes through the pipe, until the other end closes it."""
    from rewards.model_pool import ModelPool

    pool = ModelPool()
    while True:
        try:
            message = connection.recv_bytes()
        except (EOFError, OSError):
            return
        call, scorer, inputs = pickle.loads(message)  # noqa: S301  (the service's own)
        try:
            for block in pool.judge(scorer, inputs):
                connection.send((call, "block", block))
            connection.send((call, "done", None))
        except ConfigError as error:
            connection.send((call, "error", str(error)))
