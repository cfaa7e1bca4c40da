"""`markdown_structure`: whether the Markdown of an answer is in order."""

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.outline import Heading, bold_share, headings
from rewards.rules.markdown_structure import markdown_structure

GOOD = """# Report

Some **bold** words.

## 1. Steps ##

1. One
   - detail
2. Two

| a | b \\| c |
|---|:-:|
| 1 | 2 |

```python
# no heading
###none
```

## 总结：

完。"""


def test_a_text_in_order_has_nothing_wrong():
    assert markdown_structure(GOOD) == markdown_structure("Plain text.") == markdown_structure("")
    assert markdown_structure(GOOD).value == 1.0
    assert headings("# A\n## B ##\n#\n####### C\n    # D") == [Heading(1, "A"), Heading(2, "B"), Heading(1, "")]


@pytest.mark.parametrize(
    ("completion", "reason"),
    [
        ("```python\nx = 1", "a code fence is not closed"),
        ("# A\n### B", "level 3 below level 1 at 'B'"),
        ("# 甲\n\n### 乙", "level 3 below level 1 at '乙'"),
        ("# A\n##B", "no space in '##B'"),
        ("#\ntext", "a heading without a title"),
        ("| a | b |\n| 1 | 2 |", "a table without a row of dashes below its head"),
        ("| a | b |\n|---|---|\n| 1 |", "row 3 of a table has 1 cells, its head 2"),
        ("| 名 | 数 |\n|---|\n| 一 | 1 |", "row 2 of a table has 1 cells, its head 2"),
        ("1. a\n2. b\n4. c", "4. after 2."),
        ("1. a\n   1. b\n   3. c\n2. d", "3. after 1."),
        ("1、苹果\n3、梨", "3. after 1."),
        ("**All of it**\n**is bold**", "100% is bold"),
        ("**重要** 是", "67% is bold"),
    ],
)
def test_what_is_wrong_is_named_and_costs_its_share(completion, reason):
    found = markdown_structure(completion)
    assert (found.value, found.reason) == (0.8, reason)


@pytest.mark.parametrize(
    "completion",
    [
        "## A\n### B\n# C",
        "1. a\n1. b\n1. c",
        "3. a\n4. b",
        "1. a\n2. b\n\n# New\n\n3. c",
        "1. a\n2. b\n\nAgain:\n1. c\n2. d",
        "#hashtag",
        "||v|| is the norm\n||w|| too",
        "|---C C G---|\n|---D D E---|",
        "| a | b |",
        "a | b without a table",
        "**bold** " + "word " * 20,
    ],
)
def test_what_only_looks_wrong_is_not(completion):
    assert markdown_structure(completion).value == 1.0


def test_required_headings_are_there_in_their_order():
    assert markdown_structure(GOOD, ["report", "Steps", "总结"]).value == 1.0
    assert markdown_structure(GOOD, ["Steps", "Report"]).reason == "no heading 'Report' after those before it"
    assert markdown_structure(GOOD, ["Summary"]).value == pytest.approx(5 / 6)
    assert markdown_structure(GOOD, "Steps").value == 1.0
    assert markdown_structure(GOOD, []).value == 1.0
    with pytest.raises(TypeError, match="required_headings: a text or a list of texts is wanted, found int 3"):
        markdown_structure(GOOD, 3)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Report\n======\n\nText.\n\nSteps\n-----\n\nMore.", [Heading(1, "Report"), Heading(2, "Steps")]),
        ("总结\n===\n完。\n\n### 一\n", [Heading(1, "总结"), Heading(3, "一")]),
        ("# A\n\n**B**\n---", [Heading(1, "A"), Heading(2, "**B**")]),
        ("2024 in review\n---", [Heading(2, "2024 in review")]),
        ("A sentence.\n---\nAnother.", []),  # a rule, as most people mean it
        ("一句话。\n---", []),
        ("Two lines\nof text\n---", []),
        ("- item\n---\n1. one\n---\n> said\n---", []),
        ("1. one\n---", []),
        ("| a | b |\n---", []),
        ("a | b\n--- | ---", []),
        ("Above\n\n---\n\nBelow", []),
        ("---\n---", []),
        ("---\ntitle: x\n---", []),
        ("x\n-", []),
    ],
)
def test_underlined_titles_are_headings(text, found):
    assert headings(text) == found


def test_underlined_titles_are_checked_as_others_are():
    assert markdown_structure("Report\n===\n\nSteps\n---\n\nOne.", ["report", "steps"]).value == 1.0
    assert markdown_structure("Report\n===\n\n### Steps").reason == "level 3 below level 1 at 'Steps'"
    assert markdown_structure("```\nReport\n===\n```", ["Report"]).reason == "no heading 'Report'"
    assert markdown_structure("1. a\n2. b\n\nNew\n---\n\n4. c").value == 1.0


def test_how_much_may_be_bold_is_an_option():
    assert markdown_structure("**half** half", max_bold=0.5).value == 1.0
    assert markdown_structure("**half** half", max_bold=0.4).value == 0.8
    assert bold_share("**a** b **c** d") == 0.5


@given(st.lists(st.integers(1, 6), min_size=1, max_size=8))
def test_headings_are_right_where_no_level_is_skipped(levels):
    text = "\n\n".join(f"{'#' * level} 标题" for level in levels)
    right = all(after <= before + 1 for before, after in pairwise(levels))
    assert (markdown_structure(text).value == 1.0) is right
    assert [heading.level for heading in headings(text)] == levels
