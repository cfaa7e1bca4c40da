"""`list_of`: further styles, and numbers of items that are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.rules.list_of import list_of


@pytest.mark.parametrize(
    ("completion", "n"),
    [
        ("> 1. a\n> 2. b", 2),
        ("> - a\n> - b\n> - c", 3),
        ("1️⃣ 苹果\n2️⃣ 梨\n🔟 桃", 3),
        ("a) one\nb) two", 2),
        ("(a) one\n(b) two\n(c) three", 3),
        ("1. one\n   a) x\n   b) y\n2. two", 2),
        ("A cat) is here", 0),
    ],
)
def test_quoted_lettered_and_keycap_lists(completion, n):
    assert list_of(completion, n).value is True
    assert list_of(completion, n + 1).value is False


@pytest.mark.parametrize("wanted", [2.5, -1, "two", True, float("inf"), float("nan"), [2]])
def test_a_number_of_items_that_is_none_is_an_error(wanted):
    with pytest.raises(ValueError, match="n_items: a whole number of at least 0 is wanted"):
        list_of("- a\n- b", wanted)


def test_whole_numbers_of_any_type_count():
    assert list_of("- a\n- b", 2.0).value is True
    assert list_of("- a\n- b", "2").value is True


@given(st.integers(0, 12), st.sampled_from(["{}. ", "{}) ", "{}、", "（{}）", "- ", "* ", "{}："]))
def test_a_list_of_any_style_has_its_number_of_items(n, style):
    text = "清单：\n" + "\n".join(style.format(place) + "项" for place in range(1, n + 1))
    assert list_of(text, n).value is True
