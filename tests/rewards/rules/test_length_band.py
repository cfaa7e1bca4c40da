"""`length_band`: sentences, and bounds that are none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.rules.length_band import length_band
from rewards.sentences import count_sentences


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("One. Two! Three?", 3),
        ("Dr. Smith met Mr. J. Jones at 3.14 p.m. yesterday. He left.", 2),
        ("Use a tool, e.g. Python. It works, i.e. it runs.", 2),
        ('He said "Stop!" and left. Then she said "Go."', 2),
        ("Wait... what? No!", 2),
        ("Really?! Yes.", 2),
        ("The U.S. economy grew.", 1),
        ("今天天气很好。我们去公园吧！好吗？", 3),
        ("他说：“好的。”然后走了。", 2),
        ("我用 Python 3.11。很好……真的", 3),
        ("Title without an end", 1),
        ("# Heading\nText follows. More.", 3),
        ("Points:\n- first\n- second\n\nDone.", 4),
        ("1. First item.\n2. Second item.", 2),
        ("步骤：\n1、先洗\n2、再切", 3),
        ("A line\nbroken in two.", 1),
        ("Run this:\n```python\nprint('A. B. C.')\n```\nDone.", 2),
        ("**Bold.** Next.", 2),
        ("It is version 2.0", 1),
        ("...", 0),
        ("", 0),
    ],
)
def test_sentences_in_english_and_chinese(text, count):
    assert count_sentences(text) == count
    assert length_band(text, None, count, count, "sentences").value is True


def test_whole_bounds_of_any_type_count_and_others_are_errors():
    assert length_band("a b", None, 2.0, "3").value is True
    with pytest.raises(ValueError, match="min_length: a whole number of at least 0 is wanted, found str 'two'"):
        length_band("a b", None, "two")
    with pytest.raises(ValueError, match=r"max_length: .* found bool True"):
        length_band("a b", None, None, True)


sentences = st.lists(st.sampled_from(["The cat sat.", "Is it so?", "天气很好。", "Go!"]), min_size=1, max_size=10)


@given(sentences, st.sampled_from([" ", "\n", "\n\n"]))
def test_plain_sentences_are_counted_however_they_are_set(parts, between):
    assert count_sentences(between.join(parts)) == len(parts)
