"""How a report reaches a person or a machine; the options that every command has."""

import os
import sys
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import typer
from pydantic import Field
from rich.console import Console
from rich.markup import escape
from rich.table import Table as RichTable

from datakit.cli.bind import options_from_models
from schemas.base import Frozen
from schemas.identity import canonical_json
from schemas.report import Report, Table, counted

PIPED = 160
"""Columns where nothing says how many there are (a file, a pipe): rows stay whole, for grep and for logs."""


class Session(Frozen):
    """Options of every command."""

    store_path: Path = Field(Path("datakit.duckdb"), alias="store", json_schema_extra={"env": "DATAKIT_STORE"})
    """The store: one DuckDB file."""
    json_output: bool = Field(False, alias="json")
    """Print the report as JSON."""
    verbose: bool = False
    """Show tracebacks and the logs of the libraries."""


def prints_reports(function: Callable[..., Report | Iterable[Report]]) -> Callable[..., None]:
    """Decorate a command: spread its option models, print each report as it comes, exit with the highest code."""
    bound = options_from_models(function)

    def wrapper(**given: Any) -> None:
        result = bound(**given)
        reports = [result] if isinstance(result, Report) else result
        printed = _print_json(reports) if given["json_output"] else _print(reports)
        raise typer.Exit(max(report.exit_code for report in printed))

    wrapper.__signature__ = bound.__signature__  # type: ignore[attr-defined]
    wrapper.__annotations__ = bound.__annotations__
    return wrapper


def _print_json(reports: Iterable[Report]) -> list[Report]:
    """One document: the report, or a list where a command ran several stages."""
    done = list(reports)
    documents = [report.model_dump(mode="json") for report in done]
    sys.stdout.write(canonical_json(documents[0] if len(documents) == 1 else documents) + "\n")
    return done


def _print(reports: Iterable[Report]) -> list[Report]:
    terminal = sys.stdout.isatty()
    known = terminal or "COLUMNS" in os.environ
    console = Console(highlight=False, soft_wrap=not terminal, width=None if known else PIPED)
    done = []
    for report in reports:
        _print_report(console, report)
        done.append(report)
    return done


def _print_report(console: Console, report: Report) -> None:
    target = f" {report.dataset}@{report.version}" if report.dataset and report.version else ""
    shown = {name: value for name, value in report.counts.items() if value} or report.counts
    counts = ", ".join(counted(value, name) for name, value in shown.items())
    if target or counts:
        console.print(f"[bold]{escape(report.stage)}[/bold]{escape(target)}  {escape(counts)}".rstrip())
    if report.output:
        what = f"nothing changed in {report.output}" if report.unchanged else f"wrote {report.output}"
        console.print(f"  {escape(what)}")
    if report.reasons:
        dropped = ", ".join(f"{name} {value:,}" for name, value in sorted(report.reasons.items(), key=lambda x: -x[1]))
        console.print(f"  dropped: {escape(dropped)}")
    for note in report.notes:
        console.print(f"  {escape(note)}")
    for table in report.tables:
        console.print(_rich(table) if table.rows or not table.empty else escape(f"{table.title}: {table.empty}"))


def _rich(table: Table) -> RichTable:
    rich = RichTable(title=table.title, title_justify="left", title_style="bold", show_lines=_is_long(table))
    for index, name in enumerate(table.columns):
        numeric = all(isinstance(row[index], int | float) or row[index] is None for row in table.rows)
        rich.add_column(name, justify="right" if numeric else "left", overflow="fold")
    for row in table.rows:
        rich.add_row(*(escape(_cell(value)) for value in row))
    return rich


def _is_long(table: Table) -> bool:
    return any(isinstance(value, str) and len(value) > 200 for row in table.rows for value in row)


def _cell(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, float):
        return f"{value:.4g}"
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
