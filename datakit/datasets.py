"""Named, versioned data sets: `name` is the newest version, `name@3` the third."""

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from schemas.errors import NotFoundError, did_you_mean


@dataclass(frozen=True, slots=True)
class Dataset:
    """One version of a data set."""

    name: str
    version: int
    kind: str
    run_id: str
    config: dict[str, Any]

    def __str__(self) -> str:
        return f"{self.name}@{self.version}"


def find(con: duckdb.DuckDBPyConnection, name: str) -> Dataset | None:
    """The data set of that name (`name[@version]`), or None."""
    base, at, number = name.rpartition("@")
    if not (at and number.isdigit()):
        base, number = name, ""
    row = con.execute(
        "SELECT name, version, kind, run_id::VARCHAR, config FROM datasets "
        "WHERE name = $1 AND ($2 = '' OR version::VARCHAR = $2) ORDER BY version DESC LIMIT 1",
        [base, number],
    ).fetchone()
    return Dataset(row[0], row[1], row[2], row[3], json.loads(row[4] or "{}")) if row else None


def get(con: duckdb.DuckDBPyConnection, name: str) -> Dataset:
    """The data set of that name.

    Raises:
        NotFoundError: there is none; the message names those that exist.
    """
    found = find(con, name)
    if found is None and Path(name).exists():  # a file stands for the data set of its name
        found = find(con, name_of(Path(name)))
        if found is None:
            raise NotFoundError(f"{name} is not in the store yet; `datakit ingest {name}` reads it")
    if found is None:
        known = [row[0] for row in con.execute("SELECT DISTINCT name FROM datasets").fetchall()]
        raise NotFoundError(f"no data set {name!r} in the store (and no such file); {did_you_mean(name, known)}")
    return found


def next_version(con: duckdb.DuckDBPyConnection, name: str) -> int:
    """The version that the next data set of this name gets; never one that a dropped data set had."""
    row = con.execute(
        "SELECT greatest((SELECT coalesce(max(version), 0) FROM datasets WHERE name = $1), "
        "(SELECT coalesce(max(value::INTEGER), 0) FROM meta WHERE key = 'dropped ' || $1)) + 1",
        [name],
    ).fetchone()
    return int(row[0]) if row else 1


def retire(con: duckdb.DuckDBPyConnection, name: str) -> None:
    """Remember the newest version of a data set that is about to be dropped: what was derived from it names it."""
    newest = next_version(con, name) - 1
    con.execute("DELETE FROM meta WHERE key = 'dropped ' || ?", [name])
    con.execute("INSERT INTO meta VALUES ('dropped ' || $1, $2)", [name, str(newest)])


def name_of(path: Path) -> str:
    """A file's data set name: its stem, without `.gz` and the like."""
    name = path.name
    for suffix in (".gz", ".zst"):
        name = name.removesuffix(suffix)
    return name.split(".", 1)[0] or name
