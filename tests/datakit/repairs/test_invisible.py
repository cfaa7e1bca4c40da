"""Characters that nobody sees."""

import pytest


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a\u200bb\ufeff\u2060", "ab"),
        ("\0x\x1b[1;31mred\x1b[0m\x7f", "xred"),
        ("soft\xadhyphen", "softhyphen"),
        ("abc\u202edef\u200e", "abcdef"),
        ("hid\U000e0041\U000e0042den", "hidden"),
        ("a\u200d b\u200c", "a b"),
        ("你\u200b好\u200d", "你好"),
        ("\x85\x9f", ""),
        ("tab\tand\nline", "tab\tand\nline"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("שלום\u200f!", "שלום\u200f!"),
        ("क्\u200dष", "क्\u200dष"),
        ("ไทย\u200bไทย", "ไทย\u200bไทย"),
        ("👨\u200d👩\u200d👧 ❤️\u200d🔥 ☎︎ 1️⃣", "👨\u200d👩\u200d👧 ❤️\u200d🔥 ☎︎ 1️⃣"),
        ("`a\u200bb` c\u200bd", "`a\u200bb` cd"),
    ],
)
def test_debris_goes_and_what_a_script_needs_stays(repaired, text, expected):
    assert repaired("invisible", text) == expected
