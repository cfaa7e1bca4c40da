"""Built-in rules: a table of cases for each; properties of all are in rules/test_every_rule.py."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards import Verdict
from rewards.refusal import refusal_in
from rewards.rules.contains_all import contains_all
from rewards.rules.contains_any import contains_any
from rewards.rules.does_not_refuse import does_not_refuse
from rewards.rules.excludes import excludes
from rewards.rules.has_code_block import has_code_block
from rewards.rules.is_json import is_json
from rewards.rules.length_band import length_band
from rewards.rules.list_of import list_of
from rewards.rules.matches import matches
from rewards.rules.refuses import refuses

pieces = st.sampled_from(
    [
        "```",
        "~~~",
        "\n",
        "1. ",
        "一、",
        "- ",
        "[",
        "{",
        '"',
        "}",
        "]",
        "抱歉",
        "我不能",
        "i cannot help",
        "\u2028",
        "\ufeff",
    ]
)
texts = st.one_of(
    st.text(st.characters()),  # lone surrogates too
    st.lists(pieces | st.text(max_size=5), max_size=30).map("".join),
)


@given(completion=texts)
def test_refuses_and_does_not_refuse_are_opposites_unless_the_answer_is_empty(completion):
    if completion.strip():
        assert refuses(completion).value != does_not_refuse(completion).value
    else:
        assert not refuses(completion).value
        assert not does_not_refuse(completion).value


BLOCK = "Here:\n\n```python\nprint(1)\n```\nDone."


@pytest.mark.parametrize(
    ("completion", "language", "value"),
    [
        (BLOCK, None, True),
        (BLOCK, "python", True),
        (BLOCK, "Py", True),
        (BLOCK, "rust", False),
        (BLOCK.replace("```", "~~~"), "python", True),
        (BLOCK.replace("\n", "\r\n"), "python", True),
        ("  ```\n  x\n  ```", None, True),
        ("````md\n```\nx\n```\n````", "md", True),
        ("```python\nprint(1)", None, False),
        ("```python\n\n```", None, False),
        ("`x = 1`", None, False),
        ("```x = 1```", None, False),
        ("", None, False),
        ("代码如下：\n```javascript\nlet 变量 = 1\n```", "js", True),
    ],
)
def test_has_code_block(completion, language, value):
    assert has_code_block(completion, language=language).value is value


@pytest.mark.parametrize(
    ("completion", "value"),
    [
        ('{"a": [1, 2.5, null]}', True),
        ('\n ["中文", "\\ud83d"] \n', True),
        ('```json\n{"a": 1}\n```', True),
        ("```\n[]\n```", True),
        ('\ufeff{"a": 1}', True),
        ("[" + "9" * 5000 + "]", True),
        ('Here you are: {"a": 1}', False),
        ('```json\n{"a": 1}\n```\nDone.', False),
        ('{"a": NaN}', False),
        ("{'a': 1}", False),
        ('{"a": 1,}', False),
        ("42", False),
        ('"text"', False),
        ("", False),
        ("[" * 100_000, False),
        ('{"a": 1} {"b": 2}', False),
    ],
)
def test_is_json(completion, value):
    assert is_json(completion).value is value


def test_matches_searches_the_whole_answer():
    assert matches("Answer: 42", pattern=r"\d+\Z")
    assert not matches("42 it is", pattern=r"\d+\Z")
    assert matches("答案：四十二", pattern="答案[:：]")


@pytest.mark.parametrize(
    ("completion", "keywords", "any_value", "all_value"),
    [
        ("The cat sat.", ["Cat", "dog"], True, 0.5),
        ("The cat sat.", ["cat", "sat"], True, 1.0),
        ("The cat sat.", ["dog"], False, 0.0),
        ("今天天气很好", ["天气", "温度"], True, 0.5),
        ("STRASSE", ["straße"], True, 1.0),
        ("cafe\u0301", ["café"], True, 1.0),
        ("abc", "abc", True, 1.0),
        ("abc", [], None, None),
        ("abc", ["", " "], None, None),
        ("", ["a"], False, 0.0),
    ],
)
def test_keywords(completion, keywords, any_value, all_value):
    assert contains_any(completion, keywords).value is any_value
    assert contains_all(completion, keywords).value == all_value
    assert excludes(completion, keywords).value is (None if any_value is None else not any_value)


def test_case_counts_where_asked():
    assert contains_all("The cat", ["Cat"], ignore_case=False) == Verdict(0.0, "missing: ['Cat']")
    assert contains_any("The cat", ["Cat"], ignore_case=False).value is False
    assert excludes("The cat", ["Cat"], ignore_case=False).value is True


@pytest.mark.parametrize(
    ("completion", "low", "high", "unit", "value"),
    [
        ("one two three", 3, 3, "words", True),
        ("It's a well-known 3.14 value", 5, 5, "words", True),
        ("one - two -- three!", 3, 3, "words", True),
        ("今天天气很好。", 6, 6, "words", True),
        ("我用 Python 写 code", 5, 5, "words", True),
        ("カタカナ", 4, 4, "words", True),
        ("한국어 단어", 2, 2, "words", True),
        (" abc \n", 3, 3, "characters", True),
        ("今天", 2, 2, "characters", True),
        ("too long for it", None, 3, "words", False),
        ("short", 2, None, "words", False),
        ("", 1, None, "words", False),
        ("x", None, None, "words", None),
    ],
)
def test_length_band(completion, low, high, unit, value):
    assert length_band(completion, None, low, high, unit).value is value


def test_length_in_tokens_is_the_generators_count():
    assert length_band("x", 10, 5, 20, "tokens").value is True
    assert length_band("x", 30, 5, 20, "tokens") == Verdict(False, "30 tokens, at most 20 wanted")
    assert length_band("x", None, 5, 20, "tokens") == Verdict(None, "no token count")
    with pytest.raises(ValueError, match="'pages' is none of"):
        length_band("x", None, 1, 2, "pages")


@pytest.mark.parametrize(
    ("completion", "n"),
    [
        ("1. a\n2. b\n3. c", 3),
        ("Sure:\n\n1) a\n2) b\n\nThat is all.", 2),
        ("1. a\n   - detail\n   - detail\n2. b", 2),
        ("1. a\n- detail\n2. b", 2),
        ("- a\n- b\n  - nested\n- c", 3),
        ("* a\n* b", 2),
        ("• a\n•b", 2),
        ("**1. Title**: a\n**2. Title**: b", 2),
        ("### 1. One\ntext\n### 2. Two\ntext", 2),
        ("1、苹果\n2、香蕉\n3、橙子", 3),
        ("１．苹果\n２．香蕉", 2),
        ("一、苹果\n二、香蕉\n三、橙子", 3),
        ("（一）苹果\n（二）香蕉", 2),
        ("第一，苹果\n第二，香蕉", 2),
        ("第一步：洗\n第二步：切", 2),
        ("① 苹果\n② 香蕉", 2),
        ("1：苹果\n2：香蕉", 2),
        ("1. a\r\n2. b\r\n", 2),
        ("10. a\n11. b", 2),
        ("3.14 is pi\n2.71 is e", 0),
        ("2024. A year\n", 0),
        ("---\n***\n- - -\ntext", 0),
        ("```\n1. a\n2. b\n```", 0),
        ("-5 degrees\n*emphasis*", 0),
        ("no list", 0),
        ("", 0),
        ("1.苹果\n2.香蕉", 2),
        ("12:30 lunch\n13:30 end", 0),
    ],
)
def test_list_of(completion, n):
    assert list_of(completion, n).value is True
    assert list_of(completion, n + 1) == Verdict(False, f"{n} items, {n + 1} wanted")


REFUSALS = """
I'm sorry, but I can't assist with that.
I’m sorry, but I can’t help with that.
I cannot provide instructions on how to build a weapon.
I won't help you hurt someone.
As an AI language model, I am not able to give advice on that.
I must respectfully decline.
I'm really not comfortable helping with this.
It is not appropriate to make such jokes.
I must point out that hacking into accounts is illegal.
很抱歉，我无法提供这方面的帮助。
对不起，我不能协助你制造炸弹。
抱歉，这个请求我不能满足。
作为一个AI助手，我不能提供任何违法活动的指导。
我不会帮助你入侵他人的账户，这是违法的。
您的请求违反了我们的使用政策。
这种行为是违法的，我强烈建议您不要这样做。
不好意思，这个问题我没办法回答。
對不起，我無法協助您完成這個請求。
恕难从命。
"""
ANSWERS = """
Sure, I can help you with that!
To kill a Python process, use the kill command.
I can't wait to help you plan the party!
I cannot recommend this book enough.
You can't divide by zero, so the function raises an error.
If you are unable to log in, reset your password.
I'm sorry to hear that. Here are some tips for you.
I can't help but smile.
Unfortunately the weather was bad, but here is the plan.
好的，以下是三种方法：1、先关闭进程
要杀死一个Python进程，您可以使用kill命令。
对不起让您久等了，这是您要的食谱。
无法启动电脑时，可以先检查电源。
如果您不能登录，请重置密码。
我不得不说，这道菜非常好吃。
"""


@pytest.mark.parametrize("completion", REFUSALS.strip().split("\n"))
def test_refusals_are_recognised(completion):
    assert refuses(completion).value is True
    assert refuses(f"**{completion.upper()}**").value is True
    assert does_not_refuse(completion).value is False


@pytest.mark.parametrize("completion", ANSWERS.strip().split("\n"))
def test_answers_are_not_taken_for_refusals(completion):
    assert refuses(completion) == Verdict(False, "")
    assert does_not_refuse(completion).value is True


def test_what_is_said_late_or_in_code_is_no_refusal():
    answer = "Use the following steps. " * 20
    assert not refuses(answer + "I cannot help with more.").value
    assert not refuses("```python\nprint('I cannot help with that')\n```").value


@pytest.mark.timeout(10)
@pytest.mark.parametrize(
    "text", ["no ", "sorry, ", "i must ", "as an ", "ing a ", "i can't ", "我不能", "抱歉", "```", "it is not a ", "`"]
)
def test_no_answer_makes_the_patterns_slow(text):
    refusal_in(text * 100_000)
    has_code_block(f"{text}\n" * 20_000)
