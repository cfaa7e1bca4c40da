"""Conditions on a prompt's columns (rewards/condition.py) as SQL, and the check that such columns exist."""

import duckdb

from datakit.datasets import Dataset
from datakit.inputs import column_exists, columns_of, pointer
from rewards.condition import Condition, Plain, Test, columns_named
from rewards.scorer import Scorer
from schemas.errors import RuleError, did_you_mean

_NUMBERS = "('UBIGINT', 'BIGINT', 'UHUGEINT', 'HUGEINT', 'DOUBLE')"


def condition_sql(condition: Condition, columns: str) -> str:
    """Whether a condition holds, as SQL that is true or false.

    Args:
        condition: the condition.
        columns: SQL of the columns, a JSON object or null.
    """
    return " AND ".join(f"({_test_sql(test, columns)})" for test in condition.tests) or "true"


def _test_sql(test: Test, columns: str) -> str:
    value = f"({columns}->{pointer(test.column)})"
    if not test.values:
        there = f"coalesce(json_type({value}), 'NULL') != 'NULL'"
        return there if test.exists else f"NOT {there}"
    one_of = " OR ".join(_equals(wanted) for wanted in test.values)
    found = f"if(json_type({value}) = 'ARRAY', ({value})::JSON[], [{value}])"
    return f"coalesce(len(list_filter({found}, lambda v: coalesce({one_of}, false))) > 0, false)"


def _equals(wanted: Plain) -> str:
    if isinstance(wanted, bool):
        return f"(json_type(v) = 'BOOLEAN' AND (v->>'$') = '{str(wanted).lower()}')"
    if isinstance(wanted, str):
        return f"(json_type(v) = 'VARCHAR' AND (v->>'$') = {_text(wanted)})"
    return f"(json_type(v) IN {_NUMBERS} AND try_cast(v->>'$' AS DOUBLE) = '{float(wanted)!r}'::DOUBLE)"


def _text(value: str) -> str:
    return "'" + value.replace("'", "''") + "'"


def check_condition(con: duckdb.DuckDBPyConnection, dataset: Dataset, scorer: Scorer) -> None:
    """Check that some row of the data set has the columns that a scorer's condition asks the values of.

    Misspelt, the condition would hold nowhere, and nobody would see that the scorer is never run.

    Raises:
        RuleError: none has.
    """
    for column in sorted(columns_named([scorer.when])):
        if not column_exists(con, dataset, column):
            raise RuleError(
                f"scorer {scorer.name} asks for the column {column!r} (when), which data set {dataset} does not have; "
                f"{did_you_mean(column, columns_of(con, dataset))}"
            )
