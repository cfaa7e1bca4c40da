"""Placeholders and a postscript."""

import re

_PLACEHOLDER = re.compile(r"\[[^\]\n]*\]")
_POSTSCRIPTS = {"P.P.S": r"p\.\s?p\.\s?s", "P.S.": r"p\.\s?s\."}
"""The two published markers, which may be written with blanks; any other is a regular expression."""


def number_placeholders(response: str, *, num_placeholders: int) -> bool:
    """At least so many placeholders in square brackets, such as [address]."""
    # up to the last bracket of a line, so that each `[` finds its `]`
    lines = (line[: line.rfind("]") + 1] for line in response.split("\n"))
    return sum(len(_PLACEHOLDER.findall(line)) for line in lines) >= num_placeholders


def postscript(response: str, *, postscript_marker: str) -> bool:
    """The marker of a postscript occurs, in any case."""
    marker = postscript_marker.strip()
    return re.search(_POSTSCRIPTS.get(marker, marker.lower()), response.lower()) is not None
