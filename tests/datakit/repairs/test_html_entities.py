"""HTML entities."""

import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Tom &amp; Jerry&#39;s", "Tom & Jerry's"),
        ("&amp;amp;amp; &#38;lt;3", "& <3"),
        ("5&nbsp;km &#x1F600; 中文&hellip;", "5\xa0km 😀 中文…"),
        ("https://a.b/?c=1&amp;d=2", "https://a.b/?c=1&d=2"),
        ("&copy=1 &unknown; R&D; &#0; &#x110000;", "&copy=1 &unknown; R&D; &#0; &#x110000;"),
        ("&#96;x&#96;", "&#96;x&#96;"),
        ("`&amp;` &amp;", "`&amp;` &"),
        ("What does &amp; mean in HTML?", "What does &amp; mean in HTML?"),
        ("&lt;b&gt;bold&lt;/b&gt;", "&lt;b&gt;bold&lt;/b&gt;"),
        ("<p>a &amp; b</p>", "<p>a &amp; b</p>"),
        ("转义字符：&lt;", "转义字符：&lt;"),
    ],
)
def test_entities_become_characters_where_markup_is_not_the_subject(repaired, text, expected):
    assert repaired("html_entities", text) == expected


def test_one_turn_about_markup_spares_its_whole_row(run):
    about = [(0, 0, "user", "Escape the ampersand."), (0, -1, "assistant", "a &amp; b")]
    found = run(["html_entities"], *about, (1, 0, "user", "Hi"), (1, -1, "assistant", "c &amp; d"))
    assert found.texts.rows() == [(1, -1, "c & d")]
