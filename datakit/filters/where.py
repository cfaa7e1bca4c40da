"""Keep the rows for which an SQL condition holds."""

import json
import re
from typing import Any, ClassVar

import duckdb
import polars as pl
from pydantic import Field

from datakit.filter import DROPPED, Filter
from schemas.errors import ConfigError

_PATH = re.compile(r"\bcolumns(?:\s*->>?\s*(?:'(?:[^']|'')*'|\d+))+")
"""A path into the columns. For DuckDB `->>` binds weaker than `=`, which surprises everybody, so these get brackets."""
VOLATILE = {
    "random",
    "setseed",
    "uuid",
    "gen_random_uuid",
    "uuidv4",
    "uuidv7",
    "nextval",
    "now",
    "get_current_timestamp",
}
"""Functions that do not depend on the row."""
NAMED = 12
"""Keys of `columns` that an error names."""


class Where(Filter):
    """Refuses rows for which the condition is false or null.

    The condition is DuckDB's SQL over one row: `prompt`, `output`, `context`, `roles` and `columns`, which is JSON. It
    sees neither files nor other rows.
    """

    reads: ClassVar[tuple[str, ...]] = ("prompt", "output", "context", "roles", "columns")

    sql: str = Field(min_length=1)
    """The condition: `length(output) < 3000 AND columns->>'lang' = 'en'`."""

    def drop(self, rows: pl.DataFrame) -> pl.DataFrame:
        """See the base class.

        Raises:
            ConfigError: the condition is no SQL, names a column that is not there, or fails on a row.
        """
        with duckdb.connect(config={"enable_external_access": False, "autoload_known_extensions": False}) as con:
            con.register("given", rows.with_columns(pl.col("columns").fill_null("{}")))
            con.execute("CREATE TEMP VIEW example AS SELECT * REPLACE (columns::JSON AS columns) FROM given")
            condition = _PATH.sub(r"(\g<0>)", self.sql)
            query = f"SELECT row, ({condition}\n)::BOOLEAN AS holds FROM example"
            try:
                self._check(con, query)
                judged = con.execute(query).pl()
            except duckdb.Error as error:
                said = " ".join(str(error).split("\n\n", 1)[0].split("\n", 1)[0].split())
                raise ConfigError(f"where {self.sql!r}: {said}; {_known(con)}") from error
        poor = judged.filter(~pl.col("holds").fill_null(False))
        value = pl.col("holds").cast(pl.String).fill_null("null")
        return poor.select(pl.col("row").cast(DROPPED["row"]), value=value, like=pl.lit(None, DROPPED["like"]))

    def allowed(self) -> str:
        """See the base class."""
        return self.sql

    def _check(self, con: duckdb.DuckDBPyConnection, query: str) -> None:
        """A condition is one expression over one row: no other rows, no chance, no second query.

        Raises:
            ConfigError: it is more than that.
            duckdb.Error: it is no SQL.
        """
        con.execute(f"EXPLAIN {query}")  # a syntax error is said as DuckDB says it
        tree = json.loads(con.execute("SELECT json_serialize_sql(?)", [query]).fetchall()[0][0])
        nodes = [statement["node"] for statement in tree.get("statements", [])]
        if len(nodes) != 1 or nodes[0]["type"] != "SELECT_NODE" or len(nodes[0]["select_list"]) != 2:
            raise ConfigError(f"where {self.sql!r}: a condition is one expression, this is a query of its own")
        classes, functions = _in_tree(nodes[0]["select_list"])
        if classes & {"SUBQUERY", "WINDOW"}:
            raise ConfigError(f"where {self.sql!r}: a condition looks at one row; subqueries and windows see others")
        if functions & VOLATILE:
            raise ConfigError(
                f"where {self.sql!r}: {', '.join(sorted(functions & VOLATILE))} says something else each time"
            )


def _in_tree(node: Any) -> tuple[set[str], set[str]]:
    """The classes of expressions, and the names of functions, in a part of a parsed query."""
    classes, functions = set[str](), set[str]()
    if isinstance(node, dict):
        classes.add(str(node.get("class")))
        functions.add(str(node.get("function_name")))
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        more_classes, more_functions = _in_tree(inner)
        classes |= more_classes
        functions |= more_functions
    return classes, functions


def _known(con: duckdb.DuckDBPyConnection) -> str:
    """The columns that there are, in words."""
    found = con.execute("SELECT DISTINCT unnest(json_keys(columns)) AS key FROM example ORDER BY key").fetchall()
    keys = ", ".join([key for (key,) in found[:NAMED]] + ["..."] * (len(found) > NAMED))
    return f"there are {', '.join(Where.reads)}, and in columns: {keys or 'nothing'}"
