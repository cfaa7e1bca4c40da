"""What changes a rule's fingerprint, and what does not."""

import functools
import linecache
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

from rewards.fingerprint import fingerprint_of
from rewards.plugins import find_rule, variant_names
from rewards.rule import REQUIRED, rule_of
from rewards.scorer import bind

RULES = """
import math
import re
import string as letters
from dataclasses import dataclass
from pathlib import Path

import helpers
import helpers as tools
from helpers import factor, Weigher
from rewards import Verdict, rule

LIMIT = 10
WORDS = {"alpha", "beta", "gamma"}
TABLE = {"a": 1, "b": 2}
PLACE = Path(__file__).parent / "words.txt"
TEXT = str(PLACE)
PATTERN = re.compile("[a-z]+")
WEIGHER = Weigher(3)

def unrelated(text):
    return text * 2

def times(number):
    def scaled(text):
        return len(text) * number
    return scaled

twice = times(2)
halve = lambda number: number / 2

@dataclass
class Counter:
    start: int = 1

    def count(self, text):
        return self.start + len(text)

def helper(text, bound=LIMIT):
    return min(len(text), bound) * factor(text)

@rule
def f(completion: str, *, scale: float = 1.0) -> float:
    return helper(completion) * scale * helpers.nested.deep(completion) * WEIGHER.weigh(completion) * tools.SHIFT

@rule
def g(completion: str) -> Verdict:
    found = [word for word in WORDS if word in completion and TABLE]
    value = len(found) * twice(completion) * halve(4) * Counter().count(completion)
    return Verdict(value, f"{PATTERN} {PLACE} {TEXT} {__name__}")

@rule
def h(completion: str) -> float:
    import lazy
    return lazy.value(completion)
"""
HELPERS = """
from . import nested

SHIFT = 7
UNUSED = 1

def factor(text):
    return BASE + 1

def other():
    return 0

BASE = 2

class Weigher:
    def __init__(self, weight):
        self.weight = weight

    def weigh(self, text):
        return self.weight + 1
"""
NESTED = """
def deep(text):
    return len(text) + OFFSET

OFFSET = 1
"""
LAZY = """
from lazier import number

def value(text):
    return 1.0 + number
"""
LAZIER = """
number = 5
"""


def write(folder: Path, **changes: tuple[str, str]) -> Path:
    """Write the rules and their helpers, with one replacement in a file where asked."""
    files = {"rules": RULES, "helpers": HELPERS, "nested": NESTED, "lazy": LAZY, "lazier": LAZIER}
    for file, (old, new) in changes.items():
        assert old in files[file]
        files[file] = files[file].replace(old, new)
    (folder / "helpers").mkdir(parents=True, exist_ok=True)
    (folder / "rules.py").write_text(files["rules"], encoding="utf-8")
    (folder / "helpers/__init__.py").write_text(files["helpers"], encoding="utf-8")
    (folder / "helpers/nested.py").write_text(files["nested"], encoding="utf-8")
    (folder / "lazy.py").write_text(files["lazy"], encoding="utf-8")
    (folder / "lazier.py").write_text(files["lazier"], encoding="utf-8")
    return folder / "rules.py"


def prints(path: Path) -> dict[str, str]:
    return {name: bind(find_rule(name, [path])).fingerprint for name in "fgh"}


def changed(tmp_path: Path, **changes: tuple[str, str]) -> set[str]:
    """The rules whose fingerprint a change of the files alters."""
    before = prints(write(tmp_path / "before"))
    after = prints(write(tmp_path / "after", **changes))
    return {name for name in before if before[name] != after[name]}


def test_another_place_on_disk_changes_nothing(tmp_path):
    assert changed(tmp_path) == set()


@pytest.mark.parametrize(
    ("file", "old", "new"),
    [
        ("rules", "    return helper(", "    # a remark\n\n    return helper("),
        ("rules", "    return helper(completion) *", '    """A docstring."""\n    return helper( completion )*'),
        ("rules", "def helper(text, bound=LIMIT):", 'def helper(text: "str", bound: int = LIMIT) -> int:\n    "Doc."'),
        ("rules", '{"alpha", "beta", "gamma"}', '{"gamma", "alpha", \'beta\'}  # another order'),
        ("rules", "    return text * 2", "    return text * 3"),
        ("rules", "def helper(", "LATE = 1\n\n\ndef helper("),
        ("rules", "@rule\ndef f", "@rule(timeout=3)\ndef f"),
        ("helpers", "    return 0", "    return 1"),
        ("helpers", "UNUSED = 1", "UNUSED = 2"),
    ],
    ids=lambda value: " ".join(value.split())[:30],
)
def test_what_decides_nothing_changes_nothing(tmp_path, file, old, new):
    assert changed(tmp_path, **{file: (old, new)}) == set()


@pytest.mark.parametrize(
    ("file", "old", "new", "rules"),
    [
        ("rules", "return helper(completion) *", "return 2 * helper(completion) *", "f"),
        ("rules", "min(len(text), bound)", "max(len(text), bound)", "f"),
        ("rules", "LIMIT = 10", "LIMIT = 11", "f"),
        ("rules", "Weigher(3)", "Weigher(4)", "f"),
        ("rules", "scale: float = 1.0", "scale: float = 2.0", "f"),
        ("rules", "helpers as tools", "lazy as tools", "f"),
        ("rules", '"gamma"}', '"delta"}', "g"),
        ("rules", '"b": 2', '"b": 3', "g"),
        ("rules", '{"a": 1, "b": 2}', '{"b": 2, "a": 1}', "g"),
        ("rules", "[a-z]+", "[a-z]*", "g"),
        ("rules", 're.compile("[a-z]+")', 're.compile("[a-z]+", re.I)', "g"),
        ("rules", "times(2)", "times(3)", "g"),
        ("rules", "words.txt", "word.txt", "g"),
        ("rules", "len(text) * number", "len(text) + number", "g"),
        ("rules", "number / 2", "number / 3", "g"),
        ("rules", "start: int = 1", "start: int = 2", "g"),
        ("rules", "self.start + len(text)", "self.start - len(text)", "g"),
        ("helpers", "return BASE + 1", "return BASE + 2", "f"),
        ("helpers", "BASE = 2", "BASE = 3", "f"),
        ("helpers", "SHIFT = 7", "SHIFT = 8", "f"),
        ("helpers", "self.weight + 1", "self.weight + 2", "f"),
        ("nested", "len(text) + OFFSET", "len(text) - OFFSET", "f"),
        ("nested", "OFFSET = 1", "OFFSET = 2", "f"),
        ("lazy", "return 1.0", "return 2.0", "h"),
        ("lazier", "number = 5", "number = 6", "h"),
    ],
    ids=lambda value: " ".join(value.split())[:30],
)
def test_what_decides_changes_those_rules_that_use_it(tmp_path, file, old, new, rules):
    assert changed(tmp_path, **{file: (old, new)}) == set(rules)


def test_a_version_stands_for_the_code(tmp_path):
    old = {"rules": ("@rule\ndef f", "@rule(version='1')\ndef f")}
    before = prints(write(tmp_path / "1", **old))
    body = write(tmp_path / "2", **old)
    body.write_text(body.read_text().replace("return helper(", "return 3 * helper("))
    version = body.parent.parent / "3" / "rules.py"
    write(version.parent, rules=("@rule\ndef f", "@rule(version='2')\ndef f"))
    assert prints(body)["f"] == before["f"] != prints(version)["f"]


def test_options_and_constants_count(tmp_path):
    path = write(tmp_path)
    rule = find_rule("f", [path])
    contains = find_rule("contains_all", [])
    assert bind(rule).fingerprint == bind(rule, options={"scale": 1.0}).fingerprint
    assert bind(rule).fingerprint != bind(rule, options={"scale": 2.0}).fingerprint
    constant = {"keywords": {"constant": ["a"]}}
    assert bind(contains).fingerprint != bind(contains, inputs=constant).fingerprint
    assert bind(contains).fingerprint == bind(contains, inputs={"keywords": "must_have"}).fingerprint


def test_fingerprints_are_the_same_in_every_process_and_with_every_hash_seed(tmp_path):
    path = write(tmp_path)
    rules = (find_rule(name, []) for name in variant_names("rewards.rules"))
    built_in = [rule.name for rule in rules if not any(option.default is REQUIRED for option in rule.options)]
    script = textwrap.dedent(f"""
        from pathlib import Path
        from rewards.plugins import find_rule
        from rewards.scorer import bind
        for name in [*"fgh", *{built_in!r}]:
            print(bind(find_rule(name, [Path({str(path)!r})])).fingerprint)
    """)
    expected = [bind(find_rule(name, [path])).fingerprint for name in [*"fgh", *built_in]]
    for seed in ("1", "2"):
        environment = {"PYTHONHASHSEED": seed, "PATH": "", "PYTHONPATH": str(Path(__file__).parents[2])}
        found = subprocess.run(
            [sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=True, cwd=tmp_path
        )
        assert found.stdout.split() == expected


def test_a_rule_that_calls_itself_or_holds_itself_has_a_fingerprint(tmp_path):
    path = tmp_path / "loop.py"
    path.write_text(
        textwrap.dedent("""
        from rewards import rule

        ring = []
        ring.append(ring)

        def even(n):
            return n == 0 or odd(n - 1)

        def odd(n):
            return n != 0 and even(n - 1)

        @rule
        def f(completion: str) -> bool:
            return even(len(completion)) or bool(ring)
    """)
    )
    assert bind(find_rule("f", [path])).fingerprint


def test_what_has_no_value_counts_by_the_statement_that_made_it(tmp_path):
    text = """
import threading
from pydantic import TypeAdapter
from rewards import rule

LOCK = threading.Lock()
NUMBERS = TypeAdapter(list[int])

@rule
def f(completion: str) -> bool:
    with LOCK:
        return bool(NUMBERS.validate_json(completion))
"""
    found = []
    for number, content in enumerate([text, text, text.replace("list[int]", "list[float]")]):
        path = tmp_path / str(number) / "rules.py"
        path.parent.mkdir()
        path.write_text(content)
        found.append(bind(find_rule("f", [path])).fingerprint)
    assert found[0] == found[1] != found[2]


@pytest.mark.parametrize("package", ["re", "pydantic"])
def test_two_functions_of_a_package_under_one_name_differ(tmp_path, package):
    found = []
    for name in {"re": ("escape", "compile"), "pydantic": ("create_model", "validate_call")}[package]:
        path = tmp_path / name / "rules.py"
        path.parent.mkdir()
        path.write_text(
            f"from {package} import {name} as use\nfrom rewards import rule\n\n"
            "@rule\ndef f(completion: str) -> bool:\n    return bool(use(completion))\n"
        )
        found.append(bind(find_rule("f", [path])).fingerprint)
    assert found[0] != found[1]


def notebook(source: str, cell: str = "") -> dict[str, object]:
    """Run a cell as notebooks do; without a name, as `python -c` does: the source is then not to be had."""
    source = textwrap.dedent(source)
    names: dict[str, object] = {"__name__": "__main__"}
    if cell:
        linecache.cache[cell] = (len(source), None, source.splitlines(True), cell)
    exec(compile(source, cell or "<string>", "exec"), names)
    return names


CELL = """
from dataclasses import dataclass
from functools import cache, partial

BOUND = 3

@dataclass
class Limit:
    value: int = 5

    def holds(self, text):
        return len(text) < self.value

@cache
def helper(text):
    return len(text) > BOUND

power = partial(pow, 2)
LIMIT = Limit(4)

def f(completion):
    return helper(completion) and LIMIT.holds(completion) and Limit().holds(completion) and power(3)
"""


@pytest.mark.parametrize("cell", ["<ipython-input-1>", ""], ids=["notebook", "no source"])
def test_functions_that_are_in_no_file_have_fingerprints_too(cell):
    def of(source: str, number: int) -> str:
        return bind(rule_of(notebook(source, cell and f"{cell}{number}")["f"])).fingerprint

    plain = of(CELL, 1)
    assert of(CELL.replace("BOUND = 3", "# a remark\nBOUND = 3"), 2) == plain
    changes = ["BOUND = 4", "Limit(3)", "partial(pow, 3)", "len(text) >= BOUND", "value: int = 6", "len(text) <= self"]
    originals = ["BOUND = 3", "Limit(4)", "partial(pow, 2)", "len(text) > BOUND", "value: int = 5", "len(text) < self"]
    changed = [of(CELL.replace(a, b), 3 + n) for n, (a, b) in enumerate(zip(originals, changes, strict=True))]
    assert len({plain, *changed}) == len(changes) + 1


def test_lambdas_closures_partials_and_methods_have_fingerprints_of_their_own():
    class Judge:
        def __init__(self, bound):
            self.bound = bound

        def judge(self, completion):
            return len(completion) < self.bound

    def above(bound):
        def f(completion):
            return len(completion) > bound

        return f

    def bounded(completion, *, bound: int):
        return len(completion) < bound

    rules = [
        lambda completion: len(completion) > 1,
        lambda completion: len(completion) > 2,
        above(1),
        above(2),
        functools.partial(bounded, bound=1),
        functools.partial(bounded, bound=2),
        Judge(1).judge,
        Judge(2).judge,
    ]
    found = [fingerprint_of(rule_of(rule)) for rule in rules]
    assert len(set(found)) == len(rules)
    assert found == [fingerprint_of(rule_of(rule)) for rule in rules]
