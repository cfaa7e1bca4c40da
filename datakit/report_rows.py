"""What the page about an SFT set is made of, read from the store in one go: answers, ledger, examples."""

import json
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import duckdb
import polars as pl

from datakit import datasets
from datakit.datasets import Dataset
from datakit.show_cells import last_turn
from schemas.errors import ConfigError

EXAMPLES = 5
"""Rows that are shown for each reason, and for each repair."""
LONGEST = 700
"""Characters of a text that are shown."""

_ANSWERS = """
    SELECT c.text AS output, m.before, m.after FROM (
        SELECT candidate_id, (count(*) FILTER (dataset = $before AND version = $before_version))::UINTEGER AS before,
            (count(*) FILTER (dataset = $after AND version = $after_version))::UINTEGER AS after
        FROM members WHERE (dataset = $before AND version = $before_version)
            OR (dataset = $after AND version = $after_version) GROUP BY candidate_id
    ) m JOIN candidates c ON c.candidate_id = m.candidate_id
"""
_LEDGER = """
    CREATE TEMP TABLE gone AS
    SELECT (d->>'step')::INTEGER AS step, (d->>'row')::UINTEGER AS row, reason, d->>'value' AS value,
        d->>'allowed' AS allowed, (d->>'like')::UUID AS "like", (d->>'like_row')::UINTEGER AS like_row, item_id, line
    FROM (SELECT *, detail::JSON AS d FROM ledger WHERE run_id = ? AND reason != 'repaired')
"""
_REFUSED = """
    CREATE TEMP TABLE gone AS
    SELECT (dense_rank() OVER (ORDER BY reason) - 1)::INTEGER AS step,
        row_number() OVER (ORDER BY source, line, detail, raw) AS row, reason, detail AS value, raw, item_id, line
    FROM ledger WHERE run_id = ?
"""
_CLUSTERS = """
    SELECT step, size::UINTEGER AS size, count(*)::UINTEGER AS clusters FROM (
        SELECT step, like_row, count(*) + 1 AS size FROM gone WHERE like_row IS NOT NULL GROUP BY step, like_row
    ) GROUP BY step, size ORDER BY step, size
"""
_TEXTS = """
    (SELECT {{'messages': p.messages, 'output': left(c.text, {clip}), 'length': length(c.text)}}
    FROM candidates c JOIN prompts p ON p.prompt_id = c.prompt_id WHERE c.candidate_id = g.{id} LIMIT 1)
"""
_DROPPED = f"""
    SELECT step, line, value, {_TEXTS.format(id="item_id", clip=LONGEST)}, {_TEXTS.format(id='"like"', clip=LONGEST)}
    FROM (FROM gone QUALIFY row_number() OVER (PARTITION BY step ORDER BY row) <= {EXAMPLES}) g ORDER BY step, row
"""
_UNREAD = f"""
    SELECT step, line, value, {{'messages': NULL, 'output': left(raw, {LONGEST}), 'length': length(raw)}}, NULL
    FROM (FROM gone QUALIFY row_number() OVER (PARTITION BY step ORDER BY row) <= {EXAMPLES}) ORDER BY step, row
"""
_REPAIRED = f"""
    SELECT d->>'repair' AS repair, line, (d->>'part')::INTEGER < 0, d->>'before', d->>'after'
    FROM (SELECT line, detail::JSON AS d FROM ledger WHERE run_id = ? AND reason = 'repaired')
    QUALIFY row_number() OVER (PARTITION BY repair ORDER BY (d->>'row')::UINTEGER, (d->>'part')::INTEGER) <= {EXAMPLES}
    ORDER BY repair, (d->>'row')::UINTEGER, (d->>'part')::INTEGER
"""


@dataclass(frozen=True, slots=True)
class Shown:
    """A row as the page shows it."""

    prompt: str | None
    """Its last turn; None where the row was never understood."""
    turns: int
    """Turns of the prompt."""
    output: str
    """The beginning of the answer."""
    length: int
    """Characters of the whole answer."""


@dataclass(frozen=True, slots=True)
class Example:
    """A row that went."""

    line: int | None
    """Where it stands in its file."""
    value: str | None
    """What was measured."""
    row: Shown | None
    like: Shown | None
    """The row that it is like."""


@dataclass(frozen=True, slots=True)
class Change:
    """What a repair did to a text."""

    line: int | None
    of_answer: bool
    """The text is the answer's, not the prompt's."""
    before: str
    after: str


@dataclass(frozen=True)
class Facts:
    """Everything about a set that is in the store."""

    dataset: Dataset
    source: Dataset | None
    """What it was cleaned from, if it is still there."""
    finished: datetime | None
    """When it was made (UTC)."""
    answers: pl.DataFrame
    """output, before, after: each answer, and in how many rows it is in the source and in the set."""
    went: pl.DataFrame
    """step, reason, allowed, rows: what each step dropped; of an ingested file, each reason is a step."""
    clusters: pl.DataFrame
    """step, size, clusters: rows that are alike, the one that stays included."""
    repaired: dict[str, int]
    """By repair: rows that it changed; all of them under the empty name."""
    examples: dict[int, list[Example]]
    """By step."""
    changes: dict[str, list[Change]]
    """By repair, in their order."""

    @property
    def cleaned(self) -> bool:
        """Whether `datakit clean` made it."""
        return is_cleaned(self.dataset)

    @property
    def lost_source(self) -> str | None:
        """Name of the set that it was cleaned from, if this was dropped since."""
        return str(self.dataset.config["source"]) if self.cleaned and self.source is None else None

    @property
    def series(self) -> tuple[str, ...]:
        """Columns of `answers` that are compared."""
        return ("before", "after") if self.source else ("after",)

    def counts(self) -> dict[str, int]:
        """rows = kept + dropped; of a set that was not cleaned, what it has and what was refused."""
        kept, gone = int(self.answers["after"].sum()), int(self.went["rows"].sum())
        if not self.cleaned:
            return {"rows": kept, "refused": gone}
        return {"rows": kept + gone, "kept": kept, "dropped": gone, "repaired": self.repaired.get("", 0)}


def is_cleaned(dataset: Dataset) -> bool:
    """Whether `datakit clean` made it."""
    return "filters" in dataset.config and "repairs" in dataset.config


def read_facts(con: duckdb.DuckDBPyConnection, name: str) -> Facts:
    """Read what the page needs.

    Raises:
        NotFoundError: there is no such data set.
        ConfigError: it is not a set of prompts with their answers.
    """
    dataset = datasets.get(con, name)
    if dataset.kind != "examples":
        raise ConfigError(
            f"{dataset} is a {dataset.kind} set; report describes sets of prompts with answers, "
            f"as ingest and clean make them; `datakit show {dataset}` describes this one"
        )
    cleaned = is_cleaned(dataset)
    source = datasets.find(con, dataset.config["source"]) if cleaned else None
    con.execute(_LEDGER if cleaned else _REFUSED, [dataset.run_id])
    return Facts(
        dataset=dataset,
        source=source,
        finished=_finished(con, dataset),
        answers=_answers(con, source, dataset),
        went=_went(con, cleaned),
        clusters=con.execute(_CLUSTERS).pl() if cleaned else pl.DataFrame(schema={"step": pl.Int32}),
        repaired=_repaired(con, dataset),
        examples=_examples(con, _DROPPED if cleaned else _UNREAD),
        changes=_changes(con, dataset),
    )


def _finished(con: duckdb.DuckDBPyConnection, dataset: Dataset) -> datetime | None:
    row = con.execute("SELECT coalesce(finished_at, started_at) FROM runs WHERE run_id = ?", [dataset.run_id])
    found = row.fetchone()
    return found[0] if found else None


def _answers(con: duckdb.DuckDBPyConnection, source: Dataset | None, dataset: Dataset) -> pl.DataFrame:
    before = (source.name, source.version) if source else (None, None)
    names = {"before": before[0], "before_version": before[1], "after": dataset.name, "after_version": dataset.version}
    found: pl.DataFrame = con.execute(_ANSWERS, names).pl()
    return found


def _went(con: duckdb.DuckDBPyConnection, cleaned: bool) -> pl.DataFrame:
    allowed = "any_value(allowed)" if cleaned else "NULL::VARCHAR"
    found: pl.DataFrame = con.execute(f"""
        SELECT step, any_value(reason) AS reason, {allowed} AS allowed, count(*)::UINTEGER AS rows
        FROM gone GROUP BY step ORDER BY step
    """).pl()
    return found


def _repaired(con: duckdb.DuckDBPyConnection, dataset: Dataset) -> dict[str, int]:
    found = con.execute(
        """
        SELECT coalesce(detail->>'repair', '') AS repair, count(DISTINCT (detail->>'row'))
        FROM (SELECT detail::JSON AS detail FROM ledger WHERE run_id = ? AND reason = 'repaired')
        GROUP BY GROUPING SETS ((detail->>'repair'), ())
        """,
        [dataset.run_id],
    )
    return dict(found.fetchall())


def _examples(con: duckdb.DuckDBPyConnection, query: str) -> dict[int, list[Example]]:
    found: dict[int, list[Example]] = {}
    for step, line, value, row, like in con.execute(query).fetchall():
        found.setdefault(step, []).append(Example(line, value, _shown(row), _shown(like)))
    return found


def _shown(texts: dict[str, Any] | None) -> Shown | None:
    if texts is None or texts["output"] is None:
        return None
    messages = texts["messages"]
    prompt = None if messages is None else last_turn(messages)
    return Shown(prompt, len(json.loads(messages or "[]")), texts["output"], texts["length"])


def _changes(con: duckdb.DuckDBPyConnection, dataset: Dataset) -> dict[str, list[Change]]:
    found: dict[str, list[Change]] = {step["name"]: [] for step in dataset.config.get("repairs", [])}
    for repair, line, of_answer, before, after in con.execute(_REPAIRED, [dataset.run_id]).fetchall():
        found.setdefault(repair, []).append(Change(line, of_answer, before, after))
    return {repair: changes for repair, changes in found.items() if changes}
