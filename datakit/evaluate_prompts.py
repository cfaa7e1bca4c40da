"""Which prompts are asked: held-out ones, of a file or of the store, without those that a model was trained on."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import duckdb
import pyarrow as pa

from datakit import datasets
from datakit.datasets import Dataset
from datakit.derived import check_name
from datakit.evaluate_models import Subject
from datakit.groups import create_groups
from datakit.ingest import ingest
from datakit.lineage import Training, trained_prompts, trainings_of
from datakit.run import Run
from datakit.settle import select_rows
from datakit.store import Store
from schemas.errors import ConfigError, InputError, UserError
from schemas.identity import canonical_json, content_id
from schemas.options import GroupOptions, IngestOptions
from schemas.report import counted

SELECTED, UNTRAINED = "heldout", "untrained"
"""Ends of the names of data sets that are made of some prompts of another one."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The prompts of an evaluation."""

    dataset: Dataset
    left_out: dict[str, int]
    """Prompts of the named set that are not asked, by reason."""
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class _Choice:
    """What of a data set is asked."""

    source: Dataset
    kept: list[str]
    """Ids of prompts, in their order."""
    trained: dict[str, list[Training]]
    left_out: dict[str, int]


def find_prompts(source: str, options: IngestOptions, store: Store) -> Dataset:
    """The data set that a name or a file stands for; a file is ingested as it always is.

    With a condition a file becomes a set of its own, `NAME-heldout`: the condition would make a version of NAME, from
    which the next command would draw training data.

    Raises:
        NotFoundError: there is neither.
        InputError: the file cannot be read.
    """
    name, path = source, Path(source)
    if path.exists():
        partial = options.where is not None or options.limit is not None
        if partial and options.name is None:
            options = options.model_copy(update={"name": f"{datasets.name_of(path)}-{SELECTED}"})
        report = ingest(path, options, store=store)
        name = f"{report.dataset}@{report.version}"
    with store.read() as con:
        return datasets.get(con, name)


def choose_prompts(
    source: str, options: IngestOptions, subjects: Sequence[Subject], *, skip_trained: bool, store: Store
) -> Asked:
    """The prompts to ask, as a data set of the store: the named one, or a set of its own if some are left out.

    Args:
        source: a file, or the name of a data set.
        options: how a file is read; condition and limit hold for a data set of the store too.
        subjects: the models; all of them are asked the same.
        skip_trained: leave out what one of them was trained on.
        store: where they are.

    Raises:
        NotFoundError: no such data set or file.
        UserError: a model was trained on some of them, or none is left.
    """
    data = find_prompts(source, options, store)
    if Path(source).exists():  # the file was read by them
        options = IngestOptions()
    with store.read() as con:
        choice = _choose(con, data, options, subjects)
    if not choice.trained and not choice.left_out:
        return Asked(data, {}, ())
    if choice.trained and not skip_trained:
        raise UserError(f"{_say_trained(choice)}; --skip-trained leaves them out")
    if not choice.kept:
        raise UserError(f"no prompt is left: {_say_trained(choice)}; name other prompts")
    notes = (f"left out: {_say_trained(choice)}",) if choice.trained else ()
    return Asked(_shelve(choice, options, store), choice.left_out, notes)


def _choose(
    con: duckdb.DuckDBPyConnection, data: Dataset, options: IngestOptions, subjects: Sequence[Subject]
) -> _Choice:
    create_groups(con, data, GroupOptions())
    entries = con.execute("""
        SELECT d.position AS number, p.messages::VARCHAR AS messages, coalesce(d.columns::VARCHAR, '{}') AS columns,
            prompt_id::VARCHAR AS prompt_id
        FROM dataset_prompts d JOIN prompts p USING (prompt_id) ORDER BY number
    """).to_arrow_table()
    if not entries.num_rows:
        raise UserError(f"{data} is a {data.kind} set without prompts of its own; name a set of prompts")
    selected = _selected(entries, options)
    if not selected:
        raise InputError(f"{data}: none of its {entries.num_rows} prompts satisfies --where {options.where}")
    folders = [folder for subject in subjects for folder in subject.folders]
    trained = trained_prompts(con, trainings_of(con, folders))
    trained = {prompt_id: trained[prompt_id] for prompt_id in selected if prompt_id in trained}
    left_out = {"not_selected": entries.num_rows - len(selected), "trained_prompt": len(trained)}
    return _Choice(
        source=data,
        kept=[prompt_id for prompt_id in selected if prompt_id not in trained],
        trained=trained,
        left_out={reason: number for reason, number in left_out.items() if number},
    )


def _selected(entries: pa.Table, options: IngestOptions) -> list[str]:
    """The prompts that the condition and the limit leave, in their order."""
    if options.where is None:
        found: list[str] = entries.column("prompt_id").to_pylist()
        return found[: options.limit]
    with duckdb.connect() as con:
        con.register("entries", entries)
        select_rows(con, options.where)
        query = "SELECT prompt_id FROM entries SEMI JOIN selected USING (number) ORDER BY number"
        return [row[0] for row in con.execute(query).fetchall()][: options.limit]


def _say_trained(choice: _Choice) -> str:
    """How many prompts were trained on, and by what."""
    runs = Counter(training for found in choice.trained.values() for training in found)
    training, most = max(runs.items(), key=lambda item: (item[1], item[0].run_id))
    other = f", others of {counted(len(runs) - 1, 'other trainings')}" if len(runs) > 1 else ""
    total = len(choice.kept) + len(choice.trained)
    return (
        f"{len(choice.trained):,} of the {counted(total, 'prompts')} of {choice.source} were in the training set of a "
        f"model that is evaluated: {most:,} of {training.output}, {training}{other}"
    )


def _shelve(choice: _Choice, options: IngestOptions, store: Store) -> Dataset:
    """The kept prompts as a data set; the same prompts of the same set are stored once."""
    name = options.name or f"{choice.source.name}-{UNTRAINED if choice.trained else SELECTED}"
    if name == choice.source.name:
        raise ConfigError(f"--as {name} is the set that the prompts are chosen from; choose another name")
    content = content_id([str(choice.source), choice.kept])
    with store.read() as con:
        check_name(con, name, "prompts")
        row = con.execute(
            "SELECT max(version) FROM datasets WHERE name = ? AND (config->>'$.content') = ?", [name, content]
        ).fetchone()
        if row and row[0] is not None:
            return datasets.get(con, f"{name}@{row[0]}")
    config = {
        "source": str(choice.source),
        "content": content,
        "where": options.where,
        "limit": options.limit,
        "left_out": choice.left_out,
    }
    refused = [
        {"reason": "trained_prompt", "detail": f"seen by {trainings[0].output}: {trainings[0]}", "item_id": prompt_id}
        for prompt_id, trainings in choice.trained.items()
    ]
    with Run(store, "evaluate", params={"as": name, **config}, inputs={"dataset": str(choice.source)}) as run:
        with run.transaction() as con:
            version = datasets.next_version(con, name)
            _insert(con, choice, name, version)
            run.ledger(con, refused)
            con.execute(
                "INSERT INTO datasets VALUES (?, ?, 'prompts', ?, ?)",
                [name, version, run.run_id, canonical_json(config)],
            )
        run.counts["kept"] = len(choice.kept)
        run.reasons.update({key: n for key, n in choice.left_out.items() if key == "not_selected"})
    with store.read() as con:
        return datasets.get(con, f"{name}@{version}")


def _insert(con: duckdb.DuckDBPyConnection, choice: _Choice, name: str, version: int) -> None:
    """The kept prompts' first rows, as they are in the set that they come from."""
    con.register("kept", pa.table({"prompt_id": choice.kept}))
    con.execute(
        """
        INSERT INTO members BY NAME
        SELECT $name AS dataset, $version AS version, m.prompt_id, arg_min(m.columns, m.line) AS columns,
            arg_min(m.source, m.line) AS source, min(m.line) AS line
        FROM members m SEMI JOIN (SELECT prompt_id::UUID AS prompt_id FROM kept) USING (prompt_id)
        WHERE m.dataset = $source AND m.version = $source_version GROUP BY m.prompt_id ORDER BY line
        """,
        {
            "name": name,
            "version": version,
            "source": choice.source.name,
            "source_version": choice.source.version,
        },
    )
    con.unregister("kept")
