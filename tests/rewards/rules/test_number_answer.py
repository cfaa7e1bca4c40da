"""The final number of an answer, however it is written."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.rules.math_answer import math_answer
from rewards.rules.number_answer import number_answer


@pytest.mark.parametrize(
    ("completion", "answer", "right"),
    [
        ("2 + 3 = 5, so 5 * 4 = 20\n#### 20", "20", True),
        ("A: 20", "... #### 20", True),
        ("A: 20.00", 20, True),
        ("A: 1,234,567", "1234567", True),
        ("#### -3", "-3", True),
        ("It is \u22123.", "-3", True),
        ("The total is $1,200.50 for all.", "1200.5", True),
        ("The answer is 18 dollars per day.", "18", True),
        ("The answer is 20% of them.", "20", True),
        ("\\boxed{18}, not 19", "18", True),
        ("First 3, then 4 apples, 7", "7", True),
        ("7 apples of 12", "7", False),
        ("A: x = 3 + 4 = 7", "7", True),
        ("It is 3/4.", "0.75", True),
        ("between 3-5", "5", True),
        ("1.5e3", "1500", True),
        ("答案是１８。", "18", True),
        ("所以一共有18个苹果。", "18", True),
        ("答：一共十八个。", "18", True),
        ("答案是三千零五。", "3005", True),
        ("答案是两万。", "20000", True),
        ("答案是一点五。", "1.5", True),
        ("答案是负三。", "-3", True),
        ("**Answer:** 42", "42", True),
        ("Final answer: 42 kg", "42", True),
        ("答案：42。不是43。", "42", True),
        ("I cannot say.", "3", False),
        ("", "3", False),
        ("1e999999999", "3", False),
    ],
)
def test_final_numbers_are_told_apart(completion: str, answer: str | float, right: bool) -> None:
    assert number_answer(completion, answer).value is right


@pytest.mark.parametrize("rule", [number_answer, math_answer])
@pytest.mark.parametrize(
    ("completion", "answer", "wrong"),
    [
        # the mark ends its line
        ("The final answer is:\n\n$$\n18\n$$", "18", "19"),
        ("The answer is:\n\n\\[\n18\n\\]", "18", "19"),
        ("**The answer is:**\n\n18", "18", "19"),
        ("**Final answer:**\r\n\r\n**18 apples**", "18", "19"),
        ("### Final Answer\n\n18", "18", "19"),
        ("答案是：\n\n$$18$$", "18", "19"),
        ("最终答案：\n18元", "18", "19"),
        ("The answer is as follows:\n\n- 18 apples", "18", "-18"),
        ("**Answer:**\nFirst, 3 apples are bought for 5 each.\nSo it is 3 * 5 = 15.", "15", "3"),
        # the result of a step
        ("The total is 5 dollars.\n\nTherefore, she earns 18 dollars.", "18", "5"),
        ("Step 1: the solution is 3 litres.\nStep 2: so $x = 18$.", "18", "3"),
        ("First, the result is 6 eggs.\nFinally 3*6=18.\n**18**", "18", "6"),
        ("第一步结果是6个。\n所以一共18个。", "18", "6"),
        ("#### Step 2: add 5\nThe answer is 18.", "18", "2"),
        # sums
        ("A: 18*2 apples", "36", "18"),
        ("A: 10^2 meters", "100", "10"),
        ("A: 10² meters", "100", "102"),
        ("A: 20 - 2 apples", "18", "20"),
        ("A: 2 + 3 * 4 apples", "14", "2"),
        # ways of writing
        ("A: 1 234 dollars", "1234", "1"),
        ("A: 18,5 euro", "18.5", "18"),
        ("The answer is 3 1/2 cups", "3.5", "3"),
        ("A: ½", "0.5", "2"),
        ("A: 3½ cups", "3.5", "31"),
        ("A: 3.14e2", "314", "3.14"),
        ("\\boxed{1{,}234}", "1234", "1"),
        ("The answer is ...18 apples", "18", "0.18"),
        ("答案是18 cm²", "18", "2"),
        ("答案是三分之一", "1/3", "3"),
        ("答案是一又三分之一", "4/3", "1"),
        # magnitude
        ("答案是12万", "120000", "12"),
        ("答案是1亿2000万元", "120000000", "100000000"),
        ("答案是一亿二千万", "120000000", "12000"),
        ("答案是三百五", "350", "305"),
        ("答案是5千克", "5", "5000"),
        ("The answer is 1.5 million dollars", "1500000", "1.5"),
        ("A: $18k", "18000", "18"),
        ("A: 18 hundred-dollar bills", "18", "1800"),
        # sign
        ("答案是负18元", "-18", "18"),
        ("The answer is negative 18", "-18", "18"),
        ("The answer is minus 18 dollars", "-18", "18"),
        ("A: \u201318 dollars", "-18", "18"),
        ("A: -$18", "-18", "18"),
        # what is denied
        ("The answer is not 18, it is 20.", "20", "18"),
        ("The answer is not 18. It is 20.", "20", "18"),
        ("答案不是18，而是20。", "20", "18"),
        ("A: 20, not 18", "20", "18"),
    ],
)
def test_both_rules_read_a_statement_alike(rule, completion, answer, wrong) -> None:
    assert rule(completion, answer).value is True
    assert rule(completion, wrong).value is False


@pytest.mark.parametrize("rule", [number_answer, math_answer])
@pytest.mark.parametrize(
    "completion",
    [
        "A: either 18, 19, 20, 21",
        "A: 20 or 18 apples",
        "The answer is 18 dollars, 19 dollars or 20 dollars.",
        "The answer is between 18 and 20.",
        "The answer is 20, maybe 18",
        "A: 18 (or 20)",
        "\\boxed{18, 20}",
        "\\boxed{20 or 18}",
        "答案是18或20个",
        "答案是18、19、20",
        "答案是十八或二十",
        "答案是二十或十八",
        "The answer is not 18.",
        "A: 12:18 pm",
        "A: 10/0 apples",
        "A: 9^9^9^9 apples",
    ],
)
def test_several_answers_or_none_earn_nothing(rule, completion) -> None:
    for answer in ("18", "20", "9", "12", "10"):
        assert rule(completion, answer).value is False


def test_the_second_number_may_explain_the_first() -> None:
    for text in ("A: 18 dollars, 3 times as much", "A: 18 apples (3 boxes of 6)", "A: 18 boys and 18 girls"):
        assert number_answer(text, 18).value is True
        assert math_answer(text, 18).value is True


@pytest.mark.parametrize("text", ["The answer is " + "9" * 100_000, "9" * 5000 + "/" + "7" * 5000, "1/3e300"])
def test_a_number_of_many_digits_is_none(text: str) -> None:
    assert number_answer(text, "5").value is False


@pytest.mark.parametrize(
    "part", ["A:\n\\[ " + "word " * 8 + "\n", "the answer is $$ ", "1 234,5 ", "- ", "三又", "****"]
)
def test_long_texts_are_read_in_a_moment(part: str) -> None:
    began = time.process_time()
    number_answer(part * (200_000 // len(part)) + "5", "5")
    assert time.process_time() - began < 5


def test_a_tolerance_admits_what_is_near() -> None:
    assert not number_answer("A: 3.14", "3.14159").value
    assert number_answer("A: 3.14", "3.14159", tolerance=0.01).value


def test_a_right_answer_without_a_number_is_an_error_and_no_zero() -> None:
    with pytest.raises(ValueError, match="answer 'no idea' has no number"):
        number_answer("A: 3", "no idea")


@given(st.integers(-(10**12), 10**12))
def test_separators_and_marks_make_no_difference(number: int) -> None:
    for text in (f"A: {number:,}", f"#### {number}", f"so it is {number}", f"\\boxed{{{number}}}", f"答案是{number}。"):
        assert number_answer(text, number).value
        assert not number_answer(text, number + 1).value


@given(st.text(max_size=200))
def test_any_text_has_a_verdict(text: str) -> None:
    assert number_answer(text, 1).value in (True, False)
