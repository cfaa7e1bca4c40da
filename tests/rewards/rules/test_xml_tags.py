"""`xml_tags`: the parts of an answer in their tags."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.rules.xml_tags import xml_tags

BOTH = ["reason", "answer"]


@pytest.mark.parametrize(
    ("completion", "share", "reason"),
    [
        ("<reason>r</reason>\n<answer>42</answer>", 1, ""),
        ("<reason>因为</reason>答案：<answer>四十二</answer>。", 1, ""),
        ('<reason kind="x">r</reason><answer >a</answer >', 1, ""),
        ("<reason>r <answer>a</answer></reason>", 1, ""),
        ("<reason>1 < 2 and <b>bold</b></reason><answer>a</answer>", 1, ""),
        ("<answer>a</answer>", 0.5, "<reason> is missing"),
        ("<answer>a</answer><reason>r</reason>", 0.5, "<answer> comes too early"),
        ("<reason>r</reason><answer>a", 0.5, "<answer> is not closed"),
        ("<reason>r</reason><answer> \n</answer>", 0.5, "<answer> is empty"),
        ("<reason>r</reason><answer/>", 0.5, "<answer> is missing"),
        ("<reason>r</reason>a</answer>", 0.5, "<answer> is closed more often than opened"),
        ("<reason>r</reason><answer>a</answer><answer>b</answer>", 0.5, "<answer> is there more than once"),
        ("<reason>r</reason><answer>a<answer>b</answer></answer>", 0.5, "<answer> is there more than once"),
        ("<reason>r<answer></reason>a</answer>", 0.5, "<answer> is not closed where it was opened"),
        ("<Reason>r</Reason><answer>a</answer>", 0.5, "<reason> is missing"),
        ("<reasons>r</reasons><answer>a</answer>", 0.5, "<reason> is missing"),
        ("no tags", 0, "<reason> is missing; <answer> is missing"),
        ("", 0, "<reason> is missing; <answer> is missing"),
    ],
)
def test_each_tag_once_closed_not_empty_and_in_order(completion, share, reason):
    found = xml_tags(completion, BOTH, partial=True)
    assert (found.value, found.reason) == (share, reason)
    assert xml_tags(completion, BOTH).value is (share == 1)


def test_only_tags_may_be_there_where_asked():
    assert xml_tags("\n<answer>a</answer> ", ["answer"], only=True).value is True
    assert xml_tags("<reason>r</reason>\n<answer>a</answer>", BOTH, only=True).value is True
    assert xml_tags("答案 <answer>a</answer>", ["answer"], only=True).value is False
    assert xml_tags("<reason>r</reason> so <answer>a</answer>", BOTH, only=True, partial=True).value == 0.0


def test_without_tags_it_does_not_apply_and_bad_names_are_errors():
    assert xml_tags("x", []).value is None
    with pytest.raises(ValueError, match="'<answer>' is no name of a tag"):
        xml_tags("x", ["<answer>"])
    with pytest.raises(ValueError, match="'a' is no name of a tag, or is there twice"):
        xml_tags("x", ["a", "a"])
    with pytest.raises(TypeError, match="tags: a text or a list of texts is wanted, found int 3"):
        xml_tags("x", 3)


names = st.lists(st.sampled_from(["a", "b", "思考", "x-1", "答案"]), unique=True, min_size=1)


@given(names, st.text(st.characters(exclude_characters="<>", exclude_categories=["Cs"]), min_size=1))
def test_what_is_built_right_is_right_and_loses_a_share_with_each_tag(wanted, text):
    parts = [f"<{name}>x{text}</{name}>" for name in wanted]
    assert xml_tags(text.join(parts), wanted).value is True
    assert xml_tags("\n".join(parts), wanted, only=True).value is True
    left = xml_tags(text.join(parts[:-1]), wanted, partial=True).value
    assert left == pytest.approx((len(wanted) - 1) / len(wanted))
