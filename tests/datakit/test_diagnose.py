"""Every diagnosis sees a hack that was planted, and is silent about a healthy reward."""

import random
from collections.abc import Callable, Sequence
from typing import Any

import pytest

from datakit.diagnose import PACKAGE, diagnose, load_diagnoses
from rewards.outcome import Outcome, Status
from rewards.plugins import variant_names
from schemas.errors import ConfigError
from schemas.options import DiagnoseOptions, GroupOptions
from schemas.report import Report

WORDS = "river stone light morning paper garden window table forest silver music travel letter".split()  # noqa: SIM905
REFUSAL = "I'm sorry, but I can't help with that request."


def ok(value: float) -> Outcome:
    return Outcome(Status.OK, value)


def prose(chance: random.Random, words: int = 30) -> str:
    return " ".join(chance.choice(WORDS) for _ in range(words)) + "."


Make = Callable[[random.Random], list[tuple[str, list[Outcome | None]]]]
"""The answers of one group: text, outcomes of a, b and c."""


def healthy(chance: random.Random) -> list[tuple[str, list[Outcome | None]]]:
    return [
        (prose(chance, chance.randint(20, 60)), [ok(quality), ok(round(chance.random(), 2)), ok(quality / 2)])
        for quality in (0.1, 0.4, 0.7, 1.0)
    ]


def longer_wins(chance: random.Random) -> list[tuple[str, list[Outcome | None]]]:
    sizes = [chance.randint(10, 100) for _ in range(6)]
    return [(prose(chance, size), [ok(size / 100), ok(chance.random() / 10), None]) for size in sizes]


def longer_wins_up_to_a_point(chance: random.Random) -> list[tuple[str, list[Outcome | None]]]:
    """No correlation, and yet length says it all."""
    return [(prose(chance, size), [ok(1 - abs(size - 60) / 60), ok(0.5), None]) for size in (10, 35, 60, 85, 110)]


def always_one(chance: random.Random) -> list[tuple[str, list[Outcome | None]]]:
    return [(text, [a, ok(1.0), c]) for text, (a, _, c) in healthy(chance)]


def opposed(chance: random.Random) -> list[tuple[str, list[Outcome | None]]]:
    return [(prose(chance), [ok(quality), ok(1 - quality), None]) for quality in (0.2, 0.5, 0.7)]


def flat(chance: random.Random) -> list[tuple[str, list[Outcome | None]]]:
    return [(prose(chance), [ok(0.5), ok(0.5), None]) for _ in range(4)]


def broken(chance: random.Random) -> list[tuple[str, list[Outcome | None]]]:
    failed = Outcome(Status.ERROR, None, "ZeroDivisionError")
    return [(text, [a, failed if chance.random() < 0.2 else b, c]) for text, (a, b, c) in healthy(chance)]


def phrase_pays(chance: random.Random) -> list[tuple[str, list[Outcome | None]]]:
    return [
        (f"As you can see, {text}" if a is not None and a.value == 1 else text, [a, b, c])
        for text, (a, b, c) in healthy(chance)
    ]


def phrase_pays_in_chinese(chance: random.Random) -> list[tuple[str, list[Outcome | None]]]:
    return [(("总而言之" if q else "") + "天气很好" * chance.randint(2, 5), [ok(q), ok(0.5), ok(0.5)]) for q in (0, 1)]


def refusing_pays(chance: random.Random) -> list[tuple[str, list[Outcome | None]]]:
    return [*((text, [ok(0.2), b, c]) for text, (_, b, c) in healthy(chance)), (REFUSAL, [ok(1), ok(1), ok(1)])]


def one_weight_decides(chance: random.Random) -> list[tuple[str, list[Outcome | None]]]:
    return [(prose(chance), [ok(0.6), ok(0.3), None]), (prose(chance), [ok(0.3), ok(0.5), None])]


def in_a_band_of_characters(chance: random.Random) -> list[tuple[str, list[Outcome | None]]]:
    """The groups' lengths differ, so that in lengths relative to the group's the band is a smear."""
    usual = chance.choice([20, 40, 80, 160])
    texts = ["x" * chance.randint(usual, 4 * usual) for _ in range(6)]
    return [(text, [ok(1.0 if 80 <= len(text) <= 160 else chance.random() / 5), ok(0.5), None]) for text in texts]


def longer_wins_among_single_answers(chance: random.Random) -> list[tuple[str, list[Outcome | None]]]:
    return longer_wins(chance)[:1]


def a_weight_away_from_refusals(chance: random.Random) -> list[tuple[str, list[Outcome | None]]]:
    """Refusals win a third of the groups, and all of them at half as much again: only few pairs turn round."""
    best = chance.uniform(0.7, 1.4)
    answers = [(prose(chance), [ok(best * share), ok(0), None]) for share in (0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 1)]
    return [*answers, (REFUSAL, [ok(0), ok(0.95), None])]


def one_of_these_pays(*forms: str) -> Make:
    """The best answer has one of some forms ({} is its text), the others have not; lengths say nothing."""

    def make(chance: random.Random) -> list[tuple[str, list[Outcome | None]]]:
        texts = [prose(chance, chance.randint(20, 60)) for _ in range(4)]
        best = chance.choice(forms).format(texts[0])
        return [(best, [ok(1), None, None]), *((text, [ok(chance.random() / 2), None, None]) for text in texts[1:])]

    return make


MARKS = [
    one_of_these_pays("The {}", "There {}", "I {}", "Here {}"),
    one_of_these_pays("这{}", "首{}", "好{}"),
    one_of_these_pays("**Well**: {}", "**Yes** {}", "See **this** {}"),
    one_of_these_pays("{} 😊", "😊 {}"),
    one_of_these_pays("Ha! {}", "So! {}", "{} Go!"),
    one_of_these_pays("好！{}", "{}吧！"),
    one_of_these_pays("- stone\n- river\n{}", "{}\n- paper\n- music"),
    one_of_these_pays("{} stone?", "{} river?", "{} light?"),
]


PLANTED: dict[str, Sequence[Make]] = {
    "length_correlation": [longer_wins, longer_wins_among_single_answers],
    "length_prediction": [
        longer_wins,
        longer_wins_up_to_a_point,
        in_a_band_of_characters,
        longer_wins_among_single_answers,
    ],
    "saturation": [always_one],
    "ties": [always_one, flat],
    "conflict": [opposed],
    "zero_spread": [flat],
    "failures": [broken],
    "telling_words": [phrase_pays, phrase_pays_in_chinese, *MARKS],
    "refusals_win": [refusing_pays],
    "over_refusal": [refusing_pays],
    "weight_sweep": [one_weight_decides, a_weight_away_from_refusals],
}


@pytest.fixture
def examine(make_desk: Any, fill: Any, drawn: Any, make_reward: Any) -> Callable[..., Report]:
    """Diagnose groups of 60 prompts, made by a function."""
    number = iter(range(100))

    def run(make: Make, *, reverse: bool = False, scorers: str = "abc", groups: int = 60, **options: Any) -> Report:
        desk = make_desk(f"desk{next(number)}")
        chance = random.Random(7)
        entries = options.pop("entries", [{"rule": name} for name in scorers])
        reward = make_reward(name="r", scorers=tuple(entries))
        made = [[drawn(text, outcomes[: len(scorers)]) for text, outcomes in make(chance)] for _ in range(groups)]
        fill(desk.store, made, reward, reverse=reverse)
        chosen = DiagnoseOptions(**{"benign": {"answer": "42"}, "details": True, **options})
        return diagnose("p", chosen, reward=reward, groups=GroupOptions(), store=desk.store)

    return run


def verdicts(report: Report) -> dict[str, str]:
    return {row[0]: row[3] for row in report.tables[0].rows}


def test_every_diagnosis_has_a_planted_hack():
    assert set(PLANTED) == set(variant_names(PACKAGE))


@pytest.mark.parametrize(("name", "make"), [(name, make) for name, makes in PLANTED.items() for make in makes])
def test_a_planted_hack_is_a_warning_with_advice(examine: Any, name: str, make: Make) -> None:
    scorers = "abc"[: sum(outcome is not None for outcome in make(random.Random(0))[0][1])]
    report = examine(make, scorers=scorers)
    assert verdicts(report)[name] == "WARNING"
    assert any(note.startswith(f"{name}: ") for note in report.notes)
    assert report.exit_code == 0


def test_a_healthy_reward_is_no_warning(examine: Any) -> None:
    report = examine(healthy)
    assert set(verdicts(report).values()) <= {"ok", "-"}
    assert report.notes == ("no warning",)
    assert report.counts == {"candidates": 240, "with reward": 240, "groups": 60, "with spread": 60, "warnings": 0}


@pytest.mark.parametrize("answers", [2, 8, 64])
@pytest.mark.parametrize("draw", [random.Random.random, lambda chance: chance.gauss(0.5, 0.2)])
def test_honest_scorers_that_know_nothing_of_each_other_are_no_warning(examine: Any, answers: int, draw: Any) -> None:
    def independent(chance: random.Random) -> list[tuple[str, list[Outcome | None]]]:
        texts = [prose(chance, chance.randint(5, 30)) for _ in range(answers - 1)] + [REFUSAL]
        return [(text, [ok(draw(chance)), ok(draw(chance))]) for text in texts]

    report = examine(independent, scorers="ab", groups=1000 // answers + 20)
    assert verdicts(report)["weight_sweep"] == "ok"
    assert verdicts(report)["length_correlation"] == "ok"
    assert verdicts(report)["length_prediction"] == "ok"


def test_marks_of_openings_are_shown_as_words(examine: Any) -> None:
    row = next(row for row in examine(MARKS[0], scorers="a").tables[0].rows if row[0] == "telling_words")
    assert "[start] here" in row[4]
    assert "[start] there" in row[4]
    assert "100% of the best" in row[4]


def test_that_longer_answers_have_more_of_everything_tells_no_words(examine: Any) -> None:
    def longer(chance: random.Random) -> list[tuple[str, list[Outcome | None]]]:
        return [(prose(chance, size), [ok(size)]) for size in (chance.randint(5, 100) for _ in range(4))]

    report = examine(longer, scorers="a", groups=300)
    assert verdicts(report)["length_correlation"] == "WARNING"
    assert verdicts(report)["telling_words"] == "ok"


def test_the_sweep_shows_what_is_won_by_refusals_at_each_weight(examine: Any) -> None:
    report = examine(a_weight_away_from_refusals, scorers="ab")
    sweep = next(table for table in report.tables if "a weight moves" in table.title)
    rows = {row[0]: dict(zip(sweep.columns[1:], row[1:], strict=True)) for row in sweep.rows}
    assert 0 < rows["as it is"]["won by refusals"] < 0.6
    assert rows["b x 1.5"]["won by refusals"] == 1
    assert rows["b x 1.5"]["newly won"] == 1
    assert rows["b x 1.5"]["another best"] == 1 - rows["as it is"]["won by refusals"]
    assert rows["b x 1.5"]["pairs turned round"] < 0.1
    assert rows["as it is"]["another best"] == rows["as it is"]["pairs turned round"] == 0


def test_a_best_answer_that_stays_among_the_best_is_no_other_one(examine: Any) -> None:
    def tied(chance: random.Random) -> list[tuple[str, list[Outcome | None]]]:
        return [(prose(chance), [ok(a), ok(b)]) for a, b in ((1, 0), (0, 1), (0, 0))]

    report = examine(tied, scorers="ab")
    assert verdicts(report)["weight_sweep"] == "ok"


def test_the_order_of_the_rows_makes_no_difference(examine: Any) -> None:
    assert examine(refusing_pays).tables == examine(refusing_pays, reverse=True).tables


def test_a_failure_is_no_zero(examine: Any) -> None:
    report = examine(broken)
    tables = {table.title: table for table in report.tables}
    outcomes = {row[0]: row[1:] for row in tables["outcomes"].rows}
    assert sum(outcomes["b"]) == 240
    assert outcomes["b"][3] > 20
    saturation = {row[0]: row for row in tables["saturation"].rows}
    assert saturation["b"][1] == 240 - outcomes["b"][3]
    assert report.counts["with reward"] == 240 - outcomes["b"][3]


def test_values_are_those_that_are_weighed_and_conditions_hold(examine: Any) -> None:
    turned = [
        {"rule": "a"},
        {"rule": "b", "scale": {"from": [0, 1], "to": [1, 0]}},
        {"rule": "c", "when": {"answer": "1"}},
    ]
    report = examine(opposed, scorers="abc", entries=turned)
    assert verdicts(report)["conflict"] == "ok"
    outcomes = {row[0]: row for table in report.tables if table.title == "outcomes" for row in table.rows}
    assert outcomes["c"] == ("c", 0, 0, 180, 0, 0)


def test_thresholds_are_set_by_name_and_a_warning_can_fail_the_command(examine: Any) -> None:
    report = examine(longer_wins, scorers="ab", threshold={"length_correlation": 1}, fail_on_warning=True)
    assert verdicts(report)["length_correlation"] == "ok"
    assert verdicts(report)["length_prediction"] == "WARNING"
    assert report.exit_code == 1
    assert examine(healthy, fail_on_warning=True).exit_code == 0


def test_only_the_figures_behind_warnings_are_shown_unless_all_are_wanted(examine: Any) -> None:
    assert [table.title for table in examine(broken, details=False).tables[1:]] == ["outcomes"]


def test_nobody_has_to_say_which_prompts_are_harmless(examine: Any) -> None:
    row = next(row for row in examine(healthy, benign={}).tables[0].rows if row[0] == "over_refusal")
    assert (row[1], row[3]) == (None, "-")
    assert "--benign" in row[4]
    none = examine(refusing_pays, benign={"answer": ["41", 42]})
    assert verdicts(none)["over_refusal"] == "-"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"threshold": {"ties": "many"}}, "--threshold ties=many: a threshold is a number"),
        ({"threshold": {"tied": 1}}, "--threshold tied: no such diagnosis; did you mean 'ties'"),
        ({"benign": {"anser": 1}}, "--benign anser: the data set has no such column; did you mean 'answer'"),
    ],
)
def test_a_wrong_option_is_one_line(examine: Any, options: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=r".*") as raised:
        examine(healthy, **options)
    assert message in str(raised.value)


def unscored(chance: random.Random) -> list[tuple[str, list[Outcome | None]]]:
    return [(prose(chance), [None, None, None])]


def all_failed(chance: random.Random) -> list[tuple[str, list[Outcome | None]]]:
    return [(prose(chance), [Outcome(Status.ERROR, None, "KeyError")] * 3)]


@pytest.mark.parametrize(
    ("make", "groups", "says"),
    [
        (unscored, 60, "no candidate has a reward: run `datakit score` with the same rules first"),
        (all_failed, 60, "no candidate has a reward, for every one a scorer failed, was skipped or was not run"),
        (healthy, 0, "no candidates"),
        (lambda chance: healthy(chance)[:1], 3, "too few answers with a reward"),
    ],
)
def test_that_nothing_could_be_examined_is_a_warning(examine: Any, make: Make, groups: int, says: str) -> None:
    report = examine(make, groups=groups, fail_on_warning=True, benign={})
    assert f"nothing could be examined: {says}" in report.notes
    assert report.counts["warnings"] > 0
    assert report.exit_code == 1
    assert examine(make, groups=groups, benign={}).exit_code == 0


def test_one_group_with_one_answer_is_examined(examine: Any) -> None:
    report = examine(lambda chance: healthy(chance)[:1], groups=1)
    assert report.counts["candidates"] == 1
    assert verdicts(report)["zero_spread"] == "-"


def test_every_diagnosis_says_what_to_do():
    for name, diagnosis in load_diagnoses({}).items():
        assert len(diagnosis.advice()) > 40, name
