"""What the tables of `show` are made of: queries as tables, texts cut to a cell's length."""

import json
from collections.abc import Sequence
from typing import Any

import duckdb

from schemas.report import Table

LONGEST_CELL = 1200
"""Characters of a text that a table shows."""


def query_table(
    con: duckdb.DuckDBPyConnection, title: str, query: str, values: Sequence[Any] = (), *, empty: str = ""
) -> Table:
    """The rows of a query under its own column names; `empty` is said if there are none."""
    result = con.execute(query, list(values))
    columns = tuple(column[0] for column in result.description or ())
    rows = tuple(tuple(clip(value) for value in row) for row in result.fetchall())
    return Table(title=title, columns=columns, rows=rows, empty=empty)


def last_turn(messages: str) -> str:
    """The text of the last of these turns, which are JSON."""
    turns = json.loads(messages)
    return text_of(turns[-1].get("content")) if turns else ""


def text_of(content: object) -> str:
    """A turn's content or a setting as text: itself, or JSON where it is more than a text."""
    return content if isinstance(content, str) else json.dumps(content, ensure_ascii=False)


def clip(value: Any, length: int = LONGEST_CELL) -> Any:
    """The value, a long text cut."""
    return f"{value[:length]} ..." if isinstance(value, str) and len(value) > length else value


def reward_text(value: float | None) -> str:
    """A reward; a pair that people judged has none."""
    return "human" if value is None else f"{value:.4g}"
