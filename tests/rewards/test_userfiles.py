"""Users' files are loaded under private names, whatever else lies in their directory."""

import multiprocessing
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

import rewards
from rewards.plugins import find_rule, load_user_file, rules_in
from rewards.rule import Rule, load
from schemas.errors import RuleError

ROOT = Path(rewards.__file__).parents[1]
HOSTILE = ("rewards", "schemas", "datakit", "train", "json", "typing", "polars", "trl", "rule", "signature", "syntax")


def write(path: Path, source: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(textwrap.dedent(source), encoding="utf-8")
    return path


def call(rule: Rule, *values: object) -> object:
    return rule.function(*values)


def load_and_call(origin, sender):
    """In another process: the rule of an origin, called once."""
    try:
        sender.send(load(origin).function("abc"))
    except RuleError as error:
        sender.send(str(error))


def in_a_fresh_process(origin: object) -> object:
    receiver, sender = multiprocessing.Pipe(duplex=False)
    process = multiprocessing.get_context("spawn").Process(target=load_and_call, args=(origin, sender))
    process.start()
    found = receiver.recv() if receiver.poll(60) else None
    process.join()
    return found


def test_rules_come_in_the_order_of_their_definition_without_imported_ones(tmp_path):
    path = write(
        tmp_path / "rules.py",
        """
        from other import imported
        from rewards import rule
        from rewards.rules.contains_all import contains_all

        @rule
        def zebra(completion: str) -> bool:
            return bool(completion)

        def not_a_rule(completion: str) -> bool:
            return True

        @rule(name="renamed")
        def apple(completion: str) -> bool:
            return contains_all(completion, ["a"]).value == 1
        """,
    )
    write(tmp_path / "other.py", "from rewards import rule\n@rule\ndef imported(completion): return True\n")
    assert [rule.name for rule in rules_in(path)] == ["zebra", "renamed"]
    assert find_rule("rules.py:not_a_rule", [path]).name == "rules.py:not_a_rule"
    assert find_rule("rules.py:imported", [path]).name == "imported"
    assert find_rule("contains_all", [path]).origin.module == "rewards.rules.contains_all"


def test_two_directories_with_siblings_of_one_name_do_not_meet(tmp_path):
    for number in (1, 2):
        write(tmp_path / str(number) / "helpers.py", f"NUMBER = {number}")
        write(
            tmp_path / str(number) / "rules.py",
            """
            import helpers
            from rewards import rule

            @rule
            def f(completion: str) -> float:
                import helpers as again
                return helpers.NUMBER + again.NUMBER
            """,
        )
    one, two = (find_rule("f", [tmp_path / str(number) / "rules.py"]) for number in (1, 2))
    assert (call(one, ""), call(two, "")) == (2, 4)
    assert "helpers" not in sys.modules
    assert not any(str(tmp_path) in entry for entry in sys.path)


def test_packages_and_relative_imports_beside_the_file_work(tmp_path):
    write(tmp_path / "tools/__init__.py", "from .inner import TWO")
    write(tmp_path / "tools/inner.py", "import base\nTWO = base.ONE + 1")
    write(tmp_path / "base.py", "ONE = 1")
    path = write(
        tmp_path / "my-rules.py",
        """
        from __future__ import annotations
        import dataclasses
        import tools.inner
        import tools.inner as inner
        from tools import inner as same
        from . import base
        from rewards import rule

        @dataclasses.dataclass
        class Late:
            value: "int" = 0

        @rule
        def f(completion: str) -> float:
            return tools.TWO + inner.TWO + same.TWO + tools.inner.TWO + base.ONE + Late(1).value
        """,
    )
    assert call(find_rule("f", [path]), "") == 10


def test_a_directory_full_of_names_like_ours_breaks_nothing(tmp_path):
    for name in HOSTILE:
        write(tmp_path / f"{name}.py", "raise SystemExit('the wrong file was imported')")
    write(tmp_path / "datasets/data.txt", "a plain folder with the name of a package")
    path = write(
        tmp_path / "rules.py",
        """
        import json
        import typing
        import pydantic
        import rewards
        import schemas.errors
        from rewards import Verdict, rule

        @rule
        def f(completion: str) -> Verdict:
            from rewards.rules.is_json import is_json
            return Verdict(is_json(completion).value and typing.cast(bool, json.loads(completion)))
        """,
    )
    script = (
        "import sys; sys.path = [p for p in sys.path if p]\n"
        "from pathlib import Path\nfrom rewards.plugins import rules_in\n"
        f"print(rules_in(Path('rules.py'))[0].function('[1]').value, {str(tmp_path)!r} in sys.path)"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    found = subprocess.run(
        [sys.executable, "-c", script], cwd=tmp_path, env=environment, capture_output=True, text=True, check=False
    )
    assert (found.stdout.strip(), found.stderr) == ("[1] False", "")
    assert call(find_rule("f", [path]), "[1]").value


@pytest.mark.parametrize("name", ["rewards", "train", "schemas", "json", "class"])
def test_a_rule_file_may_have_any_name(tmp_path, name):
    source = "from rewards import rule\n@rule\ndef f(completion): return True\n"
    assert call(find_rule("f", [write(tmp_path / f"{name}.py", source)]), "")
    assert sys.modules["rewards"] is rewards


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def f(:\n    pass", "rules.py:1: syntax error: invalid syntax"),
        ("\n\nimport nowhere", "rules.py:3: ModuleNotFoundError: No module named 'nowhere'; a file can import"),
        ("def f():\n    return 1 / 0\nf()", "rules.py:2: ZeroDivisionError: division by zero"),
        ("import sys\nsys.exit(3)", "rules.py:2: SystemExit: 3"),
        ("import broken", "broken.py:2: ValueError: two lines"),
        ("raise KeyError", "rules.py:1: KeyError: no message"),
        ("from rewards import rule\n@rule(timeout=0)\ndef f(completion): ...", "rules.py:2: RuleError: timeout=0"),
        ("\0", "syntax error"),
    ],
)
def test_a_file_that_cannot_be_imported_is_one_line_with_its_place(tmp_path, source, message):
    write(tmp_path / "broken.py", "\nraise ValueError('two\\nlines')")
    path = write(tmp_path / "rules.py", source)
    with pytest.raises(RuleError) as caught:
        load_user_file(path)
    text = str(caught.value)
    assert message in text
    assert str(tmp_path) in text
    assert "\n" not in text


def test_a_missing_file_and_a_file_without_rules_are_named(tmp_path):
    with pytest.raises(RuleError, match=r"no file .*none\.py"):
        rules_in(tmp_path / "none.py")
    with pytest.raises(RuleError, match=r"no function is decorated with @rule"):
        rules_in(write(tmp_path / "empty.py", "def f(completion): return 1"))
    with pytest.raises(RuleError, match=r"no function 'g' in .*; there are: f"):
        find_rule("empty.py:g", [tmp_path / "empty.py"])


def test_two_rules_of_one_name_are_refused(tmp_path):
    twice = "from rewards import rule\n@rule\ndef f(completion): ...\n@rule(name='f')\ndef g(completion): ...\n"
    once = "from rewards import rule\n@rule\ndef f(completion): ...\n"
    with pytest.raises(RuleError, match="two rules are named 'f'"):
        rules_in(write(tmp_path / "a.py", twice))
    with pytest.raises(RuleError, match="rule 'f' is in several files"):
        find_rule("f", [write(tmp_path / "b.py", once), write(tmp_path / "c.py", once)])


def test_an_edited_file_is_loaded_anew_and_an_unchanged_one_is_not(tmp_path):
    path = write(tmp_path / "rules.py", "import helpers\nVALUE = 1")
    write(tmp_path / "helpers.py", "VALUE = 1")
    first = load_user_file(path)
    assert load_user_file(path) is first
    write(path, "import helpers\nVALUE = 2")
    second = load_user_file(path)
    assert second.VALUE == 2
    write(tmp_path / "helpers.py", "VALUE = 3")
    assert load_user_file(path).helpers.VALUE == 3
    assert (first.VALUE, second.helpers.VALUE) == (1, 1)


def test_a_rule_of_a_file_is_loaded_again_in_a_fresh_process(tmp_path):
    write(tmp_path / "helpers.py", "NUMBER = 2")
    path = write(
        tmp_path / "rules.py",
        """
        import helpers
        from rewards import rule

        def times(factor):
            @rule
            def scaled(completion: str) -> float:
                import helpers
                return len(completion) * factor * helpers.NUMBER
            return scaled

        triple = times(3)

        @rule
        def f(completion: str) -> float:
            return len(completion) * helpers.NUMBER
        """,
    )
    assert in_a_fresh_process(find_rule("f", [path]).origin) == 6
    assert in_a_fresh_process(find_rule("scaled", [path]).origin) == 18
    assert in_a_fresh_process(find_rule("is_json", []).origin).value is False


def test_a_file_edited_during_the_run_is_refused_in_the_worker(tmp_path):
    source = "import helpers\nfrom rewards import rule\n@rule\ndef f(completion): return helpers.NUMBER\n"
    write(tmp_path / "helpers.py", "NUMBER = 2")
    path = write(tmp_path / "rules.py", source)
    origin = find_rule("f", [path]).origin
    write(tmp_path / "helpers.py", "NUMBER = 3")
    assert "helpers.py was edited during the run" in str(in_a_fresh_process(origin))
    write(tmp_path / "helpers.py", "NUMBER = 2")
    write(path, source + "# later")
    assert "rules.py was edited during the run" in str(in_a_fresh_process(origin))


def test_rules_of_a_script_or_notebook_travel_by_value(tmp_path):
    script = write(
        tmp_path / "notebook.py",
        """
        from functools import cache

        from rewards import rule
        from rewards.rule import rule_of
        from tests_in_a_process import in_a_fresh_process

        FACTOR = 5

        @cache
        def helper(text):
            return len(text) * FACTOR

        @rule
        def f(completion: str) -> float:
            return helper(completion)

        if __name__ == "__main__":
            print(in_a_fresh_process(rule_of(f).origin), type(rule_of(f).origin).__name__)
        """,
    )
    write(tmp_path / "tests_in_a_process.py", Path(__file__).read_text(encoding="utf-8"))
    environment = {**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{tmp_path}"}
    found = subprocess.run(
        [sys.executable, script], env=environment, capture_output=True, text=True, check=False, cwd=tmp_path
    )
    assert (found.stdout.strip(), found.stderr) == ("15 PickledOrigin", "")


def test_a_closure_travels_by_value():
    from rewards.rule import rule_of

    number = 7

    def f(completion: str) -> int:
        return len(completion) * number

    assert in_a_fresh_process(rule_of(f).origin) == 21
