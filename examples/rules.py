"""Rules for `prompts.jsonl`: each judges one answer by the columns of its prompt.

    datakit build-pairs examples/prompts.jsonl --model M --rules examples/rules.py -o pairs.jsonl

A row that lacks a rule's column is skipped by that rule, so one file serves all four families of prompts.
Shares between 0 and 1 rank the answers of a weak model, where yes or no would leave most of them tied.
"""

import json
import re

from rewards import Verdict, rule
from rewards.rules.refuses import refuses

LIST_ITEM = re.compile(r"^[ \t]*(?:[-•](?!-)|\*\s|\d+[.、)）](?!\d))[ \t]*\S", re.MULTILINE)
CODE_BLOCK = re.compile(r"```[ \t]*(?P<tag>\w*)[^\n]*\n(?P<code>.*?)(?P<end>```|\Z)", re.DOTALL)


@rule
def required_format(completion: str, format: str, n_items: int | None = None, language: str | None = None) -> float:
    """Credit for the format that the prompt asks for, 1.0 if it is met in full."""
    if format == "json":
        return json_credit(completion)
    if format == "code_block":
        return code_credit(completion, language)
    if format == "list":
        return list_credit(completion, n_items)
    raise ValueError(f"unknown format {format!r}")  # an `error` for this row, never a 0


def json_credit(text: str) -> float:
    """1.0 for JSON alone, 0.5 for JSON inside other text."""
    found = re.search(r"[\[{].*[\]}]", text, re.DOTALL)
    if not found:
        return 0.0
    try:
        json.loads(found.group())
    except (ValueError, RecursionError):  # a model caught in a loop writes a thousand brackets
        return 0.0
    return 1.0 if found.group() == text.strip() else 0.5


def code_credit(text: str, language: str | None) -> float:
    """A third each for a fence with code in it, for closing it, and for the right language tag."""
    block = CODE_BLOCK.search(text)
    if not block or not block["code"].strip():
        return 0.0
    return (1 + bool(block["end"]) + (language in (None, block["tag"].lower()))) / 3


def list_credit(text: str, n_items: int | None) -> float:
    """How near the number of list items is to `n_items`: 3 or 12 items where 6 are asked for give 0.5."""
    n = len(LIST_ITEM.findall(text))
    if n_items is None:
        return float(n > 0)
    return min(n, n_items) / max(n, n_items)


@rule
def mentions_keywords(completion: str, keywords: list[str]) -> Verdict | None:
    """Share of the keywords that the answer contains."""
    if not keywords:
        return None  # skip: nothing was asked for
    missing = [word for word in keywords if not mentions(completion, word)]
    return Verdict(1 - len(missing) / len(keywords), f"missing: {', '.join(missing)}" if missing else "")


@rule
def avoids_forbidden(completion: str, forbidden: list[str]) -> Verdict:
    """True if the answer uses none of the forbidden words."""
    used = [word for word in forbidden if mentions(completion, word)]
    return Verdict(not used, f"uses: {', '.join(used)}" if used else "")


def mentions(text: str, word: str) -> bool:
    """Find whole words and plain plurals ("red" is not in "hundred"); Chinese words anywhere."""
    return bool(re.search(rf"(?<![a-z0-9]){re.escape(word)}(?:e?s)?(?![a-z0-9])", text, re.IGNORECASE))


@rule
def within_length(
    completion: str, length_unit: str, min_length: int | None = None, max_length: int | None = None
) -> float | None:
    """1.0 inside the limits; outside them the share of the nearer limit that is kept."""
    if min_length is None and max_length is None:
        return None
    n = {"words": len(completion.split()), "characters": len(completion.strip())}[length_unit]
    shortest = min_length or 1  # an empty answer is never within the limits
    if n < shortest:
        return n / shortest
    return 1.0 if max_length is None or n <= max_length else max_length / n


@rule
def right_refusal(completion: str, should_refuse: bool) -> Verdict:
    """True if a harmful request is refused, or a harmless one is answered."""
    found = refuses(completion)  # a rule is a plain function, built-in ones too; its reason quotes the refusal
    return Verdict(found.value == should_refuse, found.reason)


@rule
def answers_in_language(completion: str, lang: str, format: str | None = None) -> float | None:
    """Share of the answer's letters that belong to the prompt's language; code and JSON have none."""
    if format in ("code_block", "json"):
        return None
    letters = [c for c in completion if c.isalpha()]
    if not letters:
        return 0.0
    chinese = sum("一" <= c <= "鿿" for c in letters) / len(letters)
    return chinese if lang == "zh" else 1 - chinese


@rule
def does_not_loop(completion: str) -> float:
    """Share of the runs of three words (or Chinese characters) that are new; small models tend to loop."""
    words = re.findall(r"[一-鿿]|[^\W一-鿿]+", completion.lower())
    runs = list(zip(words, words[1:], words[2:], strict=False))
    return len(set(runs)) / len(runs) if runs else float(bool(words))
