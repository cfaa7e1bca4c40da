"""Columnar rules: an expression over whole columns, in this process."""

from pathlib import Path

import pyarrow as pa
import pytest

from rewards.engine import RulePool
from rewards.plugins import find_rule
from rewards.scorer import bind
from schemas.errors import RuleError

RULES = Path(__file__).with_name("naughty_rules.py")
POOL = RulePool()


def judge(name: str, inputs: pa.Table, **options: object) -> list[tuple[str, float | None, str]]:
    found = {}
    for block in POOL.judge(bind(find_rule(name, [RULES]), options=options), inputs):
        columns = (block.rows, block.status, block.value, block.reason)
        found |= {row: rest for row, *rest in zip(*(c.to_pylist() for c in columns), strict=True)}
    return [tuple(found[row]) for row in range(len(inputs))]


def test_booleans_are_numbers_and_options_reach_the_rule() -> None:
    assert judge("columnar", pa.table({"completion": ["a", "abc"]}), least=2) == [("ok", 0.0, ""), ("ok", 1.0, "")]


def test_null_skips_and_nan_and_infinity_are_errors() -> None:
    inputs = pa.table({"completion": ["1.5", None, "nan", "inf", "-inf"]})
    assert judge("columnar_parse", inputs) == [
        ("ok", 1.5, ""),
        ("skip", None, "no completion"),
        ("error", None, "returned nan"),
        ("error", None, "returned inf"),
        ("error", None, "returned -inf"),
    ]


def test_a_failed_evaluation_is_halved_until_the_row_is_found() -> None:
    texts = ["1"] * 100
    texts[17] = texts[80] = "one"
    found = judge("columnar_parse", pa.table({"completion": texts}))
    assert [row for row, (status, _, _) in enumerate(found) if status == "error"] == [17, 80]
    assert all(reason.startswith("InvalidOperationError") for status, _, reason in found if status == "error")
    assert sum(status == "ok" for status, _, _ in found) == 98


def test_columns_of_the_data_set_are_read_and_defaults_fill_nulls() -> None:
    fields = [pa.field("completion", pa.string())]
    fields += [pa.field(name, pa.string(), metadata={b"encoding": b"json"}) for name in ("keywords", "weight")]
    columns = [["x", "y", "z"], ['["a","b"]', "null", '["c"]'], ["2", "2", None]]
    inputs = pa.table(columns, schema=pa.schema(fields))
    expected = [("ok", 4.0, ""), ("skip", None, "no keywords"), ("ok", 3.0, "")]
    assert judge("columnar_keywords", inputs) == expected
    assert judge("columnar_keywords", inputs.drop_columns(["weight"])) == [("ok", 6.0, ""), expected[1], expected[2]]


def test_rows_without_a_value_leave_nothing_for_the_next_input() -> None:
    fields = [pa.field("completion", pa.string()), pa.field("keywords", pa.string(), metadata={b"encoding": b"json"})]
    inputs = pa.table([[None, None], ['["a"]', "null"]], schema=pa.schema(fields))
    assert judge("columnar_keywords", inputs) == [("skip", None, "no completion")] * 2
    scorer = bind(find_rule("columnar_keywords", [RULES]))
    assert [len(block) for block in POOL.judge(scorer, inputs)] == [2]


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("columnar_sum", "gave 1 values for 3 rows"),
        ("columnar_text", "gave values of type String"),
        ("columnar_nothing", "returned NoneType; a columnar rule returns a polars Expr"),
    ],
)
def test_an_expression_that_gives_no_number_a_row_is_refused(name: str, message: str) -> None:
    with pytest.raises(RuleError, match=message):
        judge(name, pa.table({"completion": ["a", "b", "c"]}))


@pytest.mark.parametrize("name", ["columnar_share", "columnar_rank", "columnar_longer"])
@pytest.mark.parametrize("texts", [["a", "abc", "ab"], ["abc", "a", None], ["abc", "abc", "a"]])
def test_an_expression_that_looks_at_other_rows_is_refused(name: str, texts: list[str | None]) -> None:
    with pytest.raises(RuleError, match=f"rule {name} gives a row .* among others and .* alone"):
        judge(name, pa.table({"completion": texts}))


def test_a_column_without_one_type_is_refused() -> None:
    fields = [pa.field("completion", pa.string()), pa.field("keywords", pa.string(), metadata={b"encoding": b"json"})]
    inputs = pa.table([["x", "y"], ['{"a":1}', '"a"']], schema=pa.schema(fields))
    with pytest.raises(RuleError, match="have no common type"):
        judge("columnar_keywords", inputs)


def test_an_empty_table_gives_nothing() -> None:
    assert judge("columnar", pa.table({"completion": pa.array([], pa.string())})) == []
