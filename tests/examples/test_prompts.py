"""The example prompts say in words what their columns demand."""

import json
import re
from collections import Counter
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

PROMPTS = Path(__file__).parents[2] / "examples" / "prompts.jsonl"
LINES = PROMPTS.read_text(encoding="utf-8").removesuffix("\n").split("\n")
ROWS: list[dict[str, Any]] = [json.loads(line) for line in LINES]
FAMILIES = {"format", "content", "length", "safety"}
STRATA = sorted((family, lang) for family in FAMILIES for lang in ("en", "zh"))
EVERY_ROW = {"prompt": str, "family": str, "lang": str, "split": str}
REQUIRED: dict[str, dict[str, type]] = {
    "format": {"format": str},
    "content": {"keywords": list},
    "length": {"length_unit": str},
    "safety": {"should_refuse": bool},
}
OPTIONAL: dict[str, dict[str, type]] = {
    "format": {"n_items": int, "language": str},
    "content": {"forbidden": list},
    "length": {"min_length": int, "max_length": int},
    "safety": {},
}
NUMBERS = {
    2: ("two", "两"),
    3: ("three", "三"),
    4: ("four", "四"),
    5: ("five", "五"),
    6: ("six", "六"),
    7: ("seven", "七"),
    8: ("eight", "八"),
    9: ("nine", "九"),
    10: ("ten", "十"),
}
SAYS_FORMAT = {
    "json": ("json",),
    "code_block": ("code block", "代码块"),
    "list": ("list", "bullet", "number", "a dash", "列表", "编号", "项目符号", "短横线", "加“-”"),
}


def family(name: str) -> list[dict[str, Any]]:
    return [row for row in ROWS if row["family"] == name]


def states(prompt: str, number: int) -> bool:
    """The number stands in the prompt, in digits or as a word of its own."""
    spellings = "|".join([str(number), *NUMBERS.get(number, ())])
    return bool(re.search(rf"(?<![a-z0-9])(?:{spellings})(?![a-z0-9])", prompt.casefold()))


def words_of(prompt: str) -> frozenset[str]:
    """What near copies share: words in English, pairs of characters in Chinese."""
    chinese = re.findall(r"[一-鿿]", prompt)
    words = re.findall(r"[a-z']+", prompt.lower())
    return frozenset([*words, *map("".join, pairwise(chinese))])


def test_the_file_has_enough_rows_of_every_kind() -> None:
    assert len(ROWS) >= 560
    assert sum(row["lang"] == "zh" for row in ROWS) >= 120
    assert sum(row["split"] == "eval" for row in ROWS) >= 170


def test_lines_are_plain_utf8_json_objects() -> None:
    assert all(json.dumps(row, ensure_ascii=False) == line for row, line in zip(ROWS, LINES, strict=True))


def test_no_prompt_occurs_twice() -> None:
    counts = Counter(re.sub(r"[\W_]+", "", row["prompt"].casefold()) for row in ROWS)
    assert [prompt for prompt, n in counts.items() if n > 1] == []


def test_prompts_are_not_one_template_filled_in() -> None:
    """No two prompts share half of their words, except the safety pairs, which do so on purpose."""
    words = [words_of(row["prompt"]) for row in ROWS if row["family"] != "safety"]
    close = [(a, b) for i, a in enumerate(words) for b in words[:i] if len(a & b) >= 0.5 * len(a | b)]
    assert close == []


@pytest.mark.parametrize("wanted", STRATA)
def test_every_family_has_both_languages_and_both_splits(wanted: tuple[str, str]) -> None:
    splits = [row["split"] for row in ROWS if (row["family"], row["lang"]) == wanted]
    assert len(splits) >= 30
    assert 0.25 <= splits.count("eval") / len(splits) <= 0.35
    assert set(splits) == {"train", "eval"}


def test_the_first_rows_mix_families_and_languages() -> None:
    assert {row["family"] for row in ROWS[:4]} == FAMILIES
    assert {row["lang"] for row in ROWS[:8]} == {"en", "zh"}


@pytest.mark.parametrize("name", sorted(FAMILIES))
def test_columns_are_those_of_the_family_and_well_typed(name: str) -> None:
    required = EVERY_ROW | REQUIRED[name]
    known = required | OPTIONAL[name]
    for row in family(name):
        assert required.keys() <= row.keys() <= known.keys(), row
        assert all(type(value) is known[key] for key, value in row.items()), row
        assert row["prompt"] == row["prompt"].strip() != ""


def test_a_prompt_is_chinese_where_it_says_so() -> None:
    for row in ROWS:
        assert bool(re.search(r"[一-鿿]", row["prompt"])) == (row["lang"] == "zh"), row


def test_every_prompt_names_its_format() -> None:
    for row in family("format"):
        assert any(word in row["prompt"].lower() for word in SAYS_FORMAT[row["format"]]), row


def test_every_list_prompt_states_its_number_of_items() -> None:
    for row in family("format"):
        assert ("n_items" in row) == (row["format"] == "list"), row
        assert "n_items" not in row or states(row["prompt"], row["n_items"]), row


def test_every_code_language_stands_in_its_prompt() -> None:
    named = [row for row in ROWS if "language" in row]
    assert all(row["format"] == "code_block" for row in named)
    assert [row for row in named if row["language"] not in row["prompt"].lower()] == []


def test_every_keyword_stands_in_its_prompt() -> None:
    for row in family("content"):
        words = row["keywords"] + row.get("forbidden", [])
        assert row["keywords"], row
        assert all(word.casefold() in row["prompt"].casefold() for word in words), row


def test_no_forbidden_word_is_part_of_a_keyword() -> None:
    for row in family("content"):
        assert row.get("forbidden", ["-"]) != []
        assert not any(bad in word for bad in row.get("forbidden", []) for word in row["keywords"]), row


def test_every_length_limit_is_stated_and_can_be_met() -> None:
    for row in family("length"):
        limits = [row[key] for key in ("min_length", "max_length") if key in row]
        assert limits == sorted(limits) != [], row
        assert all(states(row["prompt"], limit) for limit in limits), row


def test_the_length_unit_is_stated() -> None:
    said = {"en": {"words": "word", "characters": "character"}, "zh": {"characters": "字"}}
    for row in family("length"):
        assert said[row["lang"]][row["length_unit"]] in row["prompt"], row


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("split", ["train", "eval"])
def test_harmful_requests_and_look_alikes_are_equally_many(lang: str, split: str) -> None:
    counts = Counter(row["should_refuse"] for row in family("safety") if (row["lang"], row["split"]) == (lang, split))
    assert counts[True] == counts[False] > 0


def test_every_harmful_request_has_a_look_alike_in_its_split() -> None:
    for split in ("train", "eval"):
        rows = [row for row in family("safety") if row["split"] == split]
        harmless = [words_of(row["prompt"]) for row in rows if not row["should_refuse"]]
        for row in rows:
            words = words_of(row["prompt"])
            assert not row["should_refuse"] or any(len(words & other) >= 2 for other in harmless), row
