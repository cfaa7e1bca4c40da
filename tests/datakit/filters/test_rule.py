"""The user's own function as a filter: killable, and with a word for every failure."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from datakit.filters.rule import OwnRule
from schemas.errors import RuleError

RULES = """
import re

def calm(completion: str) -> bool:
    return re.match(r"(a+)+$", completion) is None

def share(completion: str, keywords: list[str], *, floor: float = 0.0) -> float:
    return max(floor, sum(word in completion for word in keywords) / len(keywords))

def fails(completion: str, prompt: str) -> float:
    if prompt == "skip":
        return None
    raise ValueError("what\\nelse")

def batched(prompts, completions, **columns):
    assert prompts[0][0]["role"] == "user"
    return [len(completion[0]["content"]) for completion in completions]

def reads_turns(messages: list[dict]) -> float:
    return 1.0
"""


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "my_filters.py"
    path.write_text(RULES)
    return path


def frame(*given: tuple[str, str, Any]) -> pl.DataFrame:
    rows = [
        {
            "row": row * 3,
            "prompt": prompt,
            "output": output,
            "columns": None if columns is None else json.dumps(columns),
        }
        for row, (prompt, output, columns) in enumerate(given)
    ]
    return pl.DataFrame(rows, schema={"row": pl.UInt32, "prompt": pl.String, "output": pl.String, "columns": pl.String})


def dropped(rule: OwnRule, rows: pl.DataFrame) -> list[tuple[int, str]]:
    return list(rule.drop(rows).select("row", "value").iter_rows())


def test_a_hanging_regex_drops_its_row_only(path: Path) -> None:
    rule = OwnRule(name=f"{path}:calm", timeout=0.5, workers=1)
    rows = frame(("", "fine", None), ("", "a" * 64 + "b", None), ("", "aaa", None), ("", "good", None))
    assert dropped(rule, rows) == [(3, "timeout"), (6, "0.0")]


def test_columns_options_and_bounds_are_a_rules(path: Path) -> None:
    rows = frame(("", "red and blue", {"words": ["red", "green"]}), ("", "no", {"words": ["x"]}), ("", "no", None))
    rule = OwnRule(name="my_filters.py:share", files=(path,), min=0.6, inputs={"keywords": "words"}, workers=1)
    assert dropped(rule, rows) == [(0, "0.5"), (3, "0.0")]
    assert dropped(rule.model_copy(update={"options": {"floor": 0.5}, "min": 0.5}), rows) == []
    assert rule.depends() != rule.model_copy(update={"options": {"floor": 0.5}}).depends()


def test_an_error_is_named_and_a_skip_stays(path: Path) -> None:
    rule = OwnRule(name=f"{path}:fails", workers=1)
    assert dropped(rule, frame(("skip", "", None), ("", "", None))) == [(3, "error: ValueError: what")]


def test_a_batched_rule_and_a_built_in_one_work(path: Path) -> None:
    rows = frame(("q", "four", None), ("q", "seventy", {"n": 1}))
    assert dropped(OwnRule(name=f"{path}:batched", min=5, workers=1), rows) == [(0, "4.0")]
    assert dropped(OwnRule(name="does_not_refuse", workers=1), frame(("", "I cannot help you.", None))) == [(0, "0.0")]


def test_a_rule_that_does_not_fit_is_one_line(path: Path) -> None:
    rows = frame(("q", "four", {"n": 1}))
    with pytest.raises(RuleError, match="no function 'nice'"):
        OwnRule(name=f"{path}:nice").drop(rows)
    with pytest.raises(RuleError, match="keywords"):
        OwnRule(name=f"{path}:share", workers=1).drop(rows)
    with pytest.raises(RuleError, match="messages"):
        OwnRule(name=f"{path}:reads_turns", workers=1).drop(rows)
    assert OwnRule(name=f"{path}:calm").drop(rows.clear()).is_empty()
