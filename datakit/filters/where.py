"""Keep the rows for which an SQL condition holds."""

import re
from typing import ClassVar

import duckdb
import polars as pl
from pydantic import Field

from datakit.filter import DROPPED, Filter
from schemas.errors import ConfigError

_PATH = re.compile(r"\bcolumns(?:\s*->>?\s*(?:'(?:[^']|'')*'|\d+))+")
"""A path into the columns. For DuckDB `->>` binds weaker than `=`, which surprises everybody, so these get brackets."""
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
            try:
                judged = con.execute(f"SELECT row, ({condition}\n)::BOOLEAN AS holds FROM example").pl()
            except duckdb.Error as error:
                said = " ".join(str(error).split("\n\n", 1)[0].split("\n", 1)[0].split())
                raise ConfigError(f"where {self.sql!r}: {said}; {_known(con)}") from error
        poor = judged.filter(~pl.col("holds").fill_null(False))
        value = pl.col("holds").cast(pl.String).fill_null("null")
        return poor.select(pl.col("row").cast(DROPPED["row"]), value=value, like=pl.lit(None, DROPPED["like"]))

    def allowed(self) -> str:
        """See the base class."""
        return self.sql


def _known(con: duckdb.DuckDBPyConnection) -> str:
    """The columns that there are, in words."""
    found = con.execute("SELECT DISTINCT unnest(json_keys(columns)) AS key FROM example ORDER BY key").fetchall()
    keys = ", ".join([key for (key,) in found[:NAMED]] + ["..."] * (len(found) > NAMED))
    return f"there are {', '.join(Where.reads)}, and in columns: {keys or 'nothing'}"
