"""`code_passes`: which code of an answer is run, and what the tests say of it."""

import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from rewards.admission import JSON
from rewards.engine import Limits as PoolLimits
from rewards.engine import RulePool
from rewards.outcome import Verdict
from rewards.rule import rule_of
from rewards.rules.code_passes import code_passes
from rewards.sandbox.limits import Limits
from rewards.scorer import bind
from schemas.errors import RuleError

LIMITS = Limits(cpu_seconds=1)


def fenced(code: str, language: str = "python") -> str:
    return f"Here it is:\n\n```{language}\n{code}\n```\nIt works."


PROBLEMS: list[dict[str, str]] = [
    {
        "prompt": 'def double(x: int) -> int:\n    """Twice x."""\n',
        "entry_point": "double",
        "solution": "    return 2 * x\n",
        "broken": "    return x + 2\n",
        "test": "def check(candidate):\n    assert candidate(2) == 4\n    assert candidate(5) == 10\n",
    },
    {
        "prompt": "from typing import List\n\n\ndef below(numbers: List[int], limit: int) -> bool:\n"
        '    """ True if all are below the limit.\n    >>> below([1], 2)\n    True\n    """\n',
        "entry_point": "below",
        "solution": "    for n in numbers:\n        if n >= limit:\n            return False\n    return True\n",
        "broken": "    return True\n",
        "test": "META = {}\n\ndef check(candidate):\n    assert candidate([1], 3)\n    assert not candidate([3], 3)\n",
    },
    {
        "prompt": "import math\n\n\ndef poly(xs: list, x: float):\n"
        "    return sum(c * math.pow(x, i) for i, c in enumerate(xs))\n"
        '\n\ndef find_zero(xs: list):\n    """ A zero of the line xs. """\n',
        "entry_point": "find_zero",
        "solution": "    return -xs[0] / xs[1]\n",
        "broken": "    return 0.0\n",
        "test": "def check(candidate):\n    for xs in ([1, 2], [-3, 4]):\n"
        "        assert math.fabs(poly(xs, candidate(xs))) < 1e-4\n",
    },
    {
        "prompt": 'def counts(text):\n    """How often each word occurs."""\n',
        "entry_point": "counts",
        "solution": "    from collections import Counter\n    return Counter(text.split())\n",
        "broken": "    return {word: 1 for word in text.split()}\n",
        "test": "def check(candidate):\n    assert candidate('a b a') == {'a': 2, 'b': 1}\n",
    },
    {
        "prompt": 'def decode(s):\n  """ decode returns s encoded by encode """\n',
        "entry_point": "decode",
        "solution": "  if not s:\n    return s\n  return s[::-1]\n",
        "broken": "  return s\n",
        "test": "def encode(s):\n    return s[::-1]\n\n\ndef check(candidate):\n    from random import Random\n"
        "    for i in range(9):\n        s = str(Random(i).random())\n        assert candidate(encode(s)) == s\n",
    },
]


@pytest.mark.parametrize("problem", PROBLEMS, ids=lambda problem: problem["entry_point"])
def test_a_solution_passes_and_a_broken_one_does_not_however_it_is_written(problem: dict[str, str]) -> None:
    def judge(answer: str) -> bool | float | None:
        return code_passes(answer, problem["test"], problem["prompt"], problem["entry_point"], limits=LIMITS).value

    for body, value in ((problem["solution"], True), (problem["broken"], False)):
        assert judge(body) is value
        assert judge(body.strip()) is value
        assert judge(fenced(body)) is value
        assert judge(problem["prompt"] + body) is value
        assert judge(fenced(problem["prompt"] + body)) is value
        assert judge(fenced(f"from __future__ import annotations\n{problem['prompt']}{body}")) is value
    assert judge("") is False
    assert judge("    pass") is False


def test_the_helpers_of_the_prompt_cannot_be_replaced() -> None:
    problem = PROBLEMS[2]
    cheat = (
        "def poly(xs, x): return 0.0\nclass math:\n    fabs = staticmethod(lambda x: 0)\ndef find_zero(xs): return 1.0"
    )
    assert not code_passes(fenced(cheat), problem["test"], problem["prompt"], "find_zero").value


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        (fenced("def f(x): return x"), True),
        (fenced("def f(x): return x", "py"), True),
        (fenced("def f(x): return x", ""), True),
        (fenced("def f(x): return x", "javascript"), False),
        ("def f(x): return x", True),
        ("The answer is x.", False),
        ("", False),
        ("```python\ndef f(x): return x", True),  # stopped before the fence that closes it
        ("```python\ndef f(x):\n    return", False),  # cut off
        ("```python\ndef f(x):", False),
        (fenced("def f(x): return x") + "It prints\n```\n1", True),
        (fenced("def f(x): return x") + "```python\nprint(f(1))", True),
        (fenced("def f(x): return 0") + "Better:\n```python\ndef f(x): return x", True),
        (fenced("def f(x): return x") + fenced("print(f(1))"), True),  # how to use it
        (fenced("def f(x): return 0") + fenced("def f(x): return x"), True),  # corrected
        (fenced("def f(x): return x") + fenced("1\n2", ""), True),  # what it prints
        (fenced("def f(x): return x") + fenced("class Other: pass"), True),
    ],
)
def test_the_code_is_the_last_block_that_defines_what_the_tests_use(answer: str, value: bool) -> None:
    assert code_passes(answer, ["assert f(1) == 1", "assert f(2) == 2"], limits=LIMITS).value is value


@pytest.mark.parametrize(
    ("blocks", "value"),
    [
        (["def g(x): return x", "def f(x): return g(x)"], True),
        (["def f(x): return g(x)", "def g(x): return x"], True),
        (["import math", "ONE = 1", "def f(x): return math.floor(ONE * x)", "print(f(1))"], True),
        (["class A:\n    def get(self, x): return x", "def f(x): return A().get(x)"], True),
        (["def h(x): return x", "def g(x): return h(x)", "def f(x): return g(x)"], True),
        (["def f(x): return 0\ndef g(x): return x", "def f(x): return g(x)"], True),  # corrected, with its helper
        (["def f(x): return g(x)\ndef g(x): return 0", "def g(x): return x"], False),  # a helper of its own
        (["def f(x): return x", "g = f(3)\nexit()"], True),  # an example is not run
        (["def f(x): return len([x]) * x", "len = None"], True),
        (["def f(x): return x", "def f(x: return x"], False),
        (["def f(x): return g(x)"], False),
    ],
)
def test_an_answer_may_be_spread_over_several_blocks(blocks: list[str], value: bool) -> None:
    answer = "\n".join(map(fenced, blocks))
    assert code_passes(answer, ["assert f(1) == 1", "assert f(2) == 2"], limits=LIMITS).value is value


def test_what_the_tests_use_may_stand_in_several_blocks() -> None:
    answer = fenced("def push(s, x): return [*s, x]") + fenced("def pop(s): return s[-1]") + fenced("pop(push([], 1))")
    assert code_passes(answer, "assert pop(push([], 2)) == 2\nassert push([], 1) == [1]", limits=LIMITS).value is True
    program = fenced("def total(line): return sum(map(int, line.split()))") + fenced("print(total(input()))")
    assert code_passes(program, CASES, limits=LIMITS).value is True


def test_the_code_of_a_list_is_not_indented() -> None:
    answer = "1. Write\n\n   ```python\n   def f(x):\n       return x\n   ```\n2. Run it."
    assert code_passes(answer, ["assert f(1) == 1"], limits=LIMITS).value is True


WAITS = "import asyncio\n\nasync def f(x):\n    await asyncio.sleep(0)\n    return x\n"


@pytest.mark.parametrize(
    "tests",
    [
        "import asyncio\nassert asyncio.run(f({0})) == 1",
        "import asyncio\n\nasync def test():\n    assert await f({0}) == 1\n\nasyncio.run(test())",
        "async def test_f():\n    assert await f({0}) == 1",
        "async def check(candidate):\n    assert await candidate({0}) == 1",
        "async def check(candidate):\n    assert await candidate({0}) == 1\n    return",
        "import asyncio\nasync def check(candidate):\n    assert await candidate({0}) == 1\nasyncio.run(check(f))",
        "assert await f({0}) == 1",
        ["assert await f(1) == 1", "assert await f({0}) == 1"],
        "import asyncio\nasync def main():\n    return await asyncio.gather(f(0), f({0}))\n"
        "assert asyncio.run(main()) == [0, 1]",
    ],
)
def test_tests_may_wait(tests: str | list[str]) -> None:
    for given, value in ((1, True), (2, False)):
        told = tests.format(given) if isinstance(tests, str) else [test.format(given) for test in tests]
        found = code_passes(fenced(WAITS), told, "", "f", limits=LIMITS)
        assert found.value is value, found.reason
        assert value or "AssertionError" in found.reason


def test_generators_and_contexts_may_wait_too() -> None:
    answer = (
        "from contextlib import asynccontextmanager\n\nasync def count(n):\n    for i in range(n):\n        yield i\n"
        "\n@asynccontextmanager\nasync def lent(x):\n    yield x\n"
    )
    tests = "async def test():\n    assert [i async for i in count(3)] == [0, 1, 2]\n    async with lent(5) as x:\n"
    assert code_passes(fenced(answer), f"{tests}        assert x == 5", limits=LIMITS) == Verdict(True, "")
    assert not code_passes(fenced(answer), f"{tests}        assert x == 6", limits=LIMITS).value


def test_test_functions_that_nobody_calls_are_called() -> None:
    tests = "def test_one():\n    assert f(1) == 1\n\ndef test_two():\n    assert f(2) == 1"
    assert code_passes(fenced("def f(x): return x"), tests, limits=LIMITS).value is False
    assert code_passes(fenced("def f(x): return x"), tests, partial=True, limits=LIMITS).value == 0.5
    called = tests + "\n\ntest_one()"
    assert code_passes(fenced("def f(x): return x"), called, partial=True, limits=LIMITS).value == 0.5


def test_part_of_the_cases_counts_if_asked_for() -> None:
    answer = fenced("def f(x): return 10 // x")
    listed = ["assert f(5) == 2", "assert f(0) == 0", "assert f(4) == 2", "assert f(3) == 4"]
    found = code_passes(answer, listed, partial=True)
    assert found.value == 0.5
    assert found.reason.startswith("assert f(0) == 0: ZeroDivisionError")
    assert code_passes(answer, "\n".join(listed), partial=True).value == 0.5
    check = "def check(candidate):\n" + "".join(f"    {line.replace('f(', 'candidate(')}\n" for line in listed)
    assert code_passes(answer, check, "", "f", partial=True).value == 0.5
    assert code_passes(answer, listed).value is False
    assert code_passes(fenced("import os\ndef f(x): os._exit(0)"), listed, partial=True).value == 0


CASES = [{"input": "1 2\n", "output": "3\n"}, {"input": "5 5", "output": "10"}, {"input": "0 0\n", "output": "0\n\n"}]


@pytest.mark.parametrize(
    ("program", "value", "reason"),
    [
        ("print(sum(map(int, input().split())))", 1, ""),
        ("import sys\nfor line in sys.stdin:\n    a, b = line.split()\n    print(int(a) + int(b), ' ')", 1, ""),
        ("if __name__ == '__main__':\n    print(sum(map(int, input().split())))\n    exit()", 1, ""),
        ("print(3)", 1 / 3, "case 2: line 1 is '3', not '10'"),
        ("print('3\\n10\\n0')", 0, "case 1: line 2 is '10', not missing"),
        ("pass", 0, "case 1: line 1 is '', not '3'"),
        ("print(sum(map(int, input().split())))\nexit(1)", 0, "case 1: ended with status 1"),
        ("print(1 / 0)", 0, "case 1: ZeroDivisionError: division by zero"),
        ("import os\nos._exit(0)", 0, "case 1: line 1 is '', not '3'"),
        ("open('/tmp/n', 'a').write('x')\nprint([3, 10, 0][len(open('/tmp/n').read()) - 1])", 1 / 3, "case 2"),
        ("while True: pass", 0, "case 1: took more than 1 s of CPU time"),
    ],
)
def test_programs_that_read_and_print(program: str, value: float, reason: str) -> None:
    found = code_passes(fenced(program), CASES, partial=True, limits=LIMITS)
    assert found.value == pytest.approx(value)
    assert found.reason.startswith(reason)
    assert code_passes(fenced(program), CASES, limits=LIMITS).value is (value == 1)


def test_without_tests_it_does_not_apply() -> None:
    assert code_passes(fenced("x = 1"), []).value is None
    assert code_passes(fenced("x = 1"), "").value is None


@pytest.mark.parametrize(
    ("tests", "error"),
    [
        ("print(f(1))", ValueError),
        ("def check(candidate):\n    assert candidate(1)", ValueError),
        ([1, 2], ValueError),
        ([{"input": "1"}], ValueError),
        ([{"input": [1], "output": [2]}], ValueError),
        ("assert f(", SyntaxError),
        (["assert True", "assert f("], SyntaxError),
    ],
)
def test_tests_that_test_nothing_are_an_error_and_no_verdict(tests: Any, error: type[Exception]) -> None:
    with pytest.raises(error):
        code_passes(fenced("def f(x): return x"), tests)


def test_limits_are_set_from_a_spec_and_a_typo_is_refused() -> None:
    scorer = bind(rule_of(code_passes), options={"limits": {"cpu_seconds": 2, "memory_mb": 256}})
    assert scorer.options["limits"] == Limits(cpu_seconds=2, memory_mb=256)
    for wrong in ({"cpu_second": 2}, {"memory_mb": 0}, {"cpu_seconds": "two"}):
        with pytest.raises(RuleError, match="option limits"):
            bind(rule_of(code_passes), options={"limits": wrong})


def test_it_runs_in_the_workers(tmp_path: Path) -> None:
    answers = [fenced("def f(x): return x"), fenced("def f(x): return 0"), "while True: pass", fenced("def f(x): ...")]
    columns = [answers, [json.dumps(["assert f(1) == 1"])] * 4]
    fields = [pa.field("completion", pa.string()), pa.field("tests", pa.string(), metadata=JSON)]
    scorer = bind(rule_of(code_passes), options={"limits": {"cpu_seconds": 1}}, inputs={"prompt": {"constant": ""}})
    with RulePool(PoolLimits(workers=2)) as pool:
        blocks = list(pool.judge(scorer, pa.table(columns, schema=pa.schema(fields))))
    found = {row: (status, value) for block in blocks for row, status, value in zip(
        block.rows.to_pylist(), block.status.to_pylist(), block.value.to_pylist(), strict=True)}  # fmt: skip
    assert found == {0: ("ok", 1.0), 1: ("ok", 0.0), 2: ("ok", 0.0), 3: ("ok", 0.0)}
