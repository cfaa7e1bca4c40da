"""Reward completions whose code passes the tests, run in a sandbox (docs/sandbox.md)."""

import ast
from collections.abc import Mapping, Sequence
from time import monotonic
from typing import Any

from rewards.outcome import Verdict
from rewards.programs import finished_code, program_in
from rewards.rule import rule
from rewards.sandbox.judge import Suite, cases_of
from rewards.sandbox.launch import sandbox_here
from rewards.sandbox.limits import Limits

_LIMITS = Limits()
_ALL_CASES = 240.0
"""Seconds for all cases of a program together."""


@rule(timeout=300)
def code_passes(
    completion: str,
    tests: str | list[Any],
    prompt: str = "",
    entry_point: str = "",
    *,
    partial: bool = False,
    limits: Limits = _LIMITS,
) -> Verdict:
    """True if the Python code of the answer passes all tests; with `partial`, the share of the cases that it passes.

    The code is the last fenced block that defines what the tests use, with the blocks that it needs; or the whole
    answer if it has no block. `tests` is a text of asserts (`await` too) or of functions `test...()`, a list of such,
    `check(candidate)` as in HumanEval (with `entry_point`), or a list of `{input, output}` for programs that read
    standard input; there white space at the ends of lines does not count. If the prompt holds the beginning of the
    function `entry_point`, the answer may be the rest of it.

    Raises:
        RuleError: this system cannot isolate programs.
        ValueError: the tests test nothing.
        SyntaxError: the tests are no Python.
    """
    if not tests:
        return Verdict(None, "no tests")
    scripts = _scripts(tests)
    prefix = finished_code(prompt, entry_point)
    source = program_in(completion, "" if scripts is None else "\n".join(scripts), entry_point, prefix)
    if source is None:
        return Verdict(False, "no Python code")
    if scripts is None:
        passed, cases, reason = _run_cases(source, tests, limits, every=partial)
    else:
        _check(tests, entry_point)
        tested = sandbox_here().test(source, Suite(tests, entry_point, prefix, every=partial), limits)
        passed, cases, reason = tested.passed, tested.cases, tested.reason
    return Verdict(passed / cases if partial else passed == cases, reason)


def _scripts(tests: str | list[Any]) -> list[str] | None:
    """The tests as texts of Python; None if they are pairs of input and output."""
    if isinstance(tests, str):
        return [tests]
    if all(isinstance(test, str) for test in tests):
        return list(tests)
    if all(
        isinstance(t, Mapping) and isinstance(t.get("input"), str) and isinstance(t.get("output"), str) for t in tests
    ):
        return None
    raise ValueError("tests: a text, a list of texts or a list of {input, output} with texts is wanted")


def _check(tests: str | list[str], entry_point: str) -> None:
    nodes = [node for case in cases_of(tests) for statement in case for node in ast.walk(statement)]
    if not any(isinstance(node, ast.Assert | ast.Raise) for node in nodes):
        raise ValueError("tests: there is no assert in them")
    if not entry_point and any(isinstance(node, ast.Name) and node.id == "candidate" for node in nodes):
        raise ValueError("tests: they call `candidate`, and there is no entry_point that says what it is")


def _run_cases(source: str, tests: Sequence[Any], limits: Limits, *, every: bool) -> tuple[int, int, str]:
    """Passed, cases and first failure of pairs of input and output. The outputs do not enter the sandbox."""
    passed, first = 0, ""
    started = monotonic()
    for place, test in enumerate(tests, start=1):
        if monotonic() - started > _ALL_CASES:
            first = first or f"cases from {place} on: all took more than {_ALL_CASES:g} s"
            break
        run = sandbox_here().run(source, test["input"], limits)
        reason = run.failure(limits) or _difference(run.output, test["output"])
        if not reason:
            passed += 1
            continue
        first = first or f"case {place}: {reason}"
        if not every:
            break
    return passed, len(tests), first


def _difference(printed: str, wanted: str) -> str:
    """The first line that differs, ends of lines and of the text aside."""
    lines, others = _lines(printed), _lines(wanted)
    for number in range(max(len(lines), len(others))):
        line = lines[number] if number < len(lines) else None
        other = others[number] if number < len(others) else None
        if line != other:
            return f"line {number + 1} is {_quoted(line)}, not {_quoted(other)}"
    return ""


def _lines(text: str) -> list[str]:
    return [line.rstrip() for line in text.rstrip().split("\n")]


def _quoted(line: str | None) -> str:
    return "missing" if line is None else repr(line[:60])
