"""White space: around texts, between lines, and at their ends."""

import pytest

CODE = "def f():\n    return 1\n\n\ndef g():\n    return 2"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (" \n a \n", "a"),
        ("\u3000你好\xa0", "你好"),
        ("line  \nnext  ", "line  \nnext"),
        ("   \n", ""),
        ("\n\n    return 1\n    # done \n", "    return 1\n    # done "),
        ("　　第一段\n　　第二段 ", "　　第一段\n　　第二段"),
        ("\n```\n x \n```  \n", "```\n x \n```"),
        ("a\n```\n unclosed \n\n", "a\n```\n unclosed \n\n"),
    ],
)
def test_white_space_goes_at_the_ends_of_a_text_only(repaired, text, expected):
    assert repaired("white_space", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\n\n\nb", "a\n\nb"),
        ("a\n \n\t\n　\n  b", "a\n\n  b"),
        ("一\n\n\n\n二\n\n三", "一\n\n二\n\n三"),
        ("a\n\nb", "a\n\nb"),
        (CODE, CODE),
        (f"a\n\n\n```\n{CODE}\n```", f"a\n\n```\n{CODE}\n```"),
    ],
)
def test_several_blank_lines_become_one(repaired, text, expected):
    assert repaired("blank_lines", text) == expected


@pytest.mark.parametrize(
    ("text", "expected"),
    [("a\r\nb\rc", "a\nb\nc"), ("a\x0bb\x0cc\u2028d\u2029e", "a\nb\nc\nd\ne"), ("`a\rb`\r", "`a\rb`\n")],
)
def test_every_line_break_is_a_line_feed(repaired, text, expected):
    assert repaired("line_breaks", text) == expected
