"""What holds for every filter that looks at rows alone, whatever the rows are."""

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datakit.filter import COLUMNS, DROPPED, Filter, RowFilter
from datakit.filters.harmful_words import HarmfulWords
from datakit.filters.language import Language
from datakit.filters.length import Length
from datakit.filters.reward import MinReward
from datakit.filters.rule import OwnRule
from datakit.filters.where import Where
from rewards.plugins import variant_class, variant_names

NEEDS_OPTIONS: dict[str, Filter] = {
    "length": Length(of="total", min=3, max=30),
    "harmful_words": HarmfulWords(words=("bad", "坏", "f**k")),
    "reward": MinReward(min=0.5),
    "rule": OwnRule(name="does_not_refuse"),
    "where": Where(sql="length(output) > 3 OR columns IS NULL"),
}


def row_filters() -> list[Filter]:
    """Every one, and some with other options; those that compare rows have properties of their own."""
    found: list[Filter] = [Language(keep=("zh",), of="both", unknown="drop"), Length(unit="characters", max=9)]
    for name in variant_names("datakit.filters"):
        kind = variant_class("datakit.filters", name, Filter)  # type: ignore[type-abstract]
        if name in NEEDS_OPTIONS:
            found.append(NEEDS_OPTIONS[name])
        elif issubclass(kind, RowFilter):
            found.append(kind())
    return found


every_filter = pytest.mark.parametrize("rule", row_filters(), ids=lambda rule: type(rule).__name__)
quick_filter = pytest.mark.parametrize(
    "rule", [rule for rule in row_filters() if not isinstance(rule, OwnRule)], ids=lambda rule: type(rule).__name__
)

PIECES = (
    *(
        "",
        "bad",
        "坏",
        "I cannot help you.",
        "抱歉，我无法回答。",
        "https://a.org/b",
        "a@b.org",
        "13812345678",
        "1.",
        "\n",
        "```",
    ),
    *(
        "the",
        "是的",
        "。",
        ".",
        ",",
        "As an AI language model, I",
        "N/A",
        "{",
        "\0",
        "\u202eabc",
        "👨‍👩‍👧‍👦",
        "العربية",
        "e\u0301",
        "|",
        " ",
    ),
)
TEXTS = st.lists(st.sampled_from(PIECES), max_size=12).map(" ".join) | st.text(max_size=30)
ROWS = st.lists(
    st.fixed_dictionaries(
        {
            "prompt": TEXTS,
            "output": TEXTS,
            "calls": st.booleans(),
            "roles": st.sampled_from(["user assistant", "user user assistant", "assistant", "bot", ""]),
            "columns": st.sampled_from([None, "{}", '{"a": 1}']),
            "reward": st.none() | st.floats(0, 1),
        }
    ),
    max_size=12,
)


def frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    schema = {
        "prompt": pl.String,
        "output": pl.String,
        "calls": pl.Boolean,
        "roles": pl.String,
        "columns": pl.String,
        "reward": pl.Float64,
    }
    found = pl.DataFrame(rows, schema=schema).with_row_index("row", offset=5)
    group = pl.int_range(pl.len(), dtype=pl.UInt32)
    return found.with_columns(pl.col("row").cast(pl.UInt32), context=pl.col("prompt"), group=group)


def drop(rule: Filter, rows: pl.DataFrame) -> pl.DataFrame:
    return rule.drop(rows.select("row", *rule.reads)).sort("row")


@quick_filter
@settings(max_examples=60, deadline=None)
@given(rows=ROWS, data=st.data())
def test_a_filter_drops_once_and_for_all_and_each_row_for_itself(
    rule: Filter, rows: list[dict[str, Any]], data: st.DataObject
) -> None:
    whole = frame(rows)
    dropped = drop(rule, whole)
    assert dropped.schema == pl.Schema(DROPPED)
    assert dropped["row"].is_unique().all()
    assert set(dropped["row"]) <= set(whole["row"])
    assert dropped["value"].null_count() == 0
    left = whole.filter(~pl.col("row").is_in(dropped["row"].implode()))
    assert drop(rule, left).is_empty()
    order = data.draw(st.permutations(range(len(rows))))
    assert drop(rule, whole[order]).equals(dropped)
    alone = [drop(rule, whole[place]) for place in range(len(rows))]
    assert pl.concat([dropped.clear(), *alone]).equals(dropped)


@every_filter
def test_a_filter_bears_no_rows_and_a_million_characters(rule: Filter) -> None:
    assert drop(rule, frame([])).schema == pl.Schema(DROPPED)
    ordinary = {"prompt": "q", "calls": False, "roles": "user assistant", "columns": None, "reward": 1.0}
    texts = ["x" * 1_000_000, "好" * 300_000, "a b c, " * 150_000, "\n" * 1_000_000, "1. (" * 250_000, "\0" * 1_000_000]
    whole = frame(
        [{**ordinary, "output": text} for text in texts] + [{**ordinary, "prompt": "a " * 500_000, "output": "b"}]
    )
    dropped = drop(rule, whole)
    assert drop(rule, whole.filter(~pl.col("row").is_in(dropped["row"].implode()))).is_empty()


@every_filter
def test_a_filter_says_what_it_reads_and_allows(rule: Filter) -> None:
    assert set(rule.reads) <= set(COLUMNS)
    assert rule.allowed()
    assert "\n" not in rule.allowed()


def test_all_filters_are_looked_at_here_or_compare_rows() -> None:
    listed = {type(rule).__module__.rpartition(".")[2] for rule in row_filters()}
    compare = {"duplicate", "near_duplicate", "duplicate_prompt", "balance", "top_k", "contaminated"}
    assert listed | compare == set(variant_names("datakit.filters"))
    assert Path(__file__).is_file()
