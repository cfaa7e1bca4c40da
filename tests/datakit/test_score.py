"""The score stage: judges what is missing, once, and stores every outcome."""

import math
from collections.abc import Callable
from typing import Any

import pytest

from datakit.score import score
from rewards.engine import Limits
from rewards.spec import RewardSpec, ScorerEntry, load_reward, reward_of
from schemas.errors import RuleError, StageStopped
from schemas.options import GroupOptions, RewardOptions, ScoreOptions
from schemas.report import Report

HEAD = (
    "import polars as pl\nfrom pathlib import Path\nfrom rewards import Verdict, rule\nHERE = Path(__file__).parent\n\n"
)
LENGTH = "@rule\ndef length(completion: str) -> float:\n    return len(completion)\n\n"
RIGHT = "@rule\ndef right(completion: str, answer: str) -> bool:\n    return completion == answer\n\n"
SCORES = "SELECT s.name, c.text, status, value, reason FROM scores JOIN scorers s USING (scorer_id) "
SCORES += "JOIN candidates c USING (candidate_id) ORDER BY ALL"
ROWS = [
    {"prompt": "1 + 1?", "completion": "2", "answer": "2"},
    {"prompt": "2 + 2?", "completion": "five", "answer": "4"},
    {"prompt": "3 + 3?", "completion": "6", "answer": None},
]


@pytest.fixture
def judge(desk: Any) -> Callable[..., Report]:
    """Score the data set `data` by the rules of a source text."""

    def judge(source: str, *, dataset: str = "data", **options: Any) -> Report:
        path = desk.folder / "rules.py"
        path.write_text(HEAD + source)
        reward = load_reward(RewardOptions(rules=(path,)))
        chosen = ScoreOptions(**{"workers": 2, "timeout": 0.5, **options})
        return score(dataset, chosen, reward=reward, groups=GroupOptions(), store=desk.store)

    return judge


@pytest.mark.parametrize("choice", [{"where": "answer IS NULL"}, {"limit": 1}])
def test_a_choice_of_rows_is_judged_by_what_judges_the_whole_file(desk: Any, judge: Any, choice: Any) -> None:
    desk.ingest([{"prompt": "Hi.", "completion": "Hello."}, *ROWS], **choice)
    judge(RIGHT)
    assert {row[2] for row in desk.sql(SCORES)} == {"skip"}
    with pytest.raises(RuleError, match=r"reads the column 'anwser'.*did you mean 'answer'"):
        judge(RIGHT.replace("answer", "anwser"))


def test_every_candidate_gets_an_outcome_of_every_rule_and_the_counts_add_up(desk: Any, judge: Any) -> None:
    desk.ingest(ROWS)
    report = judge(
        LENGTH
        + RIGHT
        + "@rule\ndef careful(completion: str) -> Verdict:\n"
        + "    if completion == 'five':\n        raise ValueError('not a digit')\n"
        + "    return Verdict(0.5, 'half') if completion == '2' else None\n"
    )
    assert desk.sql(SCORES) == [
        ("careful", "2", "ok", 0.5, "half"),
        ("careful", "6", "skip", None, None),
        ("careful", "five", "error", None, "ValueError: not a digit"),
        ("length", "2", "ok", 1.0, None),
        ("length", "6", "ok", 1.0, None),
        ("length", "five", "ok", 4.0, None),
        ("right", "2", "ok", 1.0, None),
        ("right", "6", "skip", None, "no answer"),
        ("right", "five", "ok", 0.0, None),
    ]
    counts = report.counts
    assert (counts["candidates"], counts["rules"], counts["outcomes"], counts["judged"]) == (3, 3, 9, 9)
    assert [counts[name] for name in ("ok", "skip", "error", "timeout")] == [6, 2, 1, 0]
    assert report.needs_attention
    assert report.tables[0].rows == (
        ("length", 2.0, 3, 0, 0, 0),
        ("right", 0.5, 2, 1, 0, 0),
        ("careful", 0.5, 1, 1, 1, 0),
    )
    assert report.tables[1].rows == (("careful", "error", "ValueError: not a digit", 1),)
    assert desk.sql("SELECT kind, fingerprint IS NOT NULL FROM scorers") == [("rule", True)] * 3
    assert desk.sql("SELECT count(*) FROM reward_specs") == [1]
    assert desk.sql("SELECT status, counts->>'judged' FROM runs WHERE stage = 'score'") == [("done", "9")]


def test_a_second_run_writes_nothing_and_says_so(desk: Any, judge: Any) -> None:
    desk.ingest(ROWS)
    judge(LENGTH + RIGHT)
    before = desk.sql("SELECT count(*) FROM runs")
    report = judge(LENGTH + RIGHT)
    assert report.run_id is None
    assert report.notes == ("nothing to do: every candidate is judged by every rule",)
    assert (report.counts["already there"], report.counts["judged"]) == (6, 0)
    assert report.tables[0].rows[0] == ("length", 2.0, 3, 0, 0, 0)
    assert desk.sql("SELECT count(*) FROM runs") == before


def test_a_new_body_scores_that_rule_again_and_a_comment_nothing(desk: Any, judge: Any) -> None:
    desk.ingest(ROWS)
    judge(LENGTH + RIGHT)
    assert judge(LENGTH.replace("    return", "    # how long it is\n    return") + RIGHT).run_id is None
    report = judge(LENGTH.replace("len(completion)", "2 * len(completion)") + RIGHT)
    assert (report.counts["already there"], report.counts["judged"]) == (3, 3)
    assert desk.sql("SELECT count(*) FROM scores") == [9]


def test_a_corrected_column_scores_one_row_again_for_the_rules_that_read_it(desk: Any, judge: Any) -> None:
    desk.ingest(ROWS)
    judge(LENGTH + RIGHT)
    desk.ingest([{**row, "answer": "5" if row["answer"] == "4" else row["answer"]} for row in ROWS])
    report = judge(LENGTH + RIGHT)
    assert (report.counts["already there"], report.counts["judged"]) == (5, 1)
    assert judge(LENGTH + RIGHT, dataset="data@1").run_id is None


def test_a_view_has_only_the_newest_outcome_of_each_candidate(desk: Any, judge: Any) -> None:
    desk.ingest(ROWS)
    judge(RIGHT)
    desk.ingest([{**row, "answer": "five" if row["answer"] == "4" else row["answer"]} for row in ROWS])
    judge(RIGHT)
    assert desk.sql("SELECT status, count(*), avg(value) FROM scores GROUP BY ALL ORDER BY ALL") == [
        ("ok", 3, 2 / 3),
        ("skip", 1, None),
    ]
    assert desk.sql("SELECT status, count(*), avg(value) FROM newest_scores GROUP BY ALL ORDER BY ALL") == [
        ("ok", 2, 1.0),
        ("skip", 1, None),
    ]


def test_candidates_that_a_rule_cannot_tell_apart_are_judged_once(desk: Any, judge: Any, fill: Any, drawn: Any) -> None:
    groups = [[drawn(text) for text in texts] for texts in (["a", "a", "b"], ["a", "b"], ["c"] * 5)]
    fill(desk.store, groups, reward_of(RewardSpec(scorers=(ScorerEntry(rule="is_json"),))))
    report = judge(
        "@rule\ndef counted(completion: str) -> float:\n"
        "    with (HERE / 'calls').open('a') as file:\n        file.write(completion + '\\n')\n    return 1.0\n",
        dataset="p",
    )
    assert sorted((desk.folder / "calls").read_text().split()) == ["a", "a", "b", "b", "c"]
    assert (report.counts["judged"], report.counts["from identical answers"]) == (10, 5)
    assert desk.sql("SELECT count(*), count(DISTINCT candidate_id) FROM scores") == [(10, 10)]


FRAGILE = """
@rule
def fragile(completion: str) -> float:
    if completion == "five" and not (HERE / "mended").exists():
        raise OSError("out of order")
    return 1.0

@rule
def columns(completion: pl.Expr) -> pl.Expr:
    if (HERE / "mended").exists():
        return completion.str.len_chars()
    return completion.cast(pl.Float64)
"""


def test_failures_are_tried_again_only_on_request_and_replaced(desk: Any, judge: Any) -> None:
    desk.ingest(ROWS)
    report = judge(FRAGILE)
    assert (report.counts["ok"], report.counts["error"], report.counts["failures"]) == (4, 2, 2)
    (desk.folder / "mended").touch()
    again = judge(FRAGILE)
    assert (again.run_id, again.counts["failures"]) == (None, 2)
    assert again.needs_attention
    assert "--retry" in again.notes[1]
    retried = judge(FRAGILE, retry=True)
    assert (retried.counts["already there"], retried.counts["judged"], retried.counts["ok"]) == (4, 2, 2)
    assert not retried.needs_attention
    assert desk.sql("SELECT status, count(*), count(DISTINCT candidate_id) FROM scores GROUP BY ALL") == [("ok", 6, 3)]
    assert judge(FRAGILE, retry=True).run_id is None


BROKEN = "@rule\ndef broken(completion: str) -> float:\n    return completion.nothing\n"


@pytest.mark.parametrize(
    "source",
    [
        BROKEN,
        "@rule\ndef broken(completion: pl.Expr) -> pl.Expr:\n    return completion.str.len_chars() / 0\n",
    ],
)
def test_a_broken_rule_stops_the_stage_and_what_was_judged_stays(
    desk: Any, judge: Any, fill: Any, drawn: Any, source: str
) -> None:
    fill(
        desk.store,
        [[drawn(f"{number}-{index}") for index in range(8)] for number in range(6000)],  # several batches of a part
        reward_of(RewardSpec(scorers=(ScorerEntry(rule="is_json"),))),
    )
    with pytest.raises(StageStopped, match=r"rule broken: 50 rows in a row ended in the same error \(.*\).*--retry"):
        judge(source, dataset="p")
    stored = desk.sql("SELECT count(*) FROM scores WHERE status = 'error'")[0]
    assert 50 <= stored < 48_000
    assert desk.sql("SELECT status, (counts->>'judged')::INT FROM runs WHERE stage = 'score'") == [("failed", stored)]
    report = judge(source.replace("completion.nothing", "1.0").replace("/ 0", "/ 1"), dataset="p")
    assert (report.counts["judged"], report.counts["ok"]) == (48_000, 48_000)


def test_failures_that_differ_or_are_interrupted_do_not_stop_the_stage(desk: Any, judge: Any) -> None:
    desk.ingest([{"prompt": f"q{n}", "completion": str(n)} for n in range(300)])
    report = judge(
        "@rule\ndef differs(completion: str) -> float:\n    raise ValueError(completion)\n"
        "@rule\ndef often(completion: str) -> float:\n    return 1 / (int(completion) % 40)\n"
    )
    assert (report.counts["error"], report.counts["ok"]) == (308, 292)


def test_a_columnar_rule_is_judged_inside_the_store(desk: Any, judge: Any) -> None:
    desk.ingest([*ROWS, {"prompt": "4 + 4?", "completion": "nan", "answer": "8"}])
    report = judge(
        "@rule\ndef number(completion: pl.Expr, answer: pl.Expr, *, factor: float = 10.0) -> pl.Expr:\n"
        "    return completion.cast(pl.Float64) * factor\n"
    )
    assert desk.sql(SCORES) == [
        ("number", "2", "ok", 20.0, None),
        ("number", "6", "skip", None, "no answer"),
        ("number", "five", "error", None, report.tables[1].rows[0][2]),
        ("number", "nan", "error", None, "returned nan"),
    ]
    assert report.tables[1].rows[0][2].startswith("InvalidOperationError")
    assert report.tables[0].rows == (("number", 20.0, 1, 1, 2, 0),)


def test_a_columnar_rule_that_gives_no_numbers_is_refused_and_leaves_no_run(desk: Any, judge: Any) -> None:
    desk.ingest(ROWS)
    with pytest.raises(RuleError, match="gave values of type String"):
        judge("@rule\ndef text(completion: pl.Expr) -> pl.Expr:\n    return completion\n")
    assert desk.sql("SELECT count(*) FROM runs WHERE stage = 'score'") == [0]


def test_an_infinite_option_is_scored_and_stored(desk: Any, judge: Any) -> None:
    desk.ingest(ROWS)
    source = "@rule\ndef capped(completion: str, *, cap: float = float('inf')) -> float:\n"
    assert judge(source + "    return min(cap, len(completion))\n").counts["ok"] == 3
    assert desk.sql("SELECT options->>'cap' FROM scorers") == ["inf"]
    assert desk.sql("SELECT spec->>'$.scorers[0].options.cap' FROM reward_specs") == ["inf"]


def test_a_column_that_no_row_has_is_refused_before_anything_runs(desk: Any, judge: Any) -> None:
    desk.ingest(ROWS)
    message = "rule right reads the column 'anwser', which data set data@1 does not have; did you mean 'answer'?"
    with pytest.raises(RuleError) as caught:
        judge(RIGHT.replace("answer", "anwser"))
    assert str(caught.value).startswith(message)
    optional = RIGHT.replace("answer: str", "reference: str = '6'").replace("== answer", "== reference")
    assert judge(optional).counts["ok"] == 3


def test_a_spec_may_rename_columns_and_give_constants(desk: Any) -> None:
    path = desk.file(HEAD.encode() + RIGHT.encode(), "rules.py")
    desk.ingest([{"prompt": row["prompt"], "completion": row["completion"], "gold/x": row["answer"]} for row in ROWS])
    scorers = (
        ScorerEntry(rule="right", name="renamed", inputs={"answer": "gold/x"}),
        ScorerEntry(rule="right", name="constant", inputs={"answer": {"constant": "6"}}),
    )
    reward = reward_of(RewardSpec(name="r", rules=(path,), scorers=scorers))
    report = score("data", ScoreOptions(workers=1), reward=reward, groups=GroupOptions(), store=desk.store)
    assert report.tables[0].rows == (("renamed", 0.5, 2, 1, 0, 0), ("constant", 0.3333, 3, 0, 0, 0))


def test_every_input_of_a_candidate_reaches_the_rule(desk: Any, judge: Any, fill: Any, drawn: Any) -> None:
    prompt = [
        {"role": "system", "content": "be brief"},
        {"role": "user", "content": "first"},
        {"role": "assistant", "content": "yes"},
        {"role": "user", "content": [{"type": "text", "text": "sec"}, {"type": "text", "text": "ond"}]},
    ]
    answer = drawn("text", messages=[{"role": "assistant", "content": "text", "reasoning_content": "because"}])
    tools = [{"type": "function", "function": {"name": "look"}}]
    fill(
        desk.store,
        [[answer]],
        reward_of(RewardSpec(scorers=(ScorerEntry(rule="is_json"),))),
        prompts=[prompt],
        tools=tools,
    )
    judge(
        "@rule\ndef row(completion: str, reasoning: str, prompt: str, messages: list, tools: list,\n"
        "        finish_reason: str, n_tokens: int | None, model: str, answer: str, keywords: list[str]) -> Verdict:\n"
        "    return Verdict(1, repr((completion, reasoning, prompt, messages[0], tools[0]['type'], finish_reason,\n"
        "        n_tokens, model, answer, keywords)))\n"
        "@rule\ndef batch(prompts, completions, **columns) -> list:\n"
        "    return [Verdict(1, repr((prompts[0][1], completions[0], sorted(columns.items())[:2])))]\n",
        dataset="p",
    )
    seen = ("text", "because", "second", prompt[0], "function", "stop", None, "tiny", "42", ["a"])
    batch = (prompt[1], [{"role": "assistant", "content": "text"}], [("answer", ["42"]), ("keywords", [["a"]])])
    assert desk.sql("SELECT reason FROM scores JOIN scorers USING (scorer_id) ORDER BY name") == [
        repr(batch),
        repr(seen),
    ]


def test_a_data_set_without_candidates_says_what_to_do(desk: Any, judge: Any) -> None:
    desk.ingest([{"prompt": "q"}])
    report = judge(LENGTH)
    assert report.notes == ("no candidates in data@1: `datakit generate data` draws some",)
    assert report.needs_attention


def test_the_share_of_failures_decides_whether_a_person_must_look(desk: Any, judge: Any) -> None:
    desk.ingest([{"prompt": f"q{n}", "completion": str(n)} for n in range(10)])
    source = "@rule\ndef one(completion: str) -> float:\n    return 1 / int(completion)\n"
    assert judge(source).needs_attention
    assert not judge(source, max_failures=0.1).needs_attention
    assert math.isclose(judge(source).tables[0].rows[0][1], sum(1 / n for n in range(1, 10)) / 9, abs_tol=1e-4)


def test_a_limit_shortens_that_of_a_rule_and_never_lengthens_it(desk: Any, judge: Any) -> None:
    desk.ingest(ROWS[:1])
    hangs = "import time\n\n@rule(timeout={})\ndef {}(completion: str) -> bool:\n    time.sleep(60)\n\n"
    judge(hangs.format(30, "long") + hangs.format(0.25, "short"), timeout=0.5)
    assert desk.sql("SELECT name, reason FROM scores JOIN scorers USING (scorer_id) ORDER BY name") == [
        ("long", "took more than 0.5 s"),
        ("short", "took more than 0.25 s"),
    ]


def test_without_a_limit_a_rule_has_what_it_states_or_five_seconds() -> None:
    assert (Limits().seconds(None), Limits().seconds(300)) == (5, 300)
    assert (Limits(60, longest=60).seconds(None), Limits(60, longest=60).seconds(300)) == (60, 60)
    assert (Limits(60, longest=60).seconds(15), ScoreOptions().timeout) == (15, None)


def test_what_judges_cost_is_added_up(desk: Any, chat_server: Any) -> None:
    rows = [{"prompt": f"{n} + {n}?", "completion": str(2 * n)} for n in range(5)]
    desk.ingest(rows)

    def reply(body: dict[str, Any], number: int) -> tuple[int, object]:
        if "4 + 4?" in body["messages"][1]["content"]:
            return 200, "I cannot say."
        return 200, '{"reason": "' + "very " * 200 + 'good", "rating": 9}'

    chat_server.reply = reply
    options = {"model": "m", "base_url": chat_server.url, "price": (10.0, 20.0)}
    entries = [ScorerEntry(rule="judge", name=name, options=options) for name in ("first", "second")]
    notes = []
    for entry in entries:
        entry = entry.model_copy(update={"options": {**options, "key_variable": entry.name.upper()}})
        reward = reward_of(RewardSpec(name="r", scorers=(entry,)))
        report = score("data", ScoreOptions(workers=1), reward=reward, groups=GroupOptions(), store=desk.store)
        assert report.counts["ok"] == 4
        notes.append([note for note in report.notes if "tokens" in note])
    assert notes == [
        ["first: 400 tokens of prompts and 80 of replies, $0.0056; 0 replies from the cache"],
        ["second: 0 tokens of prompts and 0 of replies; 4 replies from the cache"],
    ]
