"""Filters that look at a row alone: what each drops and keeps, in English and Chinese, and why."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from datakit.filter import DROPPED, Filter
from datakit.filters.boilerplate import Boilerplate
from datakit.filters.conversation import Conversation
from datakit.filters.echo import Echo
from datakit.filters.empty_output import EmptyOutput
from datakit.filters.harmful_words import HarmfulWords
from datakit.filters.language import Language
from datakit.filters.length import Length
from datakit.filters.refusal import Refusal
from datakit.filters.repetition import Repetition
from datakit.filters.reward import MinReward
from datakit.filters.unfinished import Unfinished
from datakit.filters.url_only import UrlOnly
from datakit.filters.where import Where
from rewards.refusal import refusal_in
from schemas.errors import ConfigError
from schemas.parse import parse

ORDINARY = {"prompt": "What is it?", "output": "It is a cat.", "context": "What is it?", "roles": "user assistant"}
SCHEMA = {"row": pl.UInt32, "columns": pl.String, "reward": pl.Float64}


def frame(given: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """A frame as the stage gives it; each row says what is not ordinary about it."""
    rows = []
    for row, one in enumerate(given):
        context = {"context": one["prompt"]} if "prompt" in one else {}
        rows.append({"row": row, "columns": None, "reward": None, "calls": False, **ORDINARY, **context, **one})
    return pl.DataFrame(rows, schema_overrides=SCHEMA)


def values(rule: Filter, *given: dict[str, Any] | str) -> list[str | None]:
    """Why each row is dropped; None where it stays."""
    rows = frame([{"output": one} if isinstance(one, str) else one for one in given])
    dropped = rule.drop(rows.select("row", *rule.reads))
    assert dropped.schema == pl.Schema(DROPPED)
    return rows.join(dropped, on="row", how="left", maintain_order="left")["value"].to_list()


POOR = [
    (
        EmptyOutput(),
        ["", "  \n", "...", "N/A", "None", "None.", "<nooutput>", "No Output", "无", "无输出。", "\u200b", "```"],
    ),
    (UrlOnly(), ["https://a.org/b?c=1", "1. www.a.org\n2. https://b.org/c", "![chart](https://i.imgur.com/x.png)"]),
    (
        Boilerplate(),
        [
            "As an AI language model, I have no opinion.",
            "I'm an AI assistant and do not eat.",
            "作为一个人工智能语言模型，我没有感情。",
            "作為AI助手，我無法回答。",
            "My knowledge cutoff is 2021.",
        ],
    ),
    (
        Refusal(),
        [
            "I'm sorry, but I can't help with that.",
            "Sorry, we cannot complete this task.",
            "抱歉，我无法回答这个问题。",
        ],
    ),
    (
        Unfinished(),
        [
            "Here it is:\n```python\nprint(1)\n",
            "Paris is the capital of France. It is known for its museums and",
            "First open it.\n1. Open it.\n2. Close it.\n3.",
            "There are many benefits. First of all, it helps you to stay",
            "The sun is a star. It gives light, heat,",
            '{"a": 1, "b": [1, 2',
            "You need the following:",
            "We need (",
            "首先，我们需要了解情况。其次，我们要分析问题。最后，我们需要考虑到各个方面的影",
            "主要包括以下几点：",
            "太阳是恒星。它提供光、热，",
        ],
    ),
    (
        Repetition(),
        [
            "I like cats. " * 20,
            "I like cats a lot, they are the best of all animals. " * 3,
            "我喜欢猫，它们很可爱。" * 4,
            "the answer is yes and no and " * 30,
            "哈" * 100,
            "A dog is an animal that barks at cats and at men who bring letters to the house it lives in. " * 2,
        ],
    ),
    (
        Language(keep=("en", "zh")),
        ["La capitale de la France est Paris et elle est belle.", "これは日本語の文章です。"],
    ),
    (
        Language(keep=("zh",)),
        ["Paris is the capital of France.", "안녕하세요, 저는 학생입니다.", "The word 你好 means hello."],
    ),
    (
        Language(keep=("en",)),
        ["三原色是红色、蓝色和黄色。", "三原色是紅色、藍色和黃色。", "Python 是一种语言，库有 NumPy 和 Pandas。"],
    ),
    (Language(keep=("zh",), unknown="drop"), ["42", "Telegram"]),
]
GOOD = [
    (
        EmptyOutput(),
        ["7", "A", "是", "+", "<", "😀", "No", "否", ":-)", ".. / .- --", "Not applicable here because of x."],
    ),
    (UrlOnly(), ["See https://a.org", "a.b", "网址是 https://a.org 。请看"]),
    (
        Boilerplate(),
        [
            "As an AI engineer, I build models.",
            "I am a machine learning engineer and like it.",
            "人工智能是计算机科学的分支。作为一个老师，我喜欢它。",
            "AI language models are trained on text.",
        ],
    ),
    (Refusal(), ["I can't wait to see it!", "You cannot divide by zero.", "不能用水灭油火。"]),
    (
        Unfinished(),
        [
            "Paris",
            "是的",
            "1. One\n2. Two\n3. Three",
            "def f(x):\n    return x",
            "Dear Sir,\nI write to you. Thank you.\nBest regards,\nJohn",
            "Roses are red,\nViolets are blue,\nSugar is sweet,\nAnd so are you",
            "```python\nprint(1)\n```",
            '{"a": [1, 2]}',
            "You can do it! Just try it once more, my friend. #hope",
            "Name:\nPhone:\nEmail:",
            "他参与",
            "人工智能的发展",
            "https://a.org",
            "- 苹果\n- 香蕉",
        ],
    ),
    (
        Repetition(),
        [
            "ha ha ha",
            "\n".join(
                f"{n}. What is the difference between {a} and {b}?" for n, (a, b) in enumerate(["ab", "cd", "ef"] * 3)
            ),
            "\n".join(f"7 x {n} = {7 * n}" for n in range(1, 30)),
            "<table>" + "<tr><td>Row</td><td>Row</td></tr>\n" * 20 + "</table>",
            "```\n" + "print(1)\n" * 30 + "```",
            "Deck the halls with boughs of holly\nFa la la la la, la la la la\n'Tis the time\nFa la la la la, la la la",
        ],
    ),
    (
        Language(keep=("zh",)),
        ["是", "Python 是一种编程语言，库有 NumPy、Pandas 和 Matplotlib。", "三原色是紅色。", "42", "x = f(y)"],
    ),
    (
        Language(keep=("en",)),
        ["The word 你好 means hello in Chinese.", "Telegram", "def f(x):\n    return x[0] if x else None"],
    ),
]


@pytest.mark.parametrize(("rule", "outputs"), POOR)
def test_poor_answers_are_dropped(rule: Filter, outputs: list[str]) -> None:
    assert [output for output, value in zip(outputs, values(rule, *outputs), strict=True) if value is None] == []


@pytest.mark.parametrize(("rule", "outputs"), GOOD)
def test_good_answers_stay(rule: Filter, outputs: list[str]) -> None:
    assert [output for output, value in zip(outputs, values(rule, *outputs), strict=True) if value is not None] == []


def test_the_prompt_tells_whether_an_answer_is_one() -> None:
    link = {"prompt": "What is the URL of it?", "output": "https://a.org"}
    assert values(UrlOnly(), link, {**link, "prompt": "Explain it."}) == [None, "https://a.org"]
    none = {"prompt": "Is it positive, negative or none?", "output": "None"}
    assert values(EmptyOutput(), none, {**none, "prompt": "Write code."}) == [None, "None"]
    letter = {"prompt": "Write a letter to my boss.", "output": "Dear Sir,\nI am unable to complete the report."}
    sorry = {"prompt": "Write a letter.", "output": "I'm sorry, but I cannot help with that."}
    assert values(Refusal(), letter, sorry) == [None, "i cannot help"]
    wrong = {"prompt": "Why is lying unethical?", "output": "It is unethical to lie."}
    asked = {"prompt": "How can I do something illegal?", "output": "I cannot help you with that."}
    assert values(Refusal(), wrong, asked) == [None, "i cannot help"]


@pytest.mark.parametrize(
    "text",
    [
        "I cannot assist you.", "We won't be able to help.", "I must decline to answer.", "This goes against my rules.",
        "It is unethical to do so.", "There is no justification for it.", "I am unable to provide that.",
        "对不起，我不能提供帮助。", "我拒绝回答。", "恕难从命", "这个请求违反法律", "无可奉告",
        "這是違法的，我無法幫助你。",
        "I don’t have the ability to see.", "I cant help you.", "该要求是不道德的", "爱莫能助", "您的要求非法",
    ],
)  # fmt: skip
def test_no_refusal_is_lost_before_it_is_read(text: str) -> None:
    assert values(Refusal(), text) == [refusal_in(text)]


def test_an_echo_says_the_prompt_again() -> None:
    asked = "Name the three primary colours."
    given = [
        {"prompt": asked, "output": "name the THREE primary colours"},
        {"prompt": f"{asked}\nred, green, blue", "output": asked},
        {"prompt": "请列出三种原色。", "output": "请列出三种原色"},
        {"prompt": asked, "output": f"{asked} Red, yellow and blue."},
        {"prompt": "Say yes", "output": "yes"},
        {"prompt": "", "output": "yes"},
        {"prompt": "!", "output": "?"},
    ]
    assert values(Echo(), *given) == ["1.0", "1.0", "1.0", None, None, None, None]


def test_length_counts_characters_words_and_each_chinese_character() -> None:
    texts = ["one two three", "你好世界", "don't stop 你好", ""]
    assert values(Length(max=0), *texts) == ["3", "4", "4", None]
    assert values(Length(unit="characters", min=4, max=12), *texts) == ["13", None, "13", "0"]
    both = {"context": "a b", "output": "c d e"}
    assert values(Length(of="total", max=4), both) == ["5"]
    assert values(Length(of="prompt", min=4), {"prompt": "a b c"}) == ["3"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({}, "write min, max or both"),
        ({"min": 3, "max": 2}, "min 3 is above max 2"),
        ({"unit": "tokens", "max": 3}, "go together"),
        ({"tokenizer": "x", "max": 3}, "go together"),
    ],
)
def test_a_length_needs_bounds_that_fit(options: dict[str, Any], said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        parse(Length, options, "length")


def test_a_tokenizer_that_is_not_there_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="needs a tokenizer"):
        values(Length(unit="tokens", max=3, tokenizer=tmp_path / "absent"), "a")


def test_tokens_are_those_of_the_tokenizer_without_special_ones(tmp_path: Path) -> None:
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers

    letters = {letter: number for number, letter in enumerate(pre_tokenizers.ByteLevel.alphabet())}
    tokenizer = Tokenizer(models.BPE(vocab=letters, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.save(str(tmp_path / "tokenizer.json"))
    rule = Length(unit="tokens", max=5, tokenizer=tmp_path)
    assert values(rule, "four", "123456", "你好") == [None, "6", "6"]
    assert values(rule.model_copy(update={"min": 5}), "four", "12345") == ["4", None]
    assert values(rule.model_copy(update={"of": "total"}), {"context": "ab", "output": "cde"}) == ["6"]


def test_harmful_words_stand_alone_unless_their_script_has_no_spaces() -> None:
    rule = HarmfulWords(words=("ass", "f**k", "色情", "AV女优", "kill yourself", "Ärger"))
    found = ["an Ass.", "f**k it", "看AV女优吗", "他说ass了", "色情片", "KILL YOURSELF!", "ＡＳＳ", "ärger"]
    assert values(rule, *found) == ["ass", "f**k", "av女优", "ass", "色情", "kill yourself", "ass", "ärger"]
    assert values(rule, "class", "xf**k", "assess", "ass_x", "kill, yourself", "") == [None] * 6
    assert values(rule, {"prompt": "ass"}) == ["ass"]
    assert values(rule.model_copy(update={"of": "output"}), {"prompt": "ass"}) == [None]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (b"good\n\xff\xfe\n", r"words\.txt:2: not UTF-8"),
        (b"# list\n\n" + b"x" * 300, r"words\.txt:3: 300 characters"),
        (b"a\0b", r"words\.txt:1: a control character"),
        (b"# nothing\n\n", "no words"),
    ],
)
def test_a_broken_word_list_names_its_line(tmp_path: Path, content: bytes, said: str) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(content)
    with pytest.raises(ConfigError, match=said):
        values(HarmfulWords(files=(path,)), "a")
    with pytest.raises(ConfigError, match="No such file"):
        values(HarmfulWords(files=(tmp_path / "absent",)), "a")
    with pytest.raises(ConfigError, match="name a word list"):
        parse(HarmfulWords, {}, "harmful_words")


def test_a_word_list_may_have_comments_a_byte_order_mark_and_any_line_ends(tmp_path: Path) -> None:
    path = tmp_path / "words.txt"
    path.write_bytes(b"\xef\xbb\xbfbad\r\n# good\r\nworse \n")
    assert values(HarmfulWords(files=(path,)), "bad", "good", "worse") == ["bad", None, "worse"]


def test_languages_of_prompt_and_answer_are_told_apart() -> None:
    mixed = {"prompt": "请用英文介绍北京。", "output": "Beijing is the capital of China and it is old."}
    assert values(Language(keep=("en",)), mixed) == [None]
    assert values(Language(keep=("en",), of="prompt"), mixed) == ["zh"]
    assert values(Language(keep=("en",), of="both"), mixed) == ["zh, en"]
    with pytest.raises(ConfigError, match="no language 'xx'"):
        parse(Language, {"keep": ["xx"]}, "language")


@pytest.mark.parametrize(
    ("roles", "value"),
    [
        ("user assistant", None),
        ("system user assistant user assistant", None),
        ("user assistant tool tool assistant", None),
        ("user assistant tool", "last turn is not the assistant's"),
        ("user", "last turn is not the assistant's"),
        ("user user assistant", "two user turns in a row"),
        ("user assistant assistant", "two assistant turns in a row"),
        ("assistant user assistant", "begins without a user turn"),
        ("system assistant", "begins without a user turn"),
        ("user system assistant", "system turn after the start"),
        ("user tool assistant", "tool turn after a user turn"),
        ("user assistant tool user assistant", "user turn after a tool turn"),
        ("user bot", "unknown role among: user bot"),
        ("", "unknown role among: "),
    ],
)
def test_roles_take_turns(roles: str, value: str | None) -> None:
    assert values(Conversation(), {"roles": roles}) == [value]


def test_an_empty_user_turn_is_a_broken_conversation() -> None:
    assert values(Conversation(), {"prompt": " \n"}) == ["empty user turn"]


def test_a_row_without_reward_is_not_a_good_one() -> None:
    assert values(MinReward(min=0.5), {"reward": 0.5}, {"reward": 0.25}, {"reward": None}) == [
        None,
        "0.25",
        "no reward",
    ]
    assert values(MinReward(min=0.5), {"reward": float("nan")}) == ["NaN"]


def test_where_keeps_what_the_condition_holds_for() -> None:
    rule = Where(sql="length(output) < 5 AND columns->>'lang' = 'en' -- short ones")
    english, short = '{"lang": "en"}', {"output": "cat"}
    given = [{**short, "columns": english}, {"columns": english}, short, {**short, "columns": '{"lang": "de"}'}]
    assert values(rule, *given) == [None, "false", "null", "false"]


@pytest.mark.parametrize(
    ("sql", "said"),
    [
        ("lenth(output) < 3", "lenth.*there are prompt, output, context, roles, columns, and in columns: lang, n"),
        ("lang = 'en'", "lang"),
        ("output <", "syntax error"),
        ("output IN (SELECT * FROM read_csv('/etc/passwd'))", "disabled|not allowed|Permission"),
        ("count(*) > 1", "GROUP BY|aggregate"),
        ("(columns->>'n')::INT > 1", "Could not convert|Conversion"),
    ],
)
def test_a_condition_that_does_not_fit_is_one_line(sql: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said) as caught:
        values(Where(sql=sql), {"columns": '{"lang": "en", "n": "x"}'})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("sql", "message"),
    [
        ("length(output) >= avg(length(output)) OVER ()", "a condition looks at one row"),
        ("output IN (SELECT output FROM example)", "a condition looks at one row"),
        ("random() < 0.5", "random says something else each time"),
        ("true)::BOOLEAN AS holds FROM example UNION ALL SELECT 99, (false", "is a query of its own"),
        ("true) AS more, (true", "is a query of its own"),
    ],
)
def test_a_condition_is_one_expression_over_one_row(sql: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        values(Where(sql=sql), "a", "bb")


def test_links_in_full_width_brackets_are_links() -> None:
    assert values(UrlOnly(), "![替代文字]（https://i.imgur.com/feA1JWS.png）", "见 https://a.org") != [None, None]
    assert values(UrlOnly(), {"prompt": "请创建一个请求URL。", "output": "https://a.org"}) == [None]


def test_a_choice_is_an_answer_in_chinese_too() -> None:
    assert values(EmptyOutput(), {"prompt": "该函数返回null还是true？", "output": "null"}) == [None]
