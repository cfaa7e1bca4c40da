"""The final number of an answer, however it is written."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

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
