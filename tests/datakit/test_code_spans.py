"""Where texts hold code."""

import time

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datakit.code_spans import code_spans, may_hold_code


def codes(text: str) -> list[str]:
    return [text[start:end] for start, end in code_spans(text)]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("no code, it's ~ fine", []),
        ("a `b` c ``d ` e`` f", ["`b`", "``d ` e``"]),
        ("a ` stray\n\nand ` another", []),
        ("x\n```py\na\n```\ny", ["```py\na\n```"]),
        ("x\n```\na `b`\n~~~\n", ["```\na `b`\n~~~\n"]),
        ("~~~\n```\n~~~\n`y`", ["~~~\n```\n~~~", "`y`"]),
        ("````\n```\na\n```\n````\nb", ["````\n```\na\n```\n````"]),
        ("Here: ```py\na\n\nb\n```\nand `c`", ["```py\na\n\nb\n```", "`c`"]),
        ("1. item\n   ```\n   a\n   ```\nb", ["   ```\n   a\n   ```"]),
        ("> ```\n> a\n> ```\nb", ["> ```\n> a\n> ```"]),
        ("x\n\n    a\n\n\tb  \n\ny", ["    a\n\n\tb  "]),
        ("x\n    a wrapped line", []),
        ("    one first line\nx", []),
        ("    a\n    b\nx", ["    a\n    b"]),
        ("你好\r\n```\r\na\r\n```\r\n好", ["```\r\na\r\n```"]),
        ("a \ufdd0 b", ["\ufdd0"]),
    ],
)
def test_code_is_found(text, expected):
    assert codes(text) == expected
    assert not expected or pl.select(may_hold_code(pl.lit(text))).item()


@given(
    st.lists(st.sampled_from(["`", "``", "```", "~~~", "\n", "    ", "\t", "a", " ", ">", "- ", "\r", "\ufdd0"])).map(
        "".join
    )
)
def test_spans_are_in_order_and_are_expected_where_there_are_any(text):
    spans = code_spans(text)
    ends = [edge for span in spans for edge in span]
    assert ends == sorted(ends)
    assert all(start < end for start, end in spans)
    assert not spans or pl.select(may_hold_code(pl.lit(text))).item()


@pytest.mark.parametrize(
    "piece", ["`", "` ", "` `` ", "```\nx\n```\n", "~~~\n", "\n\n    x", "> ", "- ", "a ` b\n\n", "\n", " "]
)
def test_a_million_characters_take_a_moment(piece):
    start = time.perf_counter()
    code_spans(piece * (1_000_000 // len(piece)))
    assert time.perf_counter() - start < 10  # about 0.2 s
