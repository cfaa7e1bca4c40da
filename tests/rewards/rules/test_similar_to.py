"""`similar_to`: edit distance to a reference."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.rules.similar_to import similar_to


@pytest.mark.parametrize(
    ("completion", "reference", "value"),
    [
        ("kitten", "sitting", 1 - 3 / 7),
        ("the answer", "the  answer\n", 1.0),
        ("今天天气很好", "今天天气不好", 1 - 1 / 6),
        ("abc", "xyz", 0.0),
        ("", "abc", 0.0),
        ("abc", ["xyz", "abd"], 2 / 3),
        ("abc", "", None),
        ("abc", [" "], None),
    ],
)
def test_the_share_of_characters_that_need_no_edit(completion, reference, value):
    assert similar_to(completion, reference).value == (value if value is None else pytest.approx(value))


def test_case_counts_unless_told():
    assert similar_to("ABC", "abc").value == 0.0
    assert similar_to("ABC", "abc", ignore_case=True).value == 1.0


def test_a_reference_that_is_no_text_is_an_error():
    with pytest.raises(TypeError, match="reference: a text or a list of texts is wanted, found dict"):
        similar_to("x", {"a": 1})


def edits(left: str, right: str) -> int:
    """The textbook's table."""
    row = list(range(len(right) + 1))
    for i, a in enumerate(left, start=1):
        above, row[0] = row[0], i
        for j, b in enumerate(right, start=1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (a != b))
    return row[-1]


short = st.text("ab天气", min_size=1, max_size=12)


@given(short, short)
def test_it_is_the_edit_distance_of_the_textbook(left, right):
    assert similar_to(left, right).value == pytest.approx(1 - edits(left, right) / max(len(left), len(right)))
    assert similar_to(left, right).value == pytest.approx(similar_to(right, left).value)
    assert similar_to(left, left).value == 1.0
