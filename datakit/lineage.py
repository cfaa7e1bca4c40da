"""What a model was trained on: the trainings that made it, those that made what they began with, and their prompts."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb

from rewards.model_files import content_revision
from schemas.errors import NotFoundError

CHECKPOINT = "checkpoint"
"""What the names of checkpoint directories begin with."""


@dataclass(frozen=True, slots=True)
class Training:
    """A row of `trainings`."""

    run_id: str
    method: str
    dataset: str
    """name@version"""
    model: str
    model_revision: str | None
    output: Path
    output_revision: str | None

    def __str__(self) -> str:
        return f"{self.method} on {self.dataset} (run {self.run_id[:8]})"


def trainings_of(con: duckdb.DuckDBPyConnection, folders: Sequence[Path]) -> list[Training]:
    """The trainings that a model comes from, the last one first.

    Args:
        con: a connection to the store.
        folders: the model's directory; of an adapter also its base's.
    """
    known = _trainings(con)
    waiting = [(folder, _revision(folder)) for folder in folders] if known else []
    found: dict[str, Training] = {}
    while waiting:
        for training in _makers(known, *waiting.pop(0)):
            if training.run_id not in found:
                found[training.run_id] = training
                waiting.append((Path(training.model), training.model_revision))
    return list(found.values())


def trained_prompts(con: duckdb.DuckDBPyConnection, trainings: Sequence[Training]) -> dict[str, list[Training]]:
    """Which prompts of the view `dataset_prompts` were trained on, and by which trainings."""
    by_id = {training.run_id: training for training in trainings}
    found = defaultdict[str, list[Training]](list)
    if by_id:
        rows = con.execute(
            "SELECT DISTINCT run_id::VARCHAR, prompt_id::VARCHAR FROM trained_prompts "
            "SEMI JOIN dataset_prompts USING (prompt_id) WHERE run_id::VARCHAR IN (SELECT unnest($1::VARCHAR[])) "
            "ORDER BY ALL",
            [list(by_id)],
        ).fetchall()
        for run_id, prompt_id in rows:
            found[prompt_id].append(by_id[run_id])
    return dict(found)


def _trainings(con: duckdb.DuckDBPyConnection) -> list[Training]:
    rows = con.execute("""
        SELECT run_id::VARCHAR, method, dataset || '@' || version, model, model_revision, output, output_revision
        FROM trainings ORDER BY run_id
    """).fetchall()
    return [
        Training(run_id, method, dataset, model, began_with, Path(output).resolve(), ended_with)
        for run_id, method, dataset, model, began_with, output, ended_with in rows
    ]


def _makers(known: Sequence[Training], folder: Path, revision: str | None) -> list[Training]:
    """The trainings whose output a directory is, or one of whose checkpoints.

    By content where that is known: a training that wrote to the same path and ended with something else was
    overwritten. By path otherwise, which includes trainings that never ended.
    """
    same = [one for one in known if revision is not None and one.output_revision == revision]
    place = folder.resolve()
    there = [one for one in known if _is_output(place, one.output) and (one.output_revision is None or not same)]
    return [*same, *(one for one in there if one not in same)]


def _is_output(folder: Path, output: Path) -> bool:
    return folder == output or (output in folder.parents and folder.name.startswith(CHECKPOINT))


def _revision(folder: Path) -> str | None:
    try:
        return content_revision(folder)
    except (NotFoundError, OSError):  # a hub name, or a directory without a model
        return None
