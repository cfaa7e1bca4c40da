"""Reward completions whose Markdown is in order."""

from collections.abc import Sequence
from typing import Annotated

from pydantic import Field

from rewards.columns import texts_of
from rewards.markdown import open_block, without_code
from rewards.outcome import Verdict
from rewards.outline import bold_share, headings, wrong_heading, wrong_number, wrong_table
from rewards.rule import rule


@rule
def markdown_structure(
    completion: str,
    required_headings: list[str] | None = None,
    *,
    max_bold: Annotated[float, Field(ge=0, le=1)] = 0.3,
) -> Verdict:
    """Share of the checks that hold, 0.0 to 1.0; text without any Markdown has nothing wrong.

    Checked: code fences are closed; headings (`## Title`) have a title and skip no level; tables have a head, a row of
    dashes and rows of equal width; numbered lists count up; at most the share `max_bold` of the text is bold. With
    the column `required_headings` one more: these headings are there, in this order, at any level; case, emphasis,
    numbers before and colons after them aside.

    Raises:
        TypeError: the headings are no texts.
    """
    text = without_code(completion)
    bold = bold_share(text)
    checks = [
        "a code fence is not closed" if open_block(completion) else "",
        wrong_heading(text),
        wrong_table(text),
        wrong_number(text),
        f"{bold:.0%} is bold" if bold > max_bold else "",
    ]
    if required_headings is not None and (wanted := texts_of(required_headings, "required_headings")):
        checks.append(_missing(text, wanted))
    wrong = [check for check in checks if check]
    return Verdict(1 - len(wrong) / len(checks), "; ".join(wrong))


def _missing(text: str, wanted: Sequence[str]) -> str:
    """The first heading that is not there after the one before."""
    found = iter(headings(text))
    for title in wanted:
        if not any(heading.is_called(title) for heading in found):
            return f"no heading {title!r}" if title == wanted[0] else f"no heading {title!r} after those before it"
    return ""
