"""Evaluation: models are compared prompt by prompt, on prompts that none of them was trained on."""

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar

import pytest

from datakit.build_pairs import build_pairs
from datakit.engine import Completion, Engine, Failure, Request
from datakit.evaluate import Job, evaluate
from datakit.generate import generate
from datakit.score import score
from rewards.spec import Reward, load_reward
from schemas.errors import ConfigError, RuleError, UserError
from schemas.options import (
    EvaluateOptions,
    GenerateOptions,
    GroupOptions,
    IngestOptions,
    PairOptions,
    RecipeOptions,
    RewardOptions,
    ScoreOptions,
)
from schemas.report import Report

RULES = """
from rewards import rule

@rule
def points(completion: str) -> float | None:
    word = completion.split()[0] if completion.split() else "0"
    if word == "none":
        return None
    return float(word)

@rule
def short(completion: str) -> bool:
    return len(completion) < 20
"""
PROMPTS = [{"prompt": f"Question {number}?", "split": "eval" if number % 2 else "train"} for number in range(6)]

Say = Callable[[str, int], str | None]
"""What a model says to a prompt as its i-th answer; None is a failure."""


class Fake(Engine):
    """An engine whose answers a test makes up; it counts what it was asked."""

    say: Any
    asked: ClassVar[list[tuple[str, str]]] = []
    adapters: ClassVar[list[str | None]] = []
    seeds: ClassVar[dict[tuple[str, str], int]] = {}
    """Of each prompt's first answer."""

    @property
    def version(self) -> str:
        return "fake 1"

    def generate(self, requests: Iterable[Request], recipe: RecipeOptions) -> Iterator[Completion | Failure]:
        self.adapters.append(recipe.adapter)
        for request in requests:
            prompt = str(request.messages[-1]["content"])
            index = request.seed - self.seeds.setdefault((self.model, prompt), request.seed)
            self.asked.append((self.model, prompt))
            said = self.say(prompt, index)
            if said is None:
                yield Failure(request.key, "transport", f"no answer to {prompt}")
            else:
                yield Completion(request.key, said, "length" if said.endswith("...") else "stop", len(said.split()))


@pytest.fixture
def bench(desk: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A store with six prompts, a reward, and `evaluate` with made-up models."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(desk.folder / "cache"))
    Fake.asked.clear()
    Fake.adapters.clear()
    Fake.seeds.clear()
    (desk.folder / "rules.py").write_text(RULES)
    desk.ingest(PROMPTS, "prompts.jsonl")

    def reward(*names: str, name: str = "reward") -> Reward:
        path = desk.folder / f"{name}.yaml"
        scorers = "".join(f"  - {{rule: {one}}}\n" for one in names)
        path.write_text(f"name: {name}\nrules: rules.py\nscorers:\n{scorers}")
        return load_reward(RewardOptions(reward=path))

    def run(
        models: dict[str, Say] | Sequence[str],
        *,
        guard: Reward | None = None,
        where: str | None = None,
        **options: Any,
    ) -> Report:
        given = EvaluateOptions(**{"prompts": "prompts", "n": 2, "model_revision": "1", **options})
        job = Job(desk.reward, given, guard, ScoreOptions(workers=1), IngestOptions(where=where))
        said = models if isinstance(models, dict) else {name: always("1") for name in models}
        engines = {name: Fake(model=name, say=say) for name, say in said.items()}
        return evaluate(list(models), job, store=desk.store, engines=engines)

    desk.make_reward, desk.reward, desk.evaluate = reward, reward("points"), run
    return desk


def always(text: str) -> Say:
    return lambda prompt, index: text


def by_prompt(*texts: str) -> Say:
    """To question i its i-th text."""
    return lambda prompt, index: texts[int(prompt.split()[1].rstrip("?"))]


def mean_of(report: Report, model: str, scorer: str | None = None, *, guard: bool = False) -> dict[str, Any]:
    [found] = [
        row for row in report.figures["means"] if (row["model"], row["scorer"], row["guard"]) == (model, scorer, guard)
    ]
    return found


def difference_of(report: Report, model: str, *, guard: bool = False) -> dict[str, Any]:
    [found] = [
        row
        for row in report.figures["differences"]
        if (row["model"], row["scorer"], row["guard"]) == (model, None, guard)
    ]
    return found


def test_models_are_compared_prompt_by_prompt(bench):
    report = bench.evaluate(
        {"a": by_prompt("0", "0", "1", "1", "0", "0"), "b": by_prompt("1", "0", "1", "1", "0", "1")}
    )
    assert report.counts["answers"] == 24
    assert mean_of(report, "a")["mean"] == pytest.approx(2 / 6)
    assert mean_of(report, "b")["mean"] == pytest.approx(4 / 6)
    found = difference_of(report, "b")
    assert found["mean"] == pytest.approx(2 / 6)
    assert found["wins"]["mean"] == pytest.approx((2 + 4 / 2) / 6)
    assert found["matched"]["mean"] == pytest.approx(2 / 6)  # every answer is one character long
    assert found["low"] >= 0  # b is nowhere worse
    assert report.exit_code == 0


def test_answers_are_stored_with_their_origin_and_outside_every_data_sets_groups(bench):
    bench.evaluate({"a": always("1"), "b": always("0")})
    assert bench.sql("SELECT DISTINCT origin, sample_index FROM candidates ORDER BY ALL") == [
        ("evaluate", 0),
        ("evaluate", 1),
    ]
    assert bench.sql("SELECT count(*) FROM recipes") == [2]
    assert bench.sql("SELECT count(*) FROM dataset_recipes") == [0]


def draw(bench: Any, say: Say) -> Report:
    options = GenerateOptions(model=("a",), model_revision="1", n=2)
    return generate("prompts", options, store=bench.store, engine=Fake(model="a", say=say))


def pair(bench: Any) -> Report:
    groups = GroupOptions()
    score("prompts", ScoreOptions(workers=1), reward=bench.reward, groups=groups, store=bench.store)
    return build_pairs("prompts", PairOptions(), reward=bench.reward, groups=groups, store=bench.store)


def test_an_answer_for_evaluation_is_no_sample_of_the_same_recipe_whichever_comes_first(bench):
    bench.evaluate({"a": lambda prompt, index: f"{index} evaluated"})
    assert draw(bench, lambda prompt, index: f"{index} drawn").counts["generated"] == 12
    assert bench.sql("SELECT origin, count(*) FROM candidates GROUP BY ALL ORDER BY ALL") == [
        ("evaluate", 12),
        ("sample", 12),
    ]
    assert pair(bench).counts["candidates"] == 12
    chosen = "SELECT DISTINCT text FROM pairs JOIN candidates ON candidate_id IN (chosen_id, rejected_id) ORDER BY 1"
    assert bench.sql(chosen) == ["0 drawn", "1 drawn"]


def test_samples_do_not_stand_in_for_answers_for_evaluation(bench):
    draw(bench, always("0 drawn"))
    before = bench.sql("SELECT candidate_id FROM candidates ORDER BY ALL")
    report = bench.evaluate({"a": always("1 evaluated")})
    assert report.counts["generated"] == 12
    assert mean_of(report, "a")["mean"] == 1
    assert bench.sql("SELECT candidate_id FROM candidates WHERE origin = 'sample' ORDER BY ALL") == before
    assert bench.sql("SELECT count(*) FROM dataset_recipes") == [1]


def test_a_second_run_draws_and_judges_nothing_and_says_the_same(bench):
    models = {"a": by_prompt("0", "1", "2", "3", "4", "none"), "b": always("2 and more ...")}
    guard = bench.make_reward("short", name="guard")
    first = bench.evaluate(models, guard=guard)
    asked, stored = len(Fake.asked), bench.store.path.read_bytes()
    second = bench.evaluate(models, guard=guard)
    assert (second.tables, second.figures) == (first.tables, first.figures)
    assert (second.counts["generated"], second.counts["outcomes judged"]) == (0, 0)
    assert any("nothing to do" in note for note in second.notes)
    assert len(Fake.asked) == asked
    assert bench.store.path.read_bytes() == stored


def test_what_was_drawn_before_a_crash_is_not_drawn_again(bench):
    def breaks(prompt: str, index: int) -> str:
        if prompt == "Question 4?":
            raise RuntimeError("killed")
        return "1"

    with pytest.raises(RuntimeError):
        bench.evaluate({"a": breaks})
    there = bench.sql("SELECT count(*) FROM candidates")[0]
    assert there == 8
    report = bench.evaluate({"a": always("1")})
    assert report.counts["generated"] == 12 - there
    assert mean_of(report, "a")["answers"] == 12


def test_fewer_answers_than_are_stored_are_as_many_as_asked_for(bench):
    say = {"a": lambda prompt, index: str(index)}
    first = bench.evaluate(say, n=2)
    assert mean_of(bench.evaluate(say, n=4), "a")["mean"] == 1.5
    assert bench.evaluate(say, n=2).figures == first.figures


def test_a_column_n_overrides_n(bench):
    bench.ingest([{"prompt": "Question 0?", "n": 1}, {"prompt": "Question 1?", "n": 5}], "own.jsonl")
    report = bench.evaluate({"a": always("1")}, prompts="own", n=3)
    assert report.counts["answers"] == 6


def test_answers_without_a_reward_are_left_out_and_counted(bench):
    says = {"a": by_prompt("1", "1", "1", "oops", "none", "1"), "b": by_prompt("0", "0", "oops", "0", "0", "none")}
    report = bench.evaluate(says)
    a, b = mean_of(report, "a"), mean_of(report, "b")
    assert (a["mean"], a["prompts"], a["answers"], a["skipped"], a["failed"]) == (1.0, 4, 8, 2, 2)
    assert (b["mean"], b["prompts"], b["answers"], b["skipped"], b["failed"]) == (0.0, 4, 8, 2, 2)
    found = difference_of(report, "b")
    assert (found["mean"], found["prompts"]) == (-1.0, 2)  # questions 0 and 1 alone have a reward of both
    assert report.counts["without reward"] == 8
    assert report.exit_code == 1  # failures must be seen


def test_an_answer_with_no_reward_does_not_pull_its_prompt_down(bench):
    report = bench.evaluate({"a": lambda prompt, index: "1" if index else "oops"})
    assert mean_of(report, "a")["mean"] == 1.0
    assert mean_of(report, "a")["prompts"] == 6


def test_prompts_count_alike_however_many_answers_they_have(bench):
    rows = [{"prompt": "Question 0?", "n": 1}, {"prompt": "Question 1?", "n": 9}]
    bench.ingest(rows, "own.jsonl")
    report = bench.evaluate({"a": by_prompt("1", "0")}, prompts="own")
    assert mean_of(report, "a")["mean"] == 0.5


def test_the_difference_at_like_length_is_that_of_prompts_with_answers_of_like_length(bench):
    # 10 and 12 characters are less than a fifth apart, 10 and 13 are not
    a = by_prompt(*["0 " + "x" * 8] * 6)
    b = by_prompt("1 " + "x" * 10, *["3 " + "x" * 11] * 5)
    found = difference_of(bench.evaluate({"a": a, "b": b}), "b")
    assert found["mean"] == pytest.approx((1 + 5 * 3) / 6)
    assert (found["matched"]["mean"], found["matched"]["prompts"]) == (1.0, 1)
    assert found["matched"]["low"] is None  # one prompt has no spread


def test_the_guard_is_reported_beside_the_reward_and_a_hacked_reward_warned_of(bench):
    models = {"a": always("0"), "b": always("1 " + "x" * 30)}
    report = bench.evaluate(models, guard=bench.make_reward("short", name="guard"))
    assert difference_of(report, "b")["mean"] == 1
    assert difference_of(report, "b", guard=True)["mean"] == -1
    assert mean_of(report, "b", "short", guard=True)["mean"] == 0
    assert any("reward hacking" in note for note in report.notes)
    assert any("another length" in note for note in report.notes)
    assert [table.title for table in report.tables][:2] == ["reward reward: means", "guard guard: means"]


def test_lengths_and_defects_are_counted(bench):
    says = by_prompt("0 one two", "0 here is it ...", "0 cut ...", "", "I'm sorry, but I can't assist with that.", "0")
    bench.reward = bench.make_reward("short")
    [row] = bench.evaluate({"a": says}).figures["answers"]
    assert row["answers"] == 12
    assert row["characters"] == pytest.approx((9 + 16 + 9 + 0 + 40 + 1) / 6)
    assert row["tokens"] == pytest.approx((3 + 5 + 3 + 0 + 8 + 1) / 6)
    assert row["truncated"] == pytest.approx(2 / 6)
    assert row["refusing"] == pytest.approx(1 / 6)
    assert row["degenerate"] >= 1 / 6 - 1e-9  # the empty one at least


def test_the_order_of_models_does_not_change_what_is_said_of_each(bench):
    models = {"a": by_prompt("0", "1", "5", "none", "2", "2"), "b": by_prompt("1", "1", "2", "4", "oops", "1")}
    models["c"] = lambda prompt, index: str(index + len(prompt))
    first = bench.evaluate(models, max_failures=1)

    def said(report: Report) -> Any:
        return sorted(map(str, report.figures["means"])), sorted(map(str, report.figures["answers"]))

    for order in (("b", "c", "a"), ("c", "a", "b"), ("b", "a", "c")):
        report = bench.evaluate({name: models[name] for name in order}, max_failures=1)
        assert said(report) == said(first)
        if order[0] == "b":
            there, back = difference_of(first, "b"), difference_of(report, "a")
            assert [back["mean"], back["low"], back["high"]] == pytest.approx(
                [-there["mean"], -there["high"], -there["low"]]
            )
            assert back["wins"]["mean"] == pytest.approx(1 - there["wins"]["mean"])


def test_a_condition_makes_a_set_of_its_own_and_leaves_the_named_one_alone(bench):
    report = bench.evaluate({"a": always("1")}, where="split = 'eval'")
    assert report.counts["prompts"] == 3
    assert report.reasons == {"not_selected": 3}
    assert {prompt for _, prompt in Fake.asked} == {"Question 1?", "Question 3?", "Question 5?"}
    assert bench.sql("SELECT name, version, kind FROM datasets ORDER BY ALL") == [
        ("prompts", 1, "prompts"),
        ("prompts-heldout", 1, "prompts"),
    ]
    again = bench.evaluate({"a": always("1")}, where="split = 'eval'")
    assert again.figures == report.figures
    assert bench.sql("SELECT count(*) FROM datasets") == [2]


def test_a_file_with_a_condition_makes_no_version_of_the_set_that_training_draws_from(bench):
    file = bench.file(PROMPTS, "prompts.jsonl")
    report = bench.evaluate({"a": always("1")}, prompts=str(file), where="split = 'eval'")
    assert report.counts["prompts"] == 3
    assert bench.sql("SELECT max(version) FROM datasets WHERE name = 'prompts'") == [1]
    assert bench.evaluate({"a": always("1")}, prompts=str(file), where="split = 'eval'").figures == report.figures


def test_a_file_is_ingested_under_its_name(bench):
    file = bench.file([{"prompt": "Question 9?"}], "new.jsonl")
    assert bench.evaluate({"a": always("1")}, prompts=str(file)).counts["prompts"] == 1
    assert bench.sql("SELECT name FROM datasets ORDER BY ALL") == ["new", "prompts"]


def test_the_page_escapes_what_prompts_models_and_answers_say(bench):
    hostile = "<script>alert(1)</script>"
    bench.ingest([{"prompt": f"0 {hostile} 0?"}, {"prompt": "Question 1?"}], "hostile.jsonl")
    page = bench.folder / "page.html"
    models = {"<b>a</b>": always(f"1 {hostile}"), "b": always("0 \x00 & <i>")}
    report = bench.evaluate(models, prompts="hostile", html=page)
    assert report.output == str(page)
    text = page.read_text(encoding="utf-8")
    assert "<script" not in text
    assert "<b>a" not in text
    assert "<i>" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in text
    assert "http" not in text
    assert bench.evaluate(models, prompts="hostile", html=page).unchanged


@pytest.mark.parametrize(
    ("models", "options", "says"),
    [
        (("a", "a"), {}, "a is given twice"),
        (("./missing",), {}, "no model directory ./missing"),
        (("a",), {"prompts": "nothing"}, "no data set 'nothing'"),
        (("a",), {"prompts": "missing.jsonl"}, "missing.jsonl"),
        (("a",), {"where": "split = 'other'"}, "none of its 6 prompts satisfies --where split = 'other'"),
        (("a",), {"where": "spilt = 1"}, "the columns are split, prompt"),
        (("a",), {"temperature": 0.0}, "-n 2 at temperature 0"),
        ((), {}, "no model to evaluate"),
    ],
)
def test_a_mistake_is_one_line(bench, models, options, says):
    with pytest.raises(UserError, match=re.escape(says)) as error:
        bench.evaluate(models, **options)
    assert "\n" not in str(error.value)
    assert not Fake.asked


def test_a_guard_that_is_the_reward_is_refused(bench):
    with pytest.raises(ConfigError, match="the guard is the reward itself"):
        bench.evaluate({"a": always("1")}, guard=bench.make_reward("points", name="other"))
    with pytest.raises(ConfigError, match="both named 'reward'"):
        bench.evaluate({"a": always("1")}, guard=bench.make_reward("short", name="reward"))


def test_a_model_that_answers_nothing_is_named_with_its_first_failure(bench):
    with pytest.raises(
        UserError, match=r"b gave no answer to any of the prompts of prompts@1: first transport: .*Question"
    ):
        bench.evaluate({"a": always("1"), "b": lambda prompt, index: None})
    assert bench.evaluate({"a": always("1")}).counts["generated"] == 0  # what a said is stored


def test_missing_answers_are_counted_and_drawn_by_the_next_run(bench):
    report = bench.evaluate({"a": lambda prompt, index: None if prompt == "Question 2?" else "1"})
    assert (report.counts["missing"], report.counts["answers"], report.exit_code) == (2, 10, 1)
    assert any(note.startswith("a: still missing: 2 answers") for note in report.notes)
    assert bench.evaluate({"a": always("1")}).counts["generated"] == 2


def test_a_reward_that_nothing_gets_is_one_line(bench):
    with pytest.raises(UserError, match="no answer has a reward by reward: on 12 answers a rule failed"):
        bench.evaluate({"a": always("oops")})
    with pytest.raises(UserError, match="to 12 none applies"):
        bench.evaluate({"b": always("none")})


def test_empty_answers_are_said(bench):
    report = bench.evaluate({"a": always("")})
    assert "a: every answer is empty" in report.notes


def test_a_rule_that_reads_a_column_that_is_not_there_is_refused_before_anything_is_asked(bench):
    (bench.folder / "rules.py").write_text(
        RULES + "\n@rule\ndef right(completion: str, answer: str) -> bool:\n    return True\n"
    )
    bench.reward = bench.make_reward("right")
    with pytest.raises(RuleError, match="answer"):
        bench.evaluate({"a": always("1")})
    assert not Fake.asked


def test_the_command_prints_figures_for_machines_and_one_line_for_a_mistake(bench, chat_server):
    chat_server.reply = lambda body, number: (200, "1 yes" if body["model"] == "new" else "0 no")

    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [Path(sys.executable).parent / "datakit", "evaluate", *arguments, "--prompts", "prompts.jsonl"]
        command += ["--reward", "reward.yaml", "--base-url", chat_server.url, "--store", "s.duckdb"]
        return subprocess.run(command, cwd=bench.folder, capture_output=True, text=True, timeout=120, check=False)

    done = run("old", "new", "-n", "1", "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)["figures"]
    [all_of_it, _] = figures["differences"]
    assert (all_of_it["model"], all_of_it["against"], all_of_it["mean"]) == ("new", "old", 1.0)
    assert "new against old, reward reward: +1 [1, 1], 100 % wins, 6 prompts" in run("old", "new", "-n", "1").stdout
    wrong = run("./gone")
    assert (wrong.returncode, wrong.stderr) == (2, "error: no model directory ./gone\n")
