"""SQL on the store, for people and scripts."""

import duckdb

from datakit.store import Store
from schemas.errors import UserError
from schemas.report import Report, Table, counted


def sql(query: str, *, store: Store, write: bool = False, limit: int = 100) -> Report:
    """Run statements; the report has the last one's first `limit` rows. With `write`, all in one transaction.

    Raises:
        UserError: DuckDB refused a statement; the message is DuckDB's own.
    """
    with store.write() if write else store.read() as con:
        try:
            result = con.execute(query)
            if result is None:  # nothing but white space or a comment
                raise UserError("the query is empty")
            columns = tuple(column[0] for column in result.description or ())
            rows = result.fetchmany(limit + 1)
        except duckdb.Error as error:
            raise UserError(_explained(error, write)) from error
    shown = tuple(tuple(_plain(value) for value in row) for row in rows[:limit])
    notes = (f"only the first {counted(limit, 'rows')}; --limit shows more",) if len(rows) > limit else ()
    tables = (Table(title="", columns=columns, rows=shown),) if columns else ()
    return Report(stage="sql", counts={"rows": len(shown)}, notes=notes, tables=tables)


def _explained(error: duckdb.Error, write: bool) -> str:
    text = str(error)
    if not write and "read-only" in text:
        return f"{text}; --write allows statements that change the store"
    return text


def _plain(value: object) -> object:
    return value if isinstance(value, str | int | float | None) else str(value)
