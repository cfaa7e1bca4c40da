"""What a signature says of a rule, and what a scorer makes of it."""

from __future__ import annotations

import functools
from pathlib import Path
from typing import Annotated, Any, Literal, Optional  # noqa: F401  (named in annotations that are strings)

import polars as pl
import pytest
from pydantic import Field  # noqa: F401

from rewards import Verdict, rule
from rewards.rule import CANDIDATE_INPUTS, Form, Input, rule_of
from rewards.scorer import bind
from schemas.errors import RuleError


def row(completion: str, keywords: list[str], note: str | None, limit: int = 3, *, ignore_case: bool = True) -> float:
    """Say something."""
    return 1.0


def batch(prompts, completions, answer, **kwargs):
    return [1.0] * len(completions)


async def judge(completion: str, prompt: str) -> float:
    return 1.0


def frame(completion: pl.Expr, keywords: pl.Expr, *, bound: int = 2) -> pl.Expr:
    return completion.str.len_chars() > bound


def test_the_decorator_returns_the_function_itself():
    assert rule(row) is row
    assert rule(name="other")(batch) is batch
    assert row("a b", ["a"], None) == 1.0


def test_a_per_row_rule_is_read_from_its_signature():
    found = rule_of(row)
    assert found.form is Form.ROW
    assert found.inputs == (
        Input("completion"),
        Input("keywords"),
        Input("note", nullable=True),
        Input("limit", required=False, default=3),
    )
    assert [(option.name, option.default, option.annotation) for option in found.options] == [
        ("ignore_case", True, bool)
    ]
    assert found.candidate_inputs == ("completion",)
    assert [i.name for i in found.column_inputs] == ["keywords", "note", "limit"]
    assert found.doc == "Say something."


def test_trl_reward_functions_are_batched_rules_as_they_stand():
    from trl.rewards import think_format_reward

    for function in (think_format_reward, lambda completions, **kwargs: [1.0], lambda **kwargs: [1.0]):
        found = rule_of(function)
        assert (found.form, found.all_columns, found.inputs) == (Form.BATCH, True, ())
        assert found.candidate_inputs == ("messages", "completion")
    assert think_format_reward(completions=[[{"content": "<think>a</think>b"}]]) == [1.0]
    assert rule_of(think_format_reward).name == "format_rewards.py:think_format_reward"


def test_columns_of_a_batched_rule_are_all_but_the_trainers_own_names():
    def f(completions, answer, *, solution, threshold=0.5, log_metric=None, trainer_state=None):
        return []

    found = rule_of(f)
    assert [i.name for i in found.inputs] == ["answer", "solution"]  # a trainer passes everything by keyword
    assert [o.name for o in found.options] == ["threshold"]
    assert found.trainer_inputs == ("completions", "log_metric", "trainer_state")
    assert not found.all_columns


def test_columnar_and_async_rules_are_told_apart():
    assert rule_of(frame).form is Form.COLUMNAR
    assert rule_of(judge).form is Form.ASYNC

    def eager(completion: pl.Expr) -> pl.Expr:
        return completion

    eager.__annotations__ = {"completion": pl.Expr, "return": pl.Expr}
    assert rule_of(eager).form is Form.COLUMNAR


class Judge:
    def __init__(self, bound: int):
        self.bound = bound

    async def __call__(self, completion: str, *, strict: bool = False) -> float:
        return self.bound


def test_instances_and_partials_are_rules_too():
    found = rule_of(Judge(3))
    assert (found.form, found.name) == (Form.ASYNC, "test_rule.py:Judge") or found.name.endswith(":Judge")
    assert [o.annotation for o in found.options] == [bool]
    assert rule_of(functools.partial(row, ignore_case=False)).inputs == rule_of(row).inputs


def test_an_undecorated_rule_is_named_after_its_file():
    def f(completion):
        return True

    assert rule_of(f).name == "test_rule.py:f"
    assert rule_of(rule(f)).name == "f"
    assert rule_of(rule(name="g")(f)).name == "g"


@pytest.mark.parametrize(
    ("annotation", "nullable"),
    [
        ("str", False),
        ("str | None", True),
        ("Optional[str]", True),
        ("Any", False),
        ("object", True),
        ("None", True),
        ("Annotated[str | None, Field()]", True),
        ("Literal['a', None]", True),
        ("Literal['a']", False),
        ("Unknown", False),
        ("Unknown | None", True),
        ("list[Optional[str]]", False),
    ],
)
def test_a_parameter_is_nullable_if_its_type_admits_none(annotation, nullable):
    def f(completion, note):
        return True

    f.__annotations__ = {"note": annotation}
    assert rule_of(f).inputs[1].nullable is nullable


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda: 1.0, "no positional parameter"),
        (lambda *completion: 1.0, r"\*completion has no meaning"),
        (lambda completion, **rest: 1.0, r"\*\*kwargs is for the batched form"),
        (lambda completion_ids, **kwargs: [1.0], "completion_ids are not stored"),
        (max, "signature cannot be read"),
    ],
)
def test_a_signature_that_cannot_be_called_is_refused(function, message):
    with pytest.raises(RuleError, match=message):
        rule_of(function)


def test_the_decorators_arguments_are_checked():
    with pytest.raises(RuleError, match="timeout=0"):
        rule(timeout=0)
    with pytest.raises(RuleError, match="goes on a function, not on str"):
        rule("name")


def options(
    completion,
    keywords=(),
    *,
    n: int = 1,
    x: float = 0.5,
    tags: tuple[str, ...] = (),
    path: Path | None = None,
    mode: Literal["a", "b"] = "a",
):
    return True


@pytest.mark.parametrize(
    ("given", "bound"),
    [
        ({}, {"n": 1, "x": 0.5, "tags": (), "path": None, "mode": "a"}),
        ({"x": 1}, {"x": 1.0}),
        ({"tags": ["a", "b"]}, {"tags": ("a", "b")}),
        ({"path": "/tmp/x"}, {"path": Path("/tmp/x")}),
        ({"mode": "b"}, {"mode": "b"}),
    ],
)
def test_options_are_taken_as_yaml_spells_them(given, bound):
    assert bound.items() <= bind(rule_of(options), options=given).options.items()


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"n": "2"}, "option n: '2' does not fit: Input should be a valid integer"),
        ({"n": True}, "option n: True does not fit"),
        ({"n": 1.5}, "option n: 1.5 does not fit"),
        ({"mode": "c"}, "option mode: 'c' does not fit"),
        ({"tagz": []}, "has no option 'tagz'; did you mean 'tags'"),
        ({"completion": "x"}, r"has no option 'completion'; 'completion' is an input: `inputs: \{completion: "),
        ({"keyword": []}, r"no option 'keyword'; 'keywords' is an input: `inputs: \{keywords: \{constant: VALUE\}\}`"),
    ],
)
def test_unknown_and_ill_typed_options_are_refused(given, message):
    with pytest.raises(RuleError, match=message):
        bind(rule_of(options), options=given)


def test_a_required_option_must_be_given():
    def f(completion, *, pattern: str):
        return True

    with pytest.raises(RuleError, match="needs the option 'pattern'"):
        bind(rule_of(f))


def test_inputs_are_renamed_or_set_for_all_rows():
    found = bind(rule_of(row), inputs={"keywords": "must_have", "limit": {"constant": 5}})
    assert found.columns == {"keywords": "must_have", "note": "note"}
    assert found.constants == {"limit": 5}
    for bad in ({"word": "x"}, {"keywords": {"const": 1}}, {"keywords": 3}):
        with pytest.raises(RuleError, match=r"no input 'word'; .*keywords|neither a column's name nor"):
            bind(rule_of(row), inputs=bad)


def test_a_scorers_id_is_its_name_and_fingerprint():
    plain, named = bind(rule_of(row)), bind(rule_of(row), name="other")
    assert plain.fingerprint == named.fingerprint
    assert plain.scorer_id != named.scorer_id
    assert plain.scorer_id == bind(rule_of(row)).scorer_id


def test_candidate_inputs_are_no_columns():
    def f(completion, reasoning, prompt, messages, tools, finish_reason, n_tokens, model, answer):
        return True

    found = bind(rule_of(f))
    assert found.columns == {"answer": "answer"}
    assert found.rule.candidate_inputs == CANDIDATE_INPUTS


def test_a_verdict_is_a_value_with_a_reason():
    assert Verdict(0.5, "why") == Verdict(value=0.5, reason="why")
