"""The store: one DuckDB file, open only while something is read or committed.

DuckDB lets no second process in while a writer has the file open, so a stage opens it to read its work list, closes
it, works, and opens it again for a moment to commit. `read` and `write` wait for each other, by default `WAIT_SECONDS`.
"""

import re
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.resources import files
from pathlib import Path
from typing import NoReturn

import duckdb
import pyarrow as pa

from schemas.errors import NotFoundError, StoreBusyError, StoreError

SCHEMA_VERSION = 4
WAIT_SECONDS = 10.0
MIGRATIONS: dict[int, tuple[str, ...]] = {1: (), 2: (), 3: ("training",)}
"""SQL files that lift the tables from version k to k + 1, all applied in one transaction; views.sql follows."""

_WRITE_ERRORS = (
    duckdb.IOException,
    duckdb.TransactionException,  # a commit that found the disk full
    duckdb.FatalException,
    duckdb.InternalException,
    duckdb.OutOfMemoryException,
)
_HOLDER = re.compile(r"held in (?P<program>\S+).*?\(PID (?P<pid>\d+)\)")
_NO_STORE = re.compile("not a valid DuckDB database|is a directory|read enough bytes|corrupt database", re.IGNORECASE)


class Store:
    """A DuckDB file. Safe to share between threads: one of them has it open at a time."""

    def __init__(self, path: str | Path, *, wait_seconds: float = WAIT_SECONDS) -> None:
        self.path = Path(path)
        self.wait_seconds = wait_seconds
        self._open = threading.Lock()

    @contextmanager
    def read(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A read-only connection; temporary tables and views may be made in it.

        Raises:
            NotFoundError: there is no store yet.
            StoreError: it cannot be opened, is held by a writer, or was written by a newer Datakit.
        """
        if not self.path.exists():
            raise NotFoundError(f"no store at {self.path}; `datakit ingest FILE --store {self.path}` makes one")
        with self._open:
            con = self._connect(read_only=True)
            try:
                version = self._version(con)
                if version == SCHEMA_VERSION:
                    yield con
                    return
            finally:
                con.close()
        with self.write():  # an older store (or an empty file): bring it up to date first
            pass
        with self.read() as con:
            yield con

    @contextmanager
    def write(self) -> Iterator[duckdb.DuckDBPyConnection]:
        """A connection inside one transaction: committed at the end of the block, rolled back on any error.

        Makes the store if there is none, and migrates an older one.
        """
        with self._open:
            con = self._connect(read_only=False)
            try:
                with self._write_errors():
                    self._prepare(con)
                    con.begin()
                    try:
                        yield con
                    except BaseException:
                        con.rollback()
                        raise
                    con.commit()
            finally:
                self._close(con)

    def _connect(self, *, read_only: bool) -> duckdb.DuckDBPyConnection:
        deadline = time.monotonic() + self.wait_seconds
        while True:
            try:  # without the prefix, a CSV file (by its name) would open as a database in memory
                return duckdb.connect(f"duckdb:{self.path.absolute()}", read_only=read_only)
            except duckdb.IOException as error:
                holder = _HOLDER.search(str(error))
                if "lock" not in str(error).lower():
                    self._refuse(error)
                if time.monotonic() > deadline:
                    who = f"process {holder['pid']} ({Path(holder['program']).name})" if holder else "another process"
                    raise StoreBusyError(
                        f"store {self.path} is held by {who}; waited {self.wait_seconds:.0f} s; try again later"
                    ) from error
                time.sleep(0.05)
            except duckdb.Error as error:
                self._refuse(error)

    def _refuse(self, error: duckdb.Error) -> NoReturn:
        text = " ".join(str(error).split())
        if _NO_STORE.search(text):
            raise StoreError(
                f"{self.path} is no Datakit store, or a damaged one; name another with --store ({text})"
            ) from error
        raise StoreError(f"cannot open store {self.path}: {text}") from error

    @contextmanager
    def _write_errors(self) -> Iterator[None]:
        try:
            yield
        except _WRITE_ERRORS as error:
            text = " ".join(str(error).split())[:300]
            raise StoreError(
                f"cannot write store {self.path}: {text}; what was committed before is safe, run the same command again"
            ) from error

    @staticmethod
    def _close(con: duckdb.DuckDBPyConnection) -> None:
        # Closing checkpoints. Where that fails (a full disk) the WAL keeps the data and the next open replays it.
        try:
            con.close()
        except duckdb.Error:
            return

    def _version(self, con: duckdb.DuckDBPyConnection) -> int:
        tables = {name for (name,) in con.execute("SELECT table_name FROM duckdb_tables()").fetchall()}
        if not tables:
            return 0
        if "meta" not in tables:
            raise StoreError(f"{self.path} is a DuckDB file of something else; name another with --store")
        row = con.execute("SELECT value FROM meta WHERE key = 'schema_version'").fetchone()
        version = int(row[0]) if row else 0
        if version > SCHEMA_VERSION:
            raise StoreError(
                f"store {self.path} has schema version {version}, this Datakit knows {SCHEMA_VERSION}; "
                "upgrade Datakit (pip install -U datakit)"
            )
        return version

    def _prepare(self, con: duckdb.DuckDBPyConnection) -> None:
        version = self._version(con)
        if version == SCHEMA_VERSION:
            return
        con.begin()
        if version == 0:
            con.execute(_sql("schema"))
            con.execute(_sql("training"))
            con.execute("INSERT INTO meta VALUES ('schema_version', ?)", [str(SCHEMA_VERSION)])
        else:
            for step in range(version, SCHEMA_VERSION):
                for name in MIGRATIONS[step]:
                    con.execute(_sql(name))
            con.execute("UPDATE meta SET value = ? WHERE key = 'schema_version'", [str(SCHEMA_VERSION)])
        con.execute(_sql("views"))
        con.commit()


def insert(con: duckdb.DuckDBPyConnection, table: str, rows: pa.Table, *, unless: Sequence[str] = ()) -> int:
    """Insert Arrow rows by column name; with `unless`, only rows whose key is not there yet (first one wins).

    Returns:
        The number of rows inserted.
    """
    con.register("incoming", rows)
    try:
        source = "SELECT * FROM incoming"
        if unless:
            keys = ", ".join(unless)
            same = " AND ".join(f"t.{k} = CAST(i.{k} AS {_type_of(con, table, k)})" for k in unless)
            source = f"SELECT DISTINCT ON ({keys}) * FROM incoming i WHERE NOT EXISTS (FROM {table} t WHERE {same})"
        row = con.execute(f"INSERT INTO {table} BY NAME {source}").fetchone()
        return int(row[0]) if row else 0
    finally:
        con.unregister("incoming")


def _sql(name: str) -> str:
    return files("datakit").joinpath(f"{name}.sql").read_text(encoding="utf-8")


def _type_of(con: duckdb.DuckDBPyConnection, table: str, column: str) -> str:
    # the catalogue's own list of columns takes ten times as long
    description = con.execute(f"SELECT {column} FROM {table} LIMIT 0").description or []
    return str(description[0][1])
