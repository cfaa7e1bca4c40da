"""Answers with people's scores, as SQL: the rows of a data set that a reward model or KTO is trained on.

A dimension is what an answer is scored in. It is a scorer (a person, or a file's scores), or a column with numbers.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import duckdb

from datakit import datasets
from datakit.datasets import Dataset
from schemas.errors import ConfigError, did_you_mean

PREFIX = "score/"
"""Before a dimension's name, in the column of its scores."""


@dataclass(frozen=True, slots=True)
class _Dimension:
    """A query for candidate_id and value."""

    name: str
    query: str
    given: dict[str, object]


def create_labelled(con: duckdb.DuckDBPyConnection, dataset: Dataset, dimensions: Sequence[str]) -> tuple[str, ...]:
    """Make the table `exported` (as trl_rows.create_exported does) of the answers that have a score.

    Beside row, id, prompt_id and candidate_id it has a DOUBLE column for each dimension, `PREFIX` before its name, null
    where an answer lacks it.

    Args:
        con: the store.
        dataset: examples, a selection, or prompts whose answers people reviewed.
        dimensions: names of scorers or of columns; empty: the scorers that the data set's own file brought, or, where
            it brought none, all people who scored its answers.

    Returns:
        The dimensions' names.

    Raises:
        ConfigError: nobody scored its answers, a dimension is unknown, or a score is no finite number.
    """
    _create_answers(con, dataset)
    found = [_dimension(con, dataset, name) for name in dimensions or _scorer_names(con, dataset)]
    con.execute("CREATE OR REPLACE TEMP TABLE said (candidate_id UUID, name VARCHAR, value DOUBLE)")
    for one in found:
        con.execute(
            f"INSERT INTO said SELECT candidate_id, $name, value FROM ({one.query})", {"name": one.name} | one.given
        )
    _refuse_unusable(con, dataset, [one.name for one in found])
    columns = ", ".join(f"max(value) FILTER (name = ?) AS {quoted(PREFIX + one.name)}" for one in found)
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE exported AS
        SELECT row_number() OVER (ORDER BY place NULLS LAST, prompt_id, candidate_id) AS row, candidate_id AS id, *
        FROM (SELECT prompt_id, candidate_id, place FROM answers)
            JOIN (SELECT candidate_id, {columns} FROM said GROUP BY candidate_id) USING (candidate_id)
        """,
        [one.name for one in found],
    )
    return tuple(one.name for one in found)


def quoted(name: str) -> str:
    """A name as SQL takes it, whatever it holds."""
    return '"' + name.replace('"', '""') + '"'


def _create_answers(con: duckdb.DuckDBPyConnection, dataset: Dataset) -> None:
    """The table `answers`: the data set's candidates, their columns, and the place of their prompts."""
    source = _source(con, dataset)
    chosen = "SEMI JOIN (FROM selections WHERE dataset = $name AND version = $version) USING (candidate_id)"
    con.execute(
        f"""
        CREATE OR REPLACE TEMP TABLE answers AS
        SELECT prompt_id, candidate_id, min(columns::VARCHAR)::JSON AS columns, min(place) AS place
        FROM dataset_candidates {chosen if dataset.kind == "selection" else ""} LEFT JOIN (
            SELECT prompt_id, min(line) AS place FROM members
            WHERE dataset = $source AND version = $source_version GROUP BY prompt_id
        ) USING (prompt_id)
        WHERE dataset = $source AND version = $source_version GROUP BY prompt_id, candidate_id
        """,
        {"source": source.name, "source_version": source.version}
        | ({"name": dataset.name, "version": dataset.version} if dataset.kind == "selection" else {}),
    )


def _source(con: duckdb.DuckDBPyConnection, dataset: Dataset) -> Dataset:
    """The data set whose answers they are: its own, or those that a selection was made of.

    Raises:
        ConfigError: it is a set of pairs.
    """
    if dataset.kind == "pairs":
        raise ConfigError(
            f"{dataset} holds pairs, not scored answers; name the data set that they were built from"
            f" ({dataset.config.get('source', 'its source')})"
        )
    return (
        datasets.find(con, str(dataset.config.get("source", ""))) or dataset if dataset.kind == "selection" else dataset
    )


def _scorers(con: duckdb.DuckDBPyConnection) -> dict[str, list[str]]:
    """People and files that scored one of the answers: ids by name. Flags of a review are no scores."""
    rows = con.execute("""
        SELECT r.name, list(DISTINCT r.scorer_id::VARCHAR) FROM scorers r JOIN scores s USING (scorer_id)
        WHERE r.kind IN ('human', 'imported') AND s.status = 'ok' AND NOT ends_with(r.name, ': flag')
            AND s.candidate_id IN (SELECT candidate_id FROM answers)
        GROUP BY r.name ORDER BY r.name
    """).fetchall()
    return dict(rows)


def _own(con: duckdb.DuckDBPyConnection, dataset: Dataset) -> dict[str, str]:
    """Scorers that the data set's file brought, by name."""
    return dict(_source(con, dataset).config.get("scorers", {}))


def _scorer_names(con: duckdb.DuckDBPyConnection, dataset: Dataset) -> list[str]:
    found, own = _scorers(con), _own(con, dataset)
    return [name for name, ids in found.items() if own.get(name) in ids] or list(found)


def _dimension(con: duckdb.DuckDBPyConnection, dataset: Dataset, name: str) -> _Dimension:
    """How a dimension is found.

    Raises:
        ConfigError: the data set has neither a scorer nor a column of that name.
    """
    scorers = _scorers(con)
    if name in scorers:
        own = _own(con, dataset).get(name)
        ids = [own] if own in scorers[name] else scorers[name]  # others of that name may score in another unit
        query = """
            SELECT candidate_id, arg_max(value, coalesce(started_at, TIMESTAMP '1970-01-01')) AS value
            FROM scores LEFT JOIN runs USING (run_id)
            WHERE scorer_id::VARCHAR IN (SELECT unnest($ids::VARCHAR[])) AND scores.status = 'ok'
                AND candidate_id IN (SELECT candidate_id FROM answers)
            GROUP BY candidate_id
        """
        return _Dimension(name, query, {"ids": ids})
    columns = {row[0] for row in con.execute("SELECT DISTINCT unnest(json_keys(columns)) FROM answers").fetchall()}
    if name not in columns:
        raise ConfigError(
            f"{dataset} has no dimension {name!r}, neither a scorer nor a column; "
            f"{did_you_mean(name, sorted({*scorers, *columns}))}"
        )
    pointer = "/" + name.replace("~", "~0").replace("/", "~1")
    query = """
        SELECT candidate_id, try_cast(json_extract_string(columns, $pointer) AS DOUBLE) AS value FROM answers
        WHERE json_extract_string(columns, $pointer) IS NOT NULL
    """
    return _Dimension(name, query, {"pointer": pointer})


def _refuse_unusable(con: duckdb.DuckDBPyConnection, dataset: Dataset, names: Sequence[str]) -> None:
    """Raises:
    ConfigError: a dimension has no scores, or one that is no finite number.
    """
    rows = con.execute("""
        SELECT name, count(*), count(*) FILTER (value IS NULL OR NOT isfinite(value)) FROM said GROUP BY name
    """).fetchall()
    found = {name: (many, bad) for name, many, bad in rows}
    for name, (many, bad) in found.items():
        if bad:
            raise ConfigError(
                f"{dataset}: {bad:,} of {many:,} scores of {name!r} are not finite numbers; "
                "correct them and ingest again"
            )
    missing = [name for name in names if name not in found]
    if missing or not names:
        what = f"no scores of {missing[0]!r}" if missing else "no answers that a person or a file scored"
        raise ConfigError(
            f"{dataset} holds {what}; ingest answers with a score (instruction, response, score) or a label, "
            "rate some with `datakit review`, or train on pairs"
        )
