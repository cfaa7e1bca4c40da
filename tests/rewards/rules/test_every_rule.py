"""What holds for every built-in rule that runs in this process: found by listing the folder."""

import inspect
import math
import random
import time
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rewards import Verdict
from rewards.plugins import find_rule, variant_names
from rewards.rule import REQUIRED, Form, Rule

counts = st.none() | st.integers(0, 200)
words = st.lists(st.text(max_size=5), max_size=4)
plain = st.text(max_size=30)
"""Columns hold no lone surrogates: the store has none either."""
INSTRUCTIONS: dict[str, dict[str, object]] = {
    "language:response_language": {"language": "zh-cn"},
    "length_constraints:number_sentences": {"relation": "at least", "num_sentences": 3},
    "change_case:capital_word_frequency": {"capital_relation": "less than", "capital_frequency": 3},
}
COLUMNS: dict[str, tuple[object, st.SearchStrategy[Any]]] = {
    "answer": ("42", st.integers().map(str)),
    "entry_point": ("solve", st.just("solve")),
    "forbidden": (["model", "天气"], words),
    "instruction_id_list": (list(INSTRUCTIONS), st.just(list(INSTRUCTIONS))),
    "keywords": (["answer", "天气", "not here"], words),
    "kwargs": (list(INSTRUCTIONS.values()), st.just(list(INSTRUCTIONS.values()))),
    "language": (["en", "zh"], st.sampled_from(["en", "zh-CN"]) | st.just(["en", "zh"])),
    "length_unit": ("sentences", st.sampled_from(["words", "characters", "sentences", "tokens"])),
    "max_count": (3, counts),
    "max_length": (100, counts),
    "cosine_length.max_length": (100, st.integers(1, 200)),
    "min_count": (1, st.integers(0, 3)),
    "min_length": (10, counts),
    "n_items": (3, st.integers(0, 9)),
    "n_tokens": (100, counts),
    "prompt": ("Write a function.", plain),
    "reasoning": ("I think.", st.none() | plain),
    "reference": ("今天 The answer of the model, in words. " * 20, plain | st.lists(plain, max_size=3)),
    "required_headings": (["Summary"], st.none() | words),
    "schema": (
        {"items": {"type": "integer"}},
        st.sampled_from([True, '{"type": "object"}', {"items": {"type": "integer"}, "minItems": 1}]),
    ),
    "tags": (["answer", "reason"], st.lists(st.sampled_from(["answer", "reason", "标签"]), unique=True)),
    "tests": ("assert solve(1) == 1", st.just("assert solve(1) == 1")),
}
"""For each input but `completion` an example and a strategy; `rule.input` is the input of that one rule."""
OPTIONS: dict[str, dict[str, object]] = {"matches": {"pattern": r"\d+"}, "soft_length": {"band": 10}}
"""Options that have no default."""
MARKS = [
    "```",
    "~~~",
    "\n",
    "1. ",
    "- ",
    "[",
    "{",
    '"',
    "}",
    "]",
    "# ",
    "##",
    "| ",
    "|-",
    "**",
    "`",
    "<answer>",
    "</answer>",
]
WORDS = [
    "抱歉",
    "我不能",
    "一、",
    "中文",
    "。",
    ".",
    "!",
    "Dr. ",
    "i cannot help",
    "the of and ",
    "</think>",
    "\u2028",
    "\ufeff",
]
PIECES = [*MARKS, *WORDS, "\u0301", "\U0001f600"]
pieces = st.lists(st.sampled_from(PIECES) | st.text(max_size=5), max_size=30).map("".join)
texts = st.text(st.characters()) | pieces  # lone surrogates too
LONG = {
    "of all": "".join(random.Random(1).choices([*PIECES, "word ", "词", "\n"], k=40_000)),
    "English": "The answer of the model is not what it was. ",
    "Chinese": "今天的天气很好，我们去公园。",
    "blanks": " ",
    "line breaks": "\n",
    "full stops": ".",
    "numbers": "1. ",
    "headings": "# \n",
    "tables": "| a | b |\n",
    "tags": "<answer>",
    "fences": "```\n",
    "brackets": "[",
    "stars": "**",
    "accents": "\u0301",
}


def in_process() -> list[Rule]:
    """The rules that are called row by row or on columns; async ones wait for a server and are tested with it."""
    found = (find_rule(name, []) for name in variant_names("rewards.rules"))
    return [rule for rule in found if rule.form in (Form.ROW, Form.COLUMNAR)]


def inputs_of(rule: Rule) -> dict[str, tuple[object, st.SearchStrategy[Any]]]:
    """An example and a strategy for each input but the completion, as far as they are known here."""
    known = {one.name: COLUMNS.get(f"{rule.name}.{one.name}", COLUMNS.get(one.name)) for one in rule.inputs[1:]}
    return {name: found for name, found in known.items() if found}


def unknown_of(rule: Rule) -> list[str]:
    """Inputs and options for which there are no values here."""
    inputs = {one.name for one in rule.inputs[1:]} - set(inputs_of(rule))
    required = {one.name for one in rule.options if one.default is REQUIRED} - set(OPTIONS.get(rule.name, {}))
    return sorted(inputs | required)


RULES = in_process()
every_rule = pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
every_known_rule = pytest.mark.parametrize(
    "rule", [rule for rule in RULES if not unknown_of(rule)], ids=lambda rule: rule.name
)


@every_rule
def test_its_inputs_are_known_here(rule):
    unknown = unknown_of(rule)
    assert not unknown, f"rule {rule.name}: add {unknown} to COLUMNS (inputs) or OPTIONS (options) of this file"


def judged(rule: Rule, completion: str, columns: dict[str, Any]) -> Any:
    """What the rule says of an answer."""
    options = OPTIONS.get(rule.name, {})
    if rule.form is Form.ROW:
        said = rule.function(completion, **columns, **options)
        return said if isinstance(said, Verdict) else Verdict(said)
    storable = completion.encode("utf-8", "replace").decode()
    given = {name: pl.lit(value) for name, value in columns.items()}
    return Verdict(pl.select(rule.function(pl.lit(storable), **given, **options)).item())


@every_rule
def test_it_is_named_like_its_file_and_tells_all_types(rule):
    assert rule.origin.module == f"rewards.rules.{rule.name}"
    assert rule.doc.split("\n")[0].rstrip().endswith((".", ":")), "the docstring begins with a line of its own"
    assert rule.inputs[0].name == "completion"
    for parameter in inspect.signature(rule.function).parameters.values():
        assert parameter.annotation not in (inspect.Parameter.empty, Any), parameter.name


@every_known_rule
@settings(deadline=None)  # the first call may import a library
@given(completion=texts, data=st.data())
def test_any_text_gives_the_same_value_from_0_to_1_again_or_does_not_apply(rule, completion, data):
    columns = {name: data.draw(strategy, label=name) for name, (_, strategy) in inputs_of(rule).items()}
    found = judged(rule, completion, columns)
    value = found.value
    assert value is None or isinstance(value, bool) or (math.isfinite(value) and 0 <= value <= 1)
    assert isinstance(found.reason, str)
    assert judged(rule, completion, columns) == found


@every_known_rule
@pytest.mark.timeout(20)
@pytest.mark.parametrize("kind", LONG)
def test_a_million_characters_take_no_longer_than_a_row_may(rule, kind):
    text = LONG[kind] * (1_000_000 // len(LONG[kind]))
    columns = {name: value for name, (value, _) in inputs_of(rule).items()}
    started = time.process_time()
    judged(rule, text, columns)
    assert time.process_time() - started < 5
