"""`keyword_count`, and whole words in the other rules of keywords."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.keywords import keyword_counts
from rewards.rules.contains_all import contains_all
from rewards.rules.contains_any import contains_any
from rewards.rules.excludes import excludes
from rewards.rules.keyword_count import keyword_count


@pytest.mark.parametrize(
    ("text", "keyword", "count"),
    [
        ("A cat, the Cat; concatenate cats.", "cat", 2),
        ("cat-like cat's _cat", "cat", 2),
        ("用Python写Python3", "Python", 1),
        ("今天天气好，天气真好", "天气", 2),
        ("한국어는 한국어", "한국어", 2),
        ("C++ and C#, not ABC++", "C++", 1),
        ("the United States of America", "united states", 1),
        ("cafe\u0301 cafés cafe", "café", 1),
        ("cafe\u0332", "cafe", 0),
        ("की क", "क", 1),
        ("STRASSE", "straße", 1),
        ("ภาษาไทย", "ไทย", 1),
        ("aaaa", "aa", 0),
        ("aa aa", "aa", 2),
        ("naïveté", "naïve", 0),
        ("", "a", 0),
    ],
)
def test_words_have_bounds_where_their_script_has(text, keyword, count):
    assert keyword_counts(text, [keyword], ignore_case=True) == [count]
    assert contains_any(text, [keyword], whole_words=True).value is (count > 0)
    assert contains_all(text, [keyword], whole_words=True).value == float(count > 0)
    assert excludes(text, [keyword], whole_words=True).value is (count == 0)


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("in New\nYork", "New York"),
        ("in New\u00a0 \r\n\tYork", "new york"),
        ("it isn’t so", "isn't"),
        ("it isn't so", "isn’t"),
        ("rock ‘n’ roll", "rock 'n' roll"),
        ("the “best” one", '"best"'),
        ("a well\u2011known man", "well-known"),
        ("a well-known man", "well\u2010known"),
        ("pages 3–5", "3-5"),
        ("co\u00adoperate", "cooperate"),
        ("a p\u200bass\u200dwo\ufeffrd", "password"),
        ("a ｐａｓｓｗｏｒｄ", "password"),
        ("𝐩𝐚𝐬𝐬𝐰𝐨𝐫𝐝", "password"),
        ("\u202epassword\u202c", "password"),
        ("人工\u200b智能", "人工智能"),
        ("研究人工\n智能", "人工智能"),
        ("研究人工\n  智能", "人工智能"),
        ("ＧＰＴ－４", "GPT-4"),
        ("用“引号”", '"引号"'),
        ("ガ", "ｶﾞ"),
    ],
)
def test_what_looks_the_same_is_the_same(text, keyword):
    for whole_words in (True, False):
        assert contains_all(text, [keyword], whole_words=whole_words).value == 1.0
        assert excludes(text, [keyword], whole_words=whole_words).value is False
    assert keyword_count(text, [keyword], 1, 1).value == 1.0


@pytest.mark.parametrize(
    ("text", "keyword"),
    [
        ("New. York", "New York"),
        ("NewYork", "New York"),
        ("well known", "well-known"),
        ("a — b", "a - b"),
        ("new\ntown", "newtown"),
        ("人工 智能", "人工智能"),
        ("人工\n\n智能", "人工智能"),
        ("anything", "\u200b"),
    ],
)
def test_what_looks_different_is_different(text, keyword):
    assert contains_any(text, [keyword]).value is False
    assert excludes(text, [keyword]).value is True


def test_without_whole_words_they_are_found_inside_of_others():
    assert excludes("concatenate", ["cat"]).value is False
    assert keyword_count("concatenate", ["cat"], whole_words=False).value == 1.0
    assert keyword_count("concatenate", ["cat"]).value == 0.0


def test_the_share_of_keywords_that_occur_as_often_as_wanted():
    text = "red red red green green blue"
    colours = ["red", "green", "blue", "black"]
    assert keyword_count(text, colours).value == 0.75
    assert keyword_count(text, colours, 2).value == 0.5
    assert keyword_count(text, colours, 2, 2).value == 0.25
    assert keyword_count(text, colours, 0, 0).value == 0.25
    assert keyword_count(text, colours, 2, 2).reason == "times: {'red': 3, 'blue': 1, 'black': 0}"
    assert keyword_count("天气好，天气好", "天气", 2).value == 1.0
    assert keyword_count("Red", ["red"], ignore_case=False).value == 0.0


def test_without_keywords_it_does_not_apply_and_bad_columns_are_errors():
    assert keyword_count("x", [" "]).value is None
    with pytest.raises(TypeError, match="keywords: a text or a list of texts is wanted, found int 3"):
        keyword_count("x", 3)
    with pytest.raises(TypeError, match="forbidden: a text or a list of texts is wanted, found list"):
        excludes("x", ["a", None])
    with pytest.raises(ValueError, match="min_count: a whole number of at least 0 is wanted, found int -1"):
        keyword_count("x", ["a"], -1)
    with pytest.raises(ValueError, match=r"max_count: .* found float 2\.5"):
        keyword_count("x", ["a"], 1, 2.5)


@given(st.lists(st.sampled_from(["cat", "cats", "Cat", ",", "猫", " ", "9", "_"])).map("".join))
def test_ascii_words_are_counted_as_a_regular_expression_does(text):
    assert keyword_counts(text, ["cat"], ignore_case=True) == [len(re.findall(r"(?ai)\bcat\b", text))]


@given(st.text(), st.text(min_size=1, max_size=3))
def test_whole_words_are_never_more_than_all(text, keyword):
    whole = keyword_counts(text, [keyword], ignore_case=True)[0]
    inside = keyword_counts(text, [keyword], ignore_case=True, whole_words=False)[0]
    assert whole <= inside
