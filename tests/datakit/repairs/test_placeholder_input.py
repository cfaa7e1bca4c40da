"""Placeholders for an input that is not there."""

import pytest

PLACEHOLDERS = [
    *(
        "<noinput>",
        "No input",
        "noinput",
        r"\<noinput\>",
        "[No Input]",
        "N/A",
        "n/a.",
        "NA",
        "None",
        "(none)",
        "< noinput >",
    ),
    *(
        "no input required.",
        "No input is required.",
        "No additional input needed!",
        "NO INPUT",
        "Input: none",
        "'No input'",
    ),
    *(
        "<no input provided>",
        "**No input**",
        "Not applicable",
        "This task requires no input.",
        "\n\nNoinput",
        "No input\nN/A",
    ),
    *("无输入", "无", "无。", "（无输入）", "【无】", "无需输入", "不适用", "没有输入", "输入：无", "無輸入"),
]
KEPT = [
    *("<noinput>", "No input", "None", "无", "\nN/A\n", "No input\nNo input"[:8]),
    *(
        "Which of these apply?\nNone of the above",
        "Options:\nAll\nSome\nNone",
        "Which one?\nAll,\nNone",
        "Choose:\nN/A",
    ),
    *("Classify the following text.\nNone", "Convert this value to JSON.\nnull", "判断下面句子的情感。\n无"),
    *("Find an antonym.\nnothing", "Translate the word.\nNone", "写出反义词。\n无", "翻译：\n没有", "A\nB\nnone"),
    *(
        "Fix the sentence:\nno input was given to him",
        "Summarize.\nThe user gave no input",
        'He said\n"no input" twice',
    ),
    *("What is <noinput>?", "No inputs were given.\nWhy?", "Run it\n```\n<noinput>\n```", "Run it\n`<noinput>`"),
]


@pytest.mark.parametrize(
    "ask", ["Write a poem.", "Name a book", "写一首诗", "Two\nlines.", "هل هذا صحيح؟ .", "Smile 👨\u200d👩\u200d👧!"]
)
@pytest.mark.parametrize("placeholder", PLACEHOLDERS)
def test_a_last_line_that_says_there_is_no_input_goes(repaired, ask, placeholder):
    assert repaired("placeholder_input", f"{ask}\n{placeholder}") == ask


@pytest.mark.parametrize("text", KEPT)
def test_what_is_asked_stays(repaired, text):
    assert repaired("placeholder_input", text) == text


@pytest.mark.parametrize(
    "text", ["Write a poem <noinput>", "Write a poem \\<noinput\\>", "Write a poem [No input] <noinput>."]
)
def test_a_token_at_the_end_of_a_line_goes(repaired, text):
    assert repaired("placeholder_input", text) == "Write a poem"


def test_only_the_last_user_turn_is_looked_at(run):
    turns = [(0, 0, "user", "Hi\nno input"), (0, 1, "assistant", "A\nno input"), (0, 2, "user", "B\nno input")]
    found = run(["placeholder_input"], *turns, (0, -1, "assistant", "C\nno input"), (1, 0, "user", "D"))
    assert found.texts.rows() == [(0, 2, "B")]
