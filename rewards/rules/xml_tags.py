"""Reward completions that put their parts into the wanted tags."""

import re

from rewards.columns import texts_of
from rewards.outcome import Verdict
from rewards.rule import rule

_NAME = re.compile(r"[^\W\d][\w.\-]*")
Span = tuple[int, int, bool]
"""Start and end of an element with its tags, and whether something is in it."""


@rule
def xml_tags(completion: str, tags: list[str], *, partial: bool = False, only: bool = False) -> Verdict:
    """True if each tag is there once, opened, closed and not empty, in the order of `tags`; with `partial`, the share.

    Tags may hold each other but not overlap; upper and lower case differ, attributes are allowed. With `only`, no text
    may be outside of them (with `partial`: else 0.0). For `<think>`, which is not part of `completion`, there is
    `think_tags`. Does not apply without tags.

    Raises:
        TypeError: the tags are no texts.
        ValueError: one of them is no name of a tag, or named twice.
    """
    names = texts_of(tags, "tags")
    if not names:
        return Verdict(None, "no tags")
    for name in names:
        if not _NAME.fullmatch(name) or names.count(name) > 1:
            raise ValueError(f"tags: {name!r} is no name of a tag, or is there twice; write `answer`, not `<answer>`")
    spans, wrong = _elements(completion, names)
    last = -1
    for name in names:
        start, _, filled = spans.get(name, (-1, 0, False))
        if name not in wrong and not filled:
            wrong[name] = "is empty"
        elif name not in wrong and start < last:
            wrong[name] = "comes too early"
        last = last if name in wrong else start
    if only and _outside(completion, list(spans.values())):
        return Verdict(0.0 if partial else False, "text outside of the tags")
    reason = "; ".join(f"<{name}> {what}" for name, what in wrong.items())
    return Verdict(1 - len(wrong) / len(names) if partial else not wrong, reason)


def _elements(text: str, names: list[str]) -> tuple[dict[str, Span], dict[str, str]]:
    """The elements of these names, and what is wrong with those that are none."""
    alternatives = "|".join(map(re.escape, names))
    tag = re.compile(rf"<(?P<close>/?)(?P<name>{alternatives})(?:\s[^<>]*)?>")
    spans: dict[str, Span] = {}
    wrong: dict[str, str] = {}
    stack: list[re.Match[str]] = []
    for found in tag.finditer(text):
        name = found["name"]
        opened = [one for one in stack if one["name"] == name]
        if not found["close"]:
            if opened or name in spans:
                wrong.setdefault(name, "is there more than once")
            else:
                stack.append(found)
        elif not opened:
            wrong.setdefault(name, "is closed more often than opened")
        else:
            while stack[-1] is not opened[0]:  # what was opened inside and is still open
                wrong.setdefault(stack.pop()["name"], "is not closed where it was opened")
            start = stack.pop()
            spans[name] = (start.start(), found.end(), bool(text[start.end() : found.start()].strip()))
    unclosed = {one["name"]: "is not closed" for one in stack}
    missing = {name: "is missing" for name in names if name not in spans}
    return spans, {**missing, **unclosed, **wrong}


def _outside(text: str, spans: list[Span]) -> bool:
    """Whether there is text outside of the elements."""
    end = 0
    for start, close, _ in sorted(spans):
        if text[end : max(end, start)].strip():
            return True
        end = max(end, close)
    return bool(text[end:].strip())
