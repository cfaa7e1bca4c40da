"""What holds for every repair, and for all of them together."""

import time

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from datakit.repair import Repair
from rewards.plugins import variant_class, variant_names

EVERY = sorted(variant_names("datakit.repairs"))
every_repair = pytest.mark.parametrize("name", EVERY)

FRAGMENTS = (
    *(
        "word",
        "Zwei.",
        "c'est ça",
        "你好，世界。",
        "「引号」“curly”",
        "مرحبا",
        "می\u200cخواهم",
        "שלום\u200f!",
        "हिन्दी क्\u200dष",
    ),
    *("👨\u200d👩\u200d👧", "❤️\u200d🔥", "🏴\U000e0067\U000e0062\U000e007f", "ﬁne ＦＵＬＬ　width", "naïve — café…"),
    *("cafÃ©", "â€œhiâ€\x9d", "Ã", "Â ", "Ã©Ã©", "\x93x\x94", "ÐŸÑ€", "æ\x97¥", "Ã‚Â©", "Â£5"),
    *("&", "&amp;", "amp;", "&lt;b&gt;", "&#39;", "&#96;", "&nbsp;", "&zwj;", "&shy;", "#38;", "&copy", ";"),
    *("\0", "\x1b[31m", "\x1b", "\u200b", "\u200d", "\ufeff", "\xad", "\u202e", "\u2028", "\x0b", "\r\n", "\r", "\x85"),
    *(" ", "\n", "\n\n", "  \n", "\t", "    ", "\n    x = 1", "\u3000", "\xa0", "\n\n\n\n"),
    *("`", "``", "```", "~~~", "\n```\n", "\n~~~~\n", "> ", "- ", "<p>", "HTML", "\ufdd0"),
    *("\nNo input", "<noinput>", "\n无", "N/A", "None", "?", ".", ":", "\nno input required."),
    *("a@b.co", "13800138000", "4111 1111 1111 1111", "192.168.0.1"),
)
"""Healthy and broken pieces; joined, they meet in ways that nobody thought of."""

HARD_TEXTS = st.lists(
    st.sampled_from(FRAGMENTS) | st.text(st.characters(exclude_categories=["Cs"]), max_size=6), max_size=14
).map("".join)


CODE = st.sampled_from(
    [
        "```\nx  =  1\n\n\n\ny&amp;\u200b\n```",
        "```python\ndef f():\n    return 'cafÃ©'  \n```",
        "~~~\n```\n&lt;\n~~~",
        "````\n```\nNo input\n```\n````",
        "`&amp;\u200b x`",
        "``a ` b&lt;\xad``",
        "    x = '&amp;'\n\n\n    y = 'Ã©\u200b'",
        "  ```js\n  a@b.co 192.168.0.1\r\n  ```",
    ]
)
PROSE = st.sampled_from(
    [
        "Look:",
        "你好 &amp; cafÃ©",
        "No input",
        "a\u200bb",
        "Zwei  ",
        "1. item",
        "👨\u200d👩\u200d👧",
        "مرحبا",
        "x\n\n\n\ny",
        "\0",
        "<noinput>",
    ]
)
MIXED = st.lists(st.tuples(PROSE, CODE), min_size=1, max_size=4)


def repair_of(name: str) -> Repair:
    return variant_class("datakit.repairs", name, Repair)()  # type: ignore[type-abstract]


def bare(name: str, *texts: str) -> list[str]:
    """These texts after the repair alone, whether or not it suspects them, code and all."""
    frame = pl.DataFrame({"text": texts}, schema={"text": pl.String})
    return frame.select(repair_of(name).repair(pl.col("text"))).to_series().to_list()


@every_repair
@given(texts=st.lists(HARD_TEXTS, min_size=1, max_size=5))
def test_repairing_twice_changes_nothing_more(name, texts):
    once = bare(name, *texts)
    assert bare(name, *once) == once


@every_repair
@given(texts=st.lists(HARD_TEXTS, min_size=1, max_size=5))
def test_texts_that_are_not_suspected_need_no_repair(name, texts):
    repair, text = repair_of(name), pl.col("text")
    found = pl.DataFrame({"text": texts}).select(text, suspect=repair.suspect(text), after=repair.repair(text))
    assert found.filter(~pl.col("suspect") & (pl.col("after") != text)).is_empty()


@given(text=HARD_TEXTS, answer=HARD_TEXTS)
def test_repaired_rows_are_left_alone_by_another_run(run, text, answer):
    turns = {0: ("user", text), -1: ("assistant", answer)}
    once = run(EVERY, *((0, part, *turn) for part, turn in turns.items())).texts
    turns |= {part: (turns[part][0], after) for _, part, after in once.iter_rows()}
    assert run(EVERY, *((0, part, *turn) for part, turn in turns.items())).changes.is_empty()


@every_repair
@given(pieces=MIXED, unclosed=st.sampled_from(["", "```\nNo input  \n&amp;\u200b\n\n\n\nÃ© \n"]))
def test_code_is_never_altered(repaired, name, pieces, unclosed):
    text = "\n\n".join(piece for pair in pieces for piece in pair) + (f"\n\n{unclosed}" if unclosed else "")
    after, at = repaired(name, text), 0
    for code in [code for _, code in pieces] + [unclosed]:
        at = after.index(code, at) + len(code)


@given(pieces=MIXED)
def test_code_is_not_altered_by_all_repairs_together(repaired, pieces):
    after, at = repaired(EVERY, "\n\n".join(piece for pair in pieces for piece in pair)), 0
    for _, code in pieces:
        at = after.index(code, at) + len(code)


@every_repair
@pytest.mark.parametrize(
    "text",
    [
        "The answer is 42.",
        "A “quoted” word — naïve, ½ °C, 5 × 2 ≤ 10 ™, £5 – €10, ¿qué?, SÃO PAULO, Œuvre, Ångström…",
        "ﬁne oﬃce, ＦＵＬＬ－ＷＩＤＴＨ，中文标点：「引号」、《书名》——完……",
        "カタカナ、ﾊﾝｶｸ、한국어",
        "مرحبا بالعالم، می\u200cخواهم، שלום \u200fעולם\u200e!",
        "क्\u200dष த\u200cமி ไทย\u200bไทย",
        "👨\u200d👩\u200d👧\u200d👦 ❤️\u200d🔥 👩🏽\u200d💻 🏳️\u200d🌈 1️⃣ ☎︎",
        "🏴\U000e0067\U000e0062\U000e0065\U000e006e\U000e0067\U000e007f",
        "Line one  \nline two\n\n- item\n\n  - nested\n\n| a | b |\n|---|---|",
        "def f(x):\n    return x\n\n\ndef g(x):\n    return x",
        "Tom & Jerry; R&D; AT&T; x?a=1&copy=2",
        "",
    ],
)
def test_healthy_text_stays_as_it_is(repaired, name, text):
    assert repaired(name, text) == text


def test_a_text_of_a_million_characters_takes_no_longer_than_it_must(run):
    bad = ["Ã©", "&amp;", "\u200b", "\0", "` ", "\n\n\n", "&#38;", " ", "a\n```\n", "Zwei\nNo input"]
    turns = [(row, -1, "assistant", piece * (1_000_000 // len(piece))) for row, piece in enumerate(bad)]
    start = time.perf_counter()
    run(EVERY, *turns)
    assert time.perf_counter() - start < 60  # about 5 s; a quadratic pattern would take hours


def test_ordinary_texts_are_never_handed_to_python(run):
    turns = [(row, -1, "assistant", f"Answer {row}: naïve “text”, 中文。") for row in range(200_000)]
    start = time.perf_counter()
    assert run(["unicode", "html_entities", "invisible", "white_space"], *turns).changes.is_empty()
    assert time.perf_counter() - start < 10  # about 0.3 s


def test_no_texts_are_no_changes(run):
    assert run(EVERY).texts.is_empty()
