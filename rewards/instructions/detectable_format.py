"""Forms of an answer that can be told by pattern."""

import json
import re

_STAR = re.compile(r"^[^\S\n]*+\*[^*].*$", re.MULTILINE)
_DASH = re.compile(r"^[^\S\n]*+-.*$", re.MULTILINE)
_HIGHLIGHT = re.compile(r"\*([^\n*]*)\*")
_BOLD = re.compile(r"\*\*([^\n*]*)\*\*")
_CHOICES = ("My answer is yes.", "My answer is no.", "My answer is maybe.")
_FENCES = ("```json", "```Json", "```JSON", "```")


def number_bullet_lists(response: str, *, num_bullets: int) -> bool:
    """Exactly so many lines that begin with `*`, but not `**`, or with `-`."""
    return len(_STAR.findall(response)) + len(_DASH.findall(response)) == num_bullets


def constrained_response(response: str) -> bool:
    """One of the three answers occurs: My answer is yes., My answer is no., My answer is maybe."""
    return any(choice in response for choice in _CHOICES)


def number_highlighted_sections(response: str, *, num_highlights: int) -> bool:
    """At least so many passages *highlighted* or **so**, within a line and not blank."""
    return sum(1 for form in (_HIGHLIGHT, _BOLD) for text in form.findall(response) if text.strip()) >= num_highlights


def multiple_sections(response: str, *, section_spliter: str, num_sections: int) -> bool:
    """At least so many headings such as `SECTION 1`: the splitter, a regular expression as in IFEval, and a number."""
    return len(re.split(rf"\s?{section_spliter.strip()}\s?\d+\s?", response)) - 1 >= num_sections


def json_format(response: str) -> bool:
    """The whole answer is JSON as Python reads it, or a code block of it; NaN is allowed, as in IFEval."""
    text = response.strip()
    for fence in _FENCES:
        text = text.removeprefix(fence)
    try:
        json.loads(text.removesuffix("```").strip())
    except (ValueError, RecursionError):
        return False
    return True


def title(response: str) -> bool:
    """A title <<in double angular brackets>>, within a line and not blank."""
    lines = ((line, line.find("<<"), line.rfind(">>")) for line in response.split("\n"))
    return any(start >= 0 and end > start + 2 and _is_titled(line[start : end + 2]) for line, start, end in lines)


def _is_titled(marked: str) -> bool:
    return bool(marked.lstrip("<").rstrip(">").strip())
