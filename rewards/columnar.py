"""The columnar form of a rule: a Polars expression over whole columns, in this process, without a clock.

The value of a row must depend on that row alone: how many rows are evaluated together is not promised. An expression
that looks at other rows is refused.
"""

from collections.abc import Callable, Iterator
from functools import lru_cache
from math import isclose, isfinite
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.compute as pc

from rewards.admission import admit, is_json
from rewards.calls import ERROR, OK, SKIP, Failure
from rewards.judged import STATUSES, Judged, block, same
from rewards.scorer import Scorer
from schemas.errors import RuleError


def judge(scorer: Scorer, inputs: pa.Table) -> Iterator[Judged]:
    """Judge rows. An evaluation that fails is halved until the row is found.

    Raises:
        RuleError: the rule gives no expression, or one without a number or a bool for each row, or one whose values
            depend on other rows.
    """
    table, rows, skipped = admit(scorer, inputs)
    yield from skipped
    if not len(rows):
        return
    expression, frame = _expression(scorer, table), _frame(scorer, table)
    parts, tried = [(0, len(rows))], False
    while parts:
        low, count = parts.pop()
        part = rows.slice(low, count)
        found = _attempt(frame.slice(low, count).select, expression)
        if not isinstance(found, Failure):
            judged = _read(scorer, part, found.to_series())
            if count > 1 and not tried:
                _try_alone(scorer, expression, frame.slice(low, count), judged.value)
                tried = True
            yield judged
        elif count == 1:
            yield same(part, ERROR, found.reason)
        else:
            parts += [(low + count // 2, count - count // 2), (low, count // 2)]


def _attempt(function: Callable[..., Any], *given: Any, **named: Any) -> Any:
    """Call foreign code; what it raises comes back as a `Failure`. Ctrl-C reaches this process, so it passes."""
    try:
        return function(*given, **named)
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # noqa: BLE001  (Polars' panics are no Exceptions)
        return Failure(error)


def _expression(scorer: Scorer, table: pa.Table) -> pl.Expr:
    rule, given = scorer.rule, {}
    for wanted in rule.inputs:
        if wanted.name in scorer.constants:
            given[wanted.name] = pl.lit(scorer.constants[wanted.name])
        elif wanted.name in table.column_names:
            column = pl.col(wanted.name)
            given[wanted.name] = column if wanted.required or wanted.nullable else column.fill_null(wanted.default)
    made: Any = _attempt(rule.function, **given, **scorer.options)
    if isinstance(made, Failure):
        raise RuleError(f"rule {scorer.name} gives no expression: {made.reason}")
    if not isinstance(made, pl.Expr):
        raise RuleError(f"rule {scorer.name} returned {type(made).__name__}; a columnar rule returns a polars Expr")
    return made


def _frame(scorer: Scorer, table: pa.Table) -> pl.DataFrame:
    """The columns that the rule reads; JSON ones with the type that all their rows have."""
    read = [i.name for i in scorer.rule.inputs if i.name in table.column_names]
    columns = []
    for name in read or table.column_names[:1]:
        column = pl.Series(name, table.column(name))
        if is_json(table, name):
            decoded: Any = _attempt(column.str.json_decode, infer_schema_length=None)
            if isinstance(decoded, Failure):
                raise RuleError(
                    f"rule {scorer.name} is columnar, and the values of {name!r} have no common type; "
                    f"write it as a per-row rule ({decoded.reason})"
                )
            column = decoded
        columns.append(column)
    return pl.DataFrame(columns)


def _read(scorer: Scorer, rows: pa.Array, values: pl.Series) -> Judged:
    """Null is skip; NaN and infinities are errors."""
    if len(values) != len(rows):
        raise RuleError(
            f"rule {scorer.name} gave {len(values)} values for {len(rows)} rows; is there an aggregate in it?"
        )
    if not (values.dtype.is_numeric() or values.dtype in (pl.Boolean, pl.Null)):
        raise RuleError(f"rule {scorer.name} gave values of type {values.dtype}; a rule gives numbers or booleans")
    value = values.to_arrow()
    if value.type != pa.float64():
        value = value.cast(pa.float64())
    if not value.null_count and isfinite(pc.sum(value).as_py()):
        status, reason, seconds = _all_ok(len(rows))
        return Judged(rows, status, value, reason, seconds)
    finite = pc.is_finite(value)
    codes = pc.fill_null(pc.if_else(finite, OK, ERROR), SKIP).cast(pa.int8())
    infinite = pc.if_else(pc.greater(value, 0.0), "returned inf", "returned -inf")
    reason = pc.if_else(finite, "", pc.if_else(pc.is_nan(value), "returned nan", infinite))
    return block(rows, codes, value, pc.fill_null(reason, ""), pa.nulls(len(rows), pa.float64()))


def _try_alone(scorer: Scorer, expression: pl.Expr, frame: pl.DataFrame, value: pa.Array) -> None:
    """Judge two rows again, each alone: those of the smallest and the largest value, which an aggregate tells apart."""
    values = pl.Series(value)
    extremes = {values.arg_min(), values.arg_max()}
    for row in (place for place in extremes if place is not None):
        found = _attempt(frame.slice(row, 1).select, expression)
        alone = None if isinstance(found, Failure) else found.to_series().cast(pl.Float64)[0]
        if alone is None or not isclose(alone, values[row]):
            raise RuleError(
                f"rule {scorer.name} gives a row {values[row]:g} among others and {alone} alone; "
                "is there an aggregate or a window in it (max, rank, shift)?"
            )


@lru_cache(maxsize=4)
def _all_ok(rows: int) -> tuple[pa.Array, pa.Array, pa.Array]:
    """Status, reason and seconds where every row has a value; the same for every vector of a page."""
    codes = pa.repeat(pa.scalar(OK, pa.int8()), rows)
    return pa.DictionaryArray.from_arrays(codes, STATUSES), pa.repeat("", rows), pa.nulls(rows, pa.float64())
