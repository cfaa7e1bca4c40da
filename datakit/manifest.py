"""The manifest beside an exported file: what is in it, and everything that it came from."""

import hashlib
import json
from importlib.metadata import version
from pathlib import Path
from typing import Any

import duckdb

from datakit.datasets import Dataset


def describe(con: duckdb.DuckDBPyConnection, dataset: Dataset) -> dict[str, Any]:
    """Where a data set came from: recipes, scorers, strategy, counts, what was dropped and why."""
    run = con.execute(
        "SELECT stage, started_at::VARCHAR, params, counts, versions FROM runs WHERE run_id = ?", [dataset.run_id]
    ).fetchone() or (None, None, None, None, None)
    reward = con.execute(
        "SELECT spec FROM reward_specs WHERE reward_id::VARCHAR = ?", [dataset.config.get("reward_id")]
    ).fetchone()
    dropped = con.execute(
        "SELECT reason, count(*) AS n FROM ledger WHERE run_id = ? GROUP BY reason ORDER BY n DESC, reason",
        [dataset.run_id],
    ).fetchall()
    return {
        "dataset": str(dataset),
        "kind": dataset.kind,
        "config": dataset.config,
        "run": {
            "run_id": dataset.run_id,
            "stage": run[0],
            "started_at": run[1],
            "params": _parsed(run[2]),
            "versions": _parsed(run[4]),
        },
        "counts": {name: count for name, count in (_parsed(run[3]) or {}).items() if not name.startswith("dropped:")},
        "dropped": dict(dropped),
        "recipes": _recipes(con),
        "reward": _parsed(reward[0]) if reward else None,
    }


def path_of(file: Path) -> Path:
    """Where the manifest of a file is: `<file>.manifest.json`."""
    return file.with_name(f"{file.name}.manifest.json")


def write(target: Path, *, name: str, data: Path, facts: dict[str, Any]) -> None:
    """Write a manifest. Its digest tells whether the file beside it is the one that it describes.

    Args:
        target: the manifest.
        name: the name of the file that it describes.
        data: where this file's content is.
        facts: what `describe` found, and what is in the file.
    """
    content = {"file": name, "sha256": digest(data), **facts, "datakit": version("datakit")}
    target.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")


def digest(file: Path) -> str:
    """SHA-256 of a file, in hexadecimal."""
    with file.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _recipes(con: duckdb.DuckDBPyConnection) -> list[dict[str, Any]]:
    """The recipes whose candidates are in the table `exported`."""
    columns = {row[0] for row in con.execute("DESCRIBE exported").fetchall()}
    sides = [name for name in ("chosen_id", "rejected_id", "candidate_id") if name in columns]
    if not sides:
        return []
    ids = " UNION ALL ".join(f"SELECT {name} AS candidate_id FROM exported" for name in sides)
    found = con.execute(f"""
        SELECT r.recipe_id::VARCHAR, r.model, r.revision, r.params, used.n FROM (
            SELECT recipe_id, count(*) AS n FROM candidates SEMI JOIN ({ids}) USING (candidate_id) GROUP BY recipe_id
        ) used JOIN recipes r USING (recipe_id) ORDER BY r.model, r.recipe_id
    """).fetchall()
    names = ("recipe_id", "model", "revision", "params", "answers")
    return [dict(zip(names, (*row[:3], _parsed(row[3]), row[4]), strict=True)) for row in found]


def _parsed(text: str | None) -> Any:
    return json.loads(text) if text else None
