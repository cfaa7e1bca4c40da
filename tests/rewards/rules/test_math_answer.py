"""Mathematical answers: what is marked as the answer, read as mathematics, equal or not."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.engine import Limits, RulePool
from rewards.rule import rule_of
from rewards.rules.math_answer import math_answer
from rewards.scorer import bind

CASES = [
    ("So it is \\boxed{\\frac{1}{2}}.", "\\frac12", True),
    ("So it is \\boxed{0.5}.", "\\frac{1}{2}", True),
    ("The answer is 1/2.", "\\frac{1}{2}", True),
    ("\\boxed{2}", "3", False),
    ("\\boxed{x=5}", "5", True),
    ("Therefore x = 5", "5", True),
    ("\\boxed{\\{1,2,3\\}}", "\\{3,2,1\\}", True),
    ("\\boxed{[0,1)}", "[0,1)", True),
    ("\\boxed{(0,1)}", "[0,1)", False),
    ("\\boxed{(-\\infty, 2) \\cup (3, \\infty)}", "(-\\infty,2)\\cup(3,\\infty)", True),
    ("\\boxed{\\begin{pmatrix}1&2\\\\3&4\\end{pmatrix}}", "\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}", True),
    ("\\boxed{\\begin{pmatrix}1&2\\\\3&5\\end{pmatrix}}", "\\begin{pmatrix} 1 & 2 \\\\ 3 & 4 \\end{pmatrix}", False),
    ("\\boxed{50\\%}", "50", True),
    ("\\boxed{50\\%}", "50\\%", True),
    ("\\boxed{1\\frac{1}{2}}", "\\frac{3}{2}", True),
    ("\\boxed{10\\text{ cm}}", "10", True),
    ("\\boxed{90^\\circ}", "90", True),
    ("\\boxed{\\text{Tuesday}}", "Tuesday", True),
    ("\\boxed{\\text{Monday}}", "\\text{Tuesday}", False),
    ("\\boxed{3\\times 10^5}", "300000", True),
    ("\\boxed{\\sqrt{8}}", "2\\sqrt{2}", True),
    ("\\boxed{x^2+2x+1}", "(x+1)^2", True),
    ("\\boxed{\\pi}", "\\pi", True),
    ("\\boxed{3.14}", "\\pi", False),
    ("First \\boxed{1}, then \\boxed{2}.", "2", True),
    ("#### 18", "18", True),
    ("A: 18", "#### 18", True),
    ("A: 1,800", "1800", True),
    ("A: $18", "18", True),
    ("The answer is 18 dollars.", "18", True),
    ("答案是18。", "18", True),
    ("答案：18个", "18", True),
    ("答：小明有18个苹果。", "18", True),
    ("最终答案是 \\boxed{18} 个。", "18", True),
    ("A: 18.00", "18", True),
    ("**Answer:** 42", "42", True),
    ("The final answer is $\\frac{3}{4}$.", "0.75", True),
    ("I do not know.", "5", False),
    ("", "5", False),
    ("\\boxed{}", "5", False),
    ("\\boxed{-\\frac{1}{3}}", "\\frac{-1}{3}", True),
    ("\\boxed{2,3}", "2,3", True),
    ("\\boxed{(2,3)}", "(2,3)", True),
    ("\\boxed{(3,2)}", "(2,3)", False),
    ("\\boxed{10^{-3}}", "0.001", True),
    ("\\boxed{\\frac{\\sqrt{3}}{2}}", "\\frac{1}{2}\\sqrt{3}", True),
    ("\\boxed{5!}", "120", True),
    ("\\boxed{12:30}", "12:30", True),
    ("\\boxed{C}", "C", True),
    ("\\boxed{\\text{(C)}}", "C", True),
    ("\\boxed{1{,}000}", "1000", True),
    ("\\boxed{x \\geq 3}", "x\\ge3", True),
    ("\\boxed{y = 2x + 1}", "y=2x+1", True),
    ("\\boxed{2 \\sin x \\cos x}", "\\sin(2x)", True),
    ("\\[ \\boxed{7} \\]", "7", True),
    ("It equals $7$.", "7", True),
    ("x = 1 or x = 2, so the answer is x = 1 or x = 2", "1,2", True),
    ("一共十八个，答案是十八", "18", True),
    ("So the answer is 1,080 in all.", "1,080", True),
    ("A: 1/2 of the cake", "\\frac{1}{2}", True),
    ("A: 0.33 of the cake", "\\frac{1}{3}", False),
    ("The answer is:\n\n$$\n\\frac{3}{4}\n$$", "0.75", True),
    ("**Final Answer**\n\n\\[\nx = \\sqrt{8}\n\\]", "2\\sqrt{2}", True),
    ("A: 18 km/h", "18", True),
]


@pytest.mark.parametrize(("completion", "answer", "right"), CASES)
def test_answers_are_told_apart(completion: str, answer: str, right: bool) -> None:
    assert math_answer(completion, answer).value is right


@given(st.integers(-(10**9), 10**9), st.integers(1, 10**4))
def test_a_fraction_is_right_however_it_is_reduced(above: int, below: int) -> None:
    assert math_answer(rf"\boxed{{\frac{{{2 * above}}}{{{2 * below}}}}}", rf"\frac{{{above}}}{{{below}}}").value


def test_an_answer_that_is_a_number_in_the_data_is_read_too() -> None:
    assert math_answer("A: 18", 18).value
    assert math_answer("A: 0.5", 0.5).value


@pytest.mark.parametrize("answer", ["", " ", "$$"])
def test_a_right_answer_that_is_missing_is_an_error_and_no_zero(answer: str) -> None:
    with pytest.raises(ValueError, match="cannot be read as mathematics"):
        math_answer("The answer is 5.", answer)


def test_it_needs_no_signals_which_a_thread_has_not() -> None:
    with ThreadPoolExecutor(1) as pool:
        assert pool.submit(math_answer, r"\boxed{\sqrt{18}}", r"3\sqrt{2}").result().value


def test_a_monstrous_power_costs_its_own_row_only() -> None:
    import pyarrow as pa

    scorer = bind(rule_of(math_answer))
    rows = [r"\boxed{9^{9^{9^{9^9}}}+1}", r"\boxed{\frac{4}{2}}"]
    table = pa.table({"completion": rows, "answer": ["7", "2"]})
    with RulePool(Limits(timeout=15, workers=1)) as pool:
        outcomes = {}
        for block in pool.judge(scorer, table):
            for row, value in zip(block.rows.to_pylist(), block.value.to_pylist(), strict=True):
                outcomes[row] = value
    assert outcomes[1] == 1.0
    assert outcomes[0] in (0.0, None)
