"""The example rules, called as the plain functions that they are."""

import importlib.util
import json
from pathlib import Path
from typing import Any

import pytest

from rewards import Verdict
from rewards.plugins import rules_in
from rewards.spec import read_spec, reward_of

EXAMPLES = Path(__file__).parents[2] / "examples"
SPEC = importlib.util.spec_from_file_location("example_rules", EXAMPLES / "rules.py")
assert SPEC is not None
assert SPEC.loader is not None
rules = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(rules)
LINES = (EXAMPLES / "prompts.jsonl").read_text(encoding="utf-8").removesuffix("\n").split("\n")
PROMPTS: list[dict[str, Any]] = [json.loads(line) for line in LINES]


@pytest.mark.parametrize(
    ("answer", "credit"),
    [
        ('{"name": "Ana", "age": 30}', 1.0),
        ('\n["spring", "summer"]\n', 1.0),
        ('Here it is: {"name": "Ana"}', 0.5),
        ('```json\n{"name": "Ana"}\n```', 0.5),
        ("{name: Ana}", 0.0),
        ("Her name is Ana.", 0.0),
        ("", 0.0),
    ],
)
def test_json_alone_is_worth_more_than_json_inside_text(answer: str, credit: float) -> None:
    assert rules.required_format(answer, "json") == credit


@pytest.mark.parametrize(
    ("answer", "credit"),
    [
        ("1. red\n2. yellow\n3. blue", 1.0),
        ("Sure!\n\n- red\n- yellow\n- blue\n", 1.0),
        ("* red\n* yellow", 2 / 3),
        ("1、红\n2、黄\n3、蓝", 1.0),
        ("1.红\n2.黄\n3.蓝\n4.绿", 3 / 4),
        ("-红\n-黄\n-蓝", 1.0),
        ("red, yellow and blue", 0.0),
        ("**Colours**\n---\n1.5 litres", 0.0),
        ("-\n-\n-", 0.0),
    ],
)
def test_a_list_is_credited_by_its_number_of_items(answer: str, credit: float) -> None:
    assert rules.required_format(answer, "list", 3) == pytest.approx(credit)


@pytest.mark.parametrize(
    ("answer", "language", "credit"),
    [
        ("```python\nprint(1)\n```", "python", 1.0),
        ("```Python\nprint(1)\n```", "python", 1.0),
        ("So:\n```\nprint(1)\n```", None, 1.0),
        ("```\nprint(1)\n```", "python", 2 / 3),
        ("```python\nprint(1)", "python", 2 / 3),
        ("```\nprint(1)", "python", 1 / 3),
        ("```python\n```", "python", 0.0),
        ("print(1)", "python", 0.0),
    ],
)
def test_a_code_block_is_credited_by_its_parts(answer: str, language: str | None, credit: float) -> None:
    assert rules.required_format(answer, "code_block", None, language) == pytest.approx(credit)


def test_an_unknown_format_is_an_error_and_not_a_zero() -> None:
    with pytest.raises(ValueError, match="haiku"):
        rules.required_format("An old silent pond", "haiku")


def test_keywords_give_the_share_that_is_mentioned() -> None:
    assert rules.mentions_keywords("a b", ["a"]).value == 1.0
    assert rules.mentions_keywords("Rain fell.", ["rain", "window"]).value == 0.5
    assert rules.mentions_keywords("月亮出来了。", ["月亮", "故乡"]).value == 0.5
    assert rules.mentions_keywords("", ["rain"]).value == 0.0


def test_missing_keywords_are_named_in_the_reason() -> None:
    assert rules.mentions_keywords("Rain fell.", ["rain", "window"]).reason == "missing: window"
    assert rules.mentions_keywords("Rain fell.", ["rain"]).reason == ""


def test_a_row_without_keywords_is_skipped() -> None:
    assert rules.mentions_keywords("Rain fell.", []) is None


def test_words_count_whole_in_english_and_anywhere_in_chinese() -> None:
    assert rules.avoids_forbidden("A hundred foxes", ["red", "ox"]).value
    assert not rules.avoids_forbidden("RED boxes", ["red"]).value
    assert not rules.avoids_forbidden("Two boxes", ["box"]).value
    assert not rules.avoids_forbidden("今天很冷。", ["冷"]).value
    assert rules.mentions_keywords("我会用Python写程序", ["python"]).value == 1.0


def test_forbidden_words_are_named_in_the_reason() -> None:
    assert rules.avoids_forbidden("A red fruit", ["red", "fruit", "tree"]).reason == "uses: red, fruit"


@pytest.mark.parametrize(
    ("answer", "unit", "limits", "credit"),
    [
        ("one two three", "words", (2, 4), 1.0),
        ("one two three", "words", (3, 3), 1.0),
        ("one two three", "words", (6, None), 0.5),
        ("one two three four", "words", (None, 3), 0.75),
        ("今天下雨", "characters", (None, 10), 1.0),
        ("今天下雨", "characters", (8, 10), 0.5),
        ("", "words", (None, 10), 0.0),
        (" \n", "characters", (None, 10), 0.0),
    ],
)
def test_length_outside_the_limits_keeps_a_share(
    answer: str, unit: str, limits: tuple[int | None, int | None], credit: float
) -> None:
    assert rules.within_length(answer, unit, *limits) == pytest.approx(credit)


def test_a_row_without_limits_is_skipped() -> None:
    assert rules.within_length("one two", "words") is None


@pytest.mark.parametrize("refusal", ["I'm sorry, but I can't help with that.", "抱歉，我不能帮助你。"])
def test_a_refusal_is_right_only_for_a_harmful_request(refusal: str) -> None:
    assert rules.right_refusal(refusal, True).value
    assert not rules.right_refusal(refusal, False).value


@pytest.mark.parametrize("answer", ["Sure! First, find the process id with ps.", "先把面条煮熟，再炒肉酱。"])
def test_an_answer_is_right_only_for_a_harmless_request(answer: str) -> None:
    assert rules.right_refusal(answer, False).value
    assert not rules.right_refusal(answer, True).value


def test_the_answer_is_judged_in_the_language_of_its_prompt() -> None:
    assert rules.answers_in_language("今天下雨。", "zh") == 1.0
    assert rules.answers_in_language("It rains.", "zh") == 0.0
    assert rules.answers_in_language("It rains.", "en") == 1.0
    assert rules.answers_in_language("我爱rock", "zh") == pytest.approx(1 / 3)
    assert rules.answers_in_language("?!", "en") == 0.0


def test_code_and_json_have_no_language_to_judge() -> None:
    assert rules.answers_in_language("print(1)", "zh", "code_block") is None
    assert rules.answers_in_language('{"name": "小明"}', "en", "json") is None
    assert rules.answers_in_language("1. 苹果", "zh", "list") == 1.0


def test_repeated_runs_of_words_cost_credit() -> None:
    assert rules.does_not_loop("the cat sat on the mat") == 1.0
    assert rules.does_not_loop("go on and go on and go on and") == pytest.approx(3 / 7)
    assert rules.does_not_loop("哈哈哈哈哈哈") == 0.25
    assert rules.does_not_loop("Tokyo") == 1.0
    assert rules.does_not_loop(" ... ") == 0.0


def test_the_spec_loads_and_lists_every_rule_of_the_file() -> None:
    reward = reward_of(read_spec(EXAMPLES / "reward.yaml"))
    assert [scorer.name for scorer in reward.scorers] == [rule.name for rule in rules_in(EXAMPLES / "rules.py")]


def test_the_guard_shares_no_rule_with_the_reward() -> None:
    guard, reward = (reward_of(read_spec(EXAMPLES / name)) for name in ("guard.yaml", "reward.yaml"))
    assert not {scorer.rule.name for scorer in guard.scorers} & {scorer.rule.name for scorer in reward.scorers}


@pytest.mark.parametrize("answer", ["", "Sure!", "好的。", "[" * 5000 + "]", "```" * 300, "1. " * 300, "No " * 1000])
def test_no_rule_fails_on_any_example_prompt(answer: str) -> None:
    for prompt in PROMPTS:
        row = {**prompt, "completion": answer}
        for rule in rules_in(EXAMPLES / "rules.py"):
            if all(i.name in row for i in rule.inputs if i.required):
                found = rule.function(**{i.name: row[i.name] for i in rule.inputs if i.name in row})
                value = found.value if isinstance(found, Verdict) else found
                assert value is None or 0.0 <= value <= 1.0, (rule.name, row)


def test_every_example_prompt_is_judged_by_its_own_family_of_rules() -> None:
    applies: dict[str, set[str]] = {}
    for prompt in PROMPTS:
        row = {**prompt, "completion": "Yes."}
        for rule in rules_in(EXAMPLES / "rules.py"):
            if all(i.name in row for i in rule.inputs if i.required):
                applies.setdefault(row["family"], set()).add(rule.name)
    always = {"answers_in_language", "does_not_loop"}
    assert {family: names - always for family, names in applies.items()} == {
        "format": {"required_format"},
        "content": {"mentions_keywords", "avoids_forbidden"},
        "length": {"within_length"},
        "safety": {"right_refusal"},
    }
