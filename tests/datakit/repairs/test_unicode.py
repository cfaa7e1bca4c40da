"""Text in the wrong encoding."""

import pytest


@pytest.mark.parametrize(
    ("broken", "meant"),
    [
        ("cafÃ©", "café"),
        ("â€œhiâ€\x9d", "“hi”"),
        ("Â£5 â€“ â‚¬10", "£5 – €10"),
        ("ÐŸÑ€Ð¸Ð²ÐµÑ‚", "Привет"),
        ("æ\x97¥æ\x9c¬", "日本"),
        ("\x93quoted\x94 it\x92s", "“quoted” it’s"),
        ("MÃ¼nchen 中文，“好” 👨\u200d👩\u200d👧 مرحبا", "München 中文，“好” 👨\u200d👩\u200d👧 مرحبا"),
        ("fine naïve line\nRÃ©sumÃ©", "fine naïve line\nRésumé"),
        ("ÃƒÂ©", "é"),
    ],
)
def test_a_text_is_read_as_it_was_meant(repaired, broken, meant):
    assert repaired("unicode", broken) == meant


def test_code_is_left_as_it_is_beside_a_text_that_is_mended(repaired):
    assert repaired("unicode", "Ã© in `Ã©`:\n```\nÃ©\n```\nÃ©") == "é in `Ã©`:\n```\nÃ©\n```\né"


def test_what_lost_a_byte_is_not_replaced_by_a_question_mark(repaired):
    assert "\ufffd" not in repaired("unicode", "â€ and Ã")
