"""Rules are listed, shown in full, and tried on a few answers without anything being stored."""

from typing import Any

import pytest

from datakit.cli.app import run
from datakit.rule_list import list_rules, show_rule
from datakit.rule_trial import try_rules
from rewards.plugins import variant_names
from schemas.errors import ConfigError, NotFoundError, RuleError
from schemas.options import RewardOptions, ScoreOptions, TrialOptions

RULES = b'''
from rewards import Verdict, rule

@rule(timeout=1)
def brief(completion: str, topic: str | None, *, most: int = 20) -> Verdict:
    """True if the answer is brief.

    Its length is counted in characters.
    """
    return Verdict(len(completion) <= most, f"{len(completion)} characters on {topic}")

@rule
def halves(completion: str, rate: float) -> float:
    """Half of one over the rate."""
    return 0.5 / rate
'''
ROWS = [
    {"instruction": "Greet me.", "output": "Hello!", "topic": "greeting", "rate": 1.0},
    {"instruction": "Tell a tale.", "output": "Once upon a time there was a king.", "topic": None, "rate": 0.0},
    {"instruction": "Count.", "output": "One.", "topic": "numbers", "rate": 0.5},
]


@pytest.fixture
def trial(desk: Any) -> Any:
    """Try the rules on a file of rows, or on a data set."""

    def run_it(rows: Any, rules: bytes = RULES, reward: Any = None, **options: Any) -> Any:
        given = RewardOptions(rules=(desk.file(rules, "my_rules.py"),), reward=reward)
        on = rows if isinstance(rows, str) else str(desk.file(rows, "rows.jsonl"))
        return try_rules(given, TrialOptions(on=on, **options), ScoreOptions(), store=desk.store)

    return run_it


def test_every_built_in_rule_is_listed_with_what_it_reads_and_says():
    rows = list_rules().tables[0].rows
    assert [row[0] for row in rows] == variant_names("rewards.rules")
    for name, reads, _, says in rows:
        assert reads, name
        assert len(says) > 20, name


def test_rules_of_a_file_come_first_and_with_their_options(desk: Any) -> None:
    rows = list_rules([desk.file(RULES, "my_rules.py")]).tables[0].rows
    assert rows[0] == ("brief", "completion\ntopic", "most=20", "True if the answer is brief.")
    assert rows[1][:3] == ("halves", "completion\nrate", "")


def test_one_rule_is_shown_in_full(desk: Any) -> None:
    report = show_rule("brief", [desk.file(RULES, "my_rules.py")])
    inputs, options = report.tables
    assert inputs.rows == (
        ("completion", "str", "of the candidate", "skip"),
        ("topic", "str | None", "column of the data set", "is passed on"),
    )
    assert options.rows == (("most", "int", "20"),)
    assert "Its length is counted in characters." in report.notes
    assert report.notes[0].endswith("my_rules.py:brief, called row by row; a row may take 1 s")
    assert show_rule("matches").tables[1].rows == (("pattern", "str", "(required)"),)


@pytest.mark.parametrize("name", variant_names("rewards.rules"))
def test_every_built_in_rule_can_be_shown(name: str) -> None:
    assert show_rule(name).tables[0].rows


def test_a_name_that_is_no_rule_names_the_nearest_one():
    with pytest.raises(RuleError, match="did you mean 'length_band'"):
        show_rule("length_bnd")


def test_what_rules_read_and_say_is_shown_and_a_failure_is_no_zero(desk: Any, trial: Any) -> None:
    report = trial(ROWS)
    brief, halves, rewards = report.tables
    assert brief.columns == ("answer", "completion", "topic", "outcome", "value", "reason", "ms")
    assert [row[:6] for row in brief.rows] == [
        (1, "Hello!", '"greeting"', "ok", 1.0, "6 characters on greeting"),
        (2, "Once upon a time there was a king.", "null", "ok", 0.0, "34 characters on None"),
        (3, "One.", '"numbers"', "ok", 1.0, "4 characters on numbers"),
    ]
    assert [row[3:5] for row in halves.rows] == [("ok", 0.5), ("error", None), ("ok", 1.0)]
    assert rewards.rows == ((1, 0.75, None), (2, None, "failed_scorer"), (3, 1.0, None))
    assert report.counts == {"answers": 3, "rules": 2, "failures": 1}
    assert report.exit_code == 1
    assert not desk.store.path.exists()


def test_only_the_first_answers_are_judged(trial: Any) -> None:
    report = trial(ROWS, limit=1)
    assert (report.counts["answers"], report.exit_code) == (1, 0)
    assert report.tables[0].rows[0][1] == "Hello!"


def test_a_data_set_of_the_store_is_read_and_not_written(desk: Any, trial: Any) -> None:
    desk.ingest(ROWS, name="known.jsonl")
    before = desk.store.path.read_bytes()
    assert trial("known", limit=2).counts["answers"] == 2
    assert desk.store.path.read_bytes() == before


def test_prompts_without_answers_can_be_given_one(trial: Any) -> None:
    prompts = [{"prompt": "Greet me.", "topic": "greeting", "rate": 1}, {"prompt": "Count.", "topic": "x", "rate": 2}]
    with pytest.raises(ConfigError, match="has no answers for the rules to judge; give one with --completion"):
        trial(prompts)
    report = trial(prompts, completion="Hello you!")
    assert [row[1:3] for row in report.tables[0].rows] == [("Hello you!", '"greeting"'), ("Hello you!", '"x"')]
    assert [row[3] for row in report.tables[1].rows] == ["ok", "ok"]


UNFIT = b"""
import os
from rewards import rule

@rule
def good(completion: str) -> bool:
    return True

@rule
def needs(completion: str, nowhere: str) -> bool:
    return True

@rule
def wants(completion: str, *, pattern: str) -> bool:
    return True
"""


def test_a_rule_that_cannot_run_does_not_keep_the_others_from_it(trial: Any) -> None:
    report = trial(ROWS, UNFIT)
    assert [table.title for table in report.tables] == ["good"]
    assert report.counts == {"answers": 3, "rules": 3, "failures": 0}
    assert report.exit_code == 1
    assert [note.partition(":")[0] for note in report.notes] == ["wants was not tried", "needs was not tried"]
    assert "needs the option 'pattern'" in report.notes[0]
    assert "reads the column 'nowhere', which data set file@1 does not have" in report.notes[1]


def test_where_no_rule_can_run_it_is_one_line(trial: Any) -> None:
    with pytest.raises(RuleError, match="reads the column 'rate', which data set file@1 does not have"):
        trial([{"instruction": "a", "output": "b"}], RULES.replace(b"topic: str | None", b"rate: float"))


def test_the_rules_of_a_spec_are_tried_with_what_it_says_of_them(desk: Any, trial: Any) -> None:
    spec = desk.file(
        b"scorers:\n- {rule: brief, options: {most: 3}}\n- {rule: brief, name: long, inputs: {topic: none}}\n",
        "spec.yaml",
    )
    report = trial(ROWS, reward=spec, limit=1)
    assert [table.title for table in report.tables] == ["brief"]
    assert report.tables[0].rows[0][4] == 0.0
    assert report.notes[0].startswith("long was not tried: rule long reads the column 'none'")


def test_wrong_arguments_are_one_line(desk: Any, trial: Any, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(
        NotFoundError, match=r"--on nope\.jsonl: no such file, nor a store .* with a data set of that name"
    ):
        trial("nope.jsonl")
    desk.ingest(ROWS, name="known.jsonl")
    with pytest.raises(NotFoundError, match="no data set 'nowhere'"):
        trial("nowhere")
    for arguments, message in (
        (["rules", "test", "--on", "x"], "which rules? Name a Python file, or a spec with --reward"),
        (["rules", "test", "my_rules.py"], "on what? Name a file or a data set with --on"),
        (["rules", "length_band", "--on", "x"], "to try rules, write: datakit rules test FILE --on DATA"),
    ):
        assert run(arguments) == 2
        said = capsys.readouterr().err
        assert message in said
        assert said.count("\n") == 1
