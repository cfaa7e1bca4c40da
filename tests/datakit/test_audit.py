"""Every check of an audit finds what was planted and lets honest look-alikes be; --fix leaves out what was named."""

import json
import random
from typing import Any

import pytest

from datakit.audit import PACKAGE, audit, examined, load_audits
from datakit.build_pairs import build_pairs
from datakit.export import export
from datakit.ingest import ingest
from datakit.report import report
from datakit.store import Store
from rewards.outcome import Outcome, Status
from rewards.plugins import variant_names
from schemas.errors import ConfigError, NotFoundError
from schemas.options import AuditOptions, ExportOptions, GroupOptions, IngestOptions, PageOptions, PairOptions

WORDS = "river stone light morning paper garden window table forest silver music travel letter".split()  # noqa: SIM905
CHINESE = "我们今天早上在河边看见一只白色的鸟飞过花园然后落在窗前的木桌上唱歌"


def prose(seed: str, words: int = 30) -> str:
    chance = random.Random(seed)
    return "The " + " ".join(chance.choice(WORDS) for _ in range(words)) + " is of the " + chance.choice(WORDS) + "."


def chinese(seed: str) -> str:
    chance = random.Random(seed)
    return "".join(chance.choice(CHINESE) for _ in range(40)) + "。"


def pair(prompt: Any, chosen: Any, rejected: Any) -> dict[str, Any]:
    return {
        side: [{"role": role, "content": text}] if isinstance(text, str) else text
        for side, role, text in (
            ("prompt", "user", prompt),
            ("chosen", "assistant", chosen),
            ("rejected", "assistant", rejected),
        )
    }


def honest() -> list[dict[str, Any]]:
    rows = [
        pair(f"What is the {prose(f'q{n}', 12)}", prose(f"c{n}", 25 + n % 9), prose(f"r{n}", 25 + n % 7))
        for n in range(60)
    ]
    return rows + [pair(f"请问{chinese(f'q{n}')}", chinese(f"c{n}"), chinese(f"r{n}")) for n in range(20)]


HONEST = honest()
SOLUTION = "First we add both numbers, then we halve the sum, and so the answer to the whole question is {}."
CALL = {"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"at": "sky"}'}}
OTHER = {"id": "1", "type": "function", "function": {"name": "look", "arguments": '{"at": "sea"}'}}


def calling(call: dict[str, Any]) -> list[dict[str, Any]]:
    return [{"role": "assistant", "content": "", "tool_calls": [call]}]


def ask(seed: str) -> str:
    return f"What is {prose(seed, 10)}"


CONTRARY = "contrary"
FAULTS: dict[str, list[dict[str, Any]]] = {
    "same_sides": [pair(ask("f1"), prose("a") + " And\tmore.", prose("a") + "  And more. ")],
    "similar_sides": [
        pair(ask("f2"), "Paris is the capital.", "paris is the capital"),
        pair("什么是首都？", "首都是北京，很大。", "首都是北京,很大"),
        pair(ask("f3"), prose("s", 60), prose("s", 60).replace("river", "rivers", 1)),
    ],
    "empty_sides": [pair(ask("f4"), "", prose("e")), pair("今天的天气怎么样？", chinese("e"), " \n ")],
    "truncated_sides": [
        pair(ask("f5"), prose("t"), "Here is the code:\n```python\nprint(1)\n"),
        pair(ask("f6"), "The river is wide. The garden is green and the letter is on the", prose("t2")),
        pair("为什么？", chinese("t"), "因为天气很好。我们去河边看鸟，然后回家，例如"),
    ],
    "duplicate_pairs": [pair(f" {HONEST[0]['prompt'][0]['content']}\n", HONEST[0]["chosen"], HONEST[0]["rejected"])],
    "contradictions": [
        pair(ask(CONTRARY), prose("x"), prose("y")),
        pair(f"{ask(CONTRARY)} ", prose("y"), prose("x")),
        pair("Say a word of the day.", prose("1"), prose("2")),
        pair("Say a word of the day.", prose("2"), prose("3")),
        pair("Say a word of the day.", prose("3"), prose("1")),
    ],
    "answer_language": [
        pair(ask("f8"), chinese("l"), prose("l")),
        pair("今天早上河边的天气怎么样，为什么？", chinese("l"), prose("l")),
    ],
    "refusals_chosen": [pair(ask("f9"), "I'm sorry, but I can't help with that request.", prose("n"))],
    "duplicate_prompts": [pair(HONEST[3]["prompt"][0]["content"].upper(), prose("d"), prose("d2"))],
}
"""By check: pairs that it is to name, beside the honest ones."""

LOOK_ALIKES = [
    pair("What is 12 + 30, and what is the half of it?", SOLUTION.format(21), SOLUTION.format(42)),
    pair("Is the river of the morning wide?", "Yes, the river is wide.", "No, the river is wide."),
    pair(
        "Is it true that the moon is of stone?",
        "It is true that it is of stone.",
        "It is not true that it is of stone.",
    ),
    pair("Is the value below zero?", "The value of it is -5.", "The value of it is 5."),
    pair("Translate to Chinese: the bird is in the garden of the king.", chinese("z"), prose("z")),
    pair("Name a colour", "Blue", "Sky"),
    pair("Suggest what goes with the computer", "Mouse + Screen", "MacBook Pro + iMac Pro\nMac Pro + Mac Do"),
    pair("Look at it with the tool.", calling(CALL), calling(OTHER)),
    pair("List three birds of the garden", "1. Robin\n2. Wren\n3. Tit", "Robin, wren and tit are birds of the garden."),
    pair("Say a number between them", "7", "8"),
    pair("What is a smile in signs?", "👩‍🔬🙂", "🙂"),
    pair(
        [
            {"role": "user", "content": "Hi"},
            {"role": "assistant", "content": "Hello"},
            {"role": "user", "content": "And you?"},
        ],
        "Fine.",
        "Bad.",
    ),
    pair("Tell of the very long road", prose("long", 5000), prose("longer", 4000)),
]
"""Pairs that look like a fault and are none."""


Found = tuple[Any, dict[str, Any], dict[str, Any]]


@pytest.fixture(scope="module")
def planted(tmp_path_factory: pytest.TempPathFactory) -> tuple[Store, Found]:
    """All faults, look-alikes and honest pairs in one set, examined."""
    folder = tmp_path_factory.mktemp("planted")
    rows = [*HONEST, *LOOK_ALIKES, *(row for faults in FAULTS.values() for row in faults)]
    file = folder / "planted.jsonl"
    file.write_text("".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows), encoding="utf-8")
    store = Store(folder / "store.duckdb")
    assert ingest(file, IngestOptions(), store=store).counts["rows"] == len(rows)
    return store, examined("planted", AuditOptions(), store)


def texts(rows: list[dict[str, Any]]) -> set[tuple[str, str]]:
    return {(row["chosen"][-1]["content"].strip(), row["rejected"][-1]["content"].strip()) for row in rows}


@pytest.mark.parametrize("name", sorted(FAULTS))
def test_a_check_names_the_planted_pairs_and_no_others(name: str, planted: tuple[Store, Found]) -> None:
    audited, _, findings = planted[1]
    offenders = findings[name].offenders.join(audited.pairs, on="row")
    named = {(chosen.strip(), rejected.strip()) for chosen, rejected in offenders.select("chosen", "rejected").rows()}
    expected = texts(FAULTS[name])
    if name == "duplicate_prompts":  # a repeated pair repeats its prompt; so do two that differ in white space
        assert expected <= named <= expected | texts(FAULTS["duplicate_pairs"]) | texts(FAULTS["contradictions"])
    else:
        assert named == expected


def figures(desk: Any, rows: list[dict[str, Any]], **options: Any) -> dict[str, float | None]:
    """The figure of each check of a set."""
    desk.ingest(rows, "made.jsonl")
    return {name: finding.figure for name, finding in examined("made", AuditOptions(**options), desk.store)[2].items()}


def test_an_honest_set_has_no_warning(desk: Any) -> None:
    desk.ingest(HONEST)
    done = audit("data", AuditOptions(fail_on_warning=True), store=desk.store)
    assert done.notes == ("no warning",)
    assert done.exit_code == 0


def test_longer_answers_that_always_win_are_a_length_bias(desk: Any) -> None:
    rows = [pair(ask(f"n{n}"), prose(f"c{n}", 40 + n), prose(f"r{n}", 10 + n)) for n in range(40)]
    assert figures(desk, rows)["length_bias"] == 1.0


@pytest.mark.parametrize(("opening", "made"), [("Certainly! ", prose), ("总而言之，", chinese)])
def test_an_opening_of_chosen_sides_gives_them_away(opening: str, made: Any, desk: Any) -> None:
    rows = [pair(ask(f"n{n}"), opening * (n % 3 > 0) + made(f"c{n}"), made(f"r{n}")) for n in range(120)]
    assert (figures(desk, rows)["giveaways"] or 0) > load_audits({})["giveaways"].threshold


def test_raters_who_contradict_each_other_are_a_disagreement_and_the_majority_stays(desk: Any) -> None:
    rows = [
        {"instruction": ask(f"n{n}"), "input": "", "response1": prose(f"a{n}"), "response2": prose(f"b{n}")}
        | {"annotator1": 1, "annotator2": 2, "annotator3": 1 + n % 2}
        for n in range(6)
    ]
    desk.ingest(rows)
    _, _, findings = examined("data", AuditOptions(), desk.store)
    assert findings["disagreement"].figure == pytest.approx(2 / 3)
    assert findings["contradictions"].figure == 0.5
    audit("data", AuditOptions(fix=True), store=desk.store)
    assert desk.sql("SELECT count(*) FROM pairs") == [6]


def test_held_out_prompts_are_found_the_same_nearly_the_same_and_inside_others(desk: Any) -> None:
    held = [ask(f"held{n}") for n in range(3)]
    desk.ingest([{"prompt": prompt} for prompt in held], "eval.jsonl")
    asked = [f" {held[0]} ", f"{held[1].upper()}!", f"{prose('before')} Answer this: {held[2]} {prose('after')}"]
    rows = [*HONEST, *(pair(prompt, prose(f"lc{n}"), prose(f"lr{n}")) for n, prompt in enumerate(asked))]
    desk.ingest(rows, "made.jsonl")
    audited, _, findings = examined("made", AuditOptions(held_out=("eval",)), desk.store)
    named = findings["leaks"].offenders.join(audited.pairs, on="row")["prompt"].to_list()
    assert sorted(prompt.strip() for prompt in named) == sorted(prompt.strip() for prompt in asked)


def test_fix_leaves_out_the_offenders_once_and_the_ledger_has_each(planted: tuple[Store, Found]) -> None:
    store, (audited, checks, findings) = planted
    named = {row for name, finding in findings.items() if checks[name].drops for row in finding.offenders["row"]}
    done = audit("planted", AuditOptions(fix=True), store=store)
    counts = done.counts
    assert (done.dataset, done.version) == ("planted-fixed", 1)
    assert counts["pairs"] == counts["kept"] + counts["dropped"] == audited.pairs.height
    assert counts["dropped"] == len(named) == sum(done.reasons.values())
    assert counts["prompts"] == counts["prompts kept"] + counts["prompts dropped"]
    with store.read() as con:
        ledger = con.execute("SELECT count(*), count(item_id) FROM ledger WHERE run_id = ?", [done.run_id]).fetchall()
    assert ledger == [(len(named), len(named))]
    again = audit("planted", AuditOptions(fix=True), store=store)
    assert again.version == 1
    assert again.run_id is None
    fixed = audit("planted-fixed", AuditOptions(fix=True), store=store)
    assert (fixed.run_id, fixed.counts["dropped"]) == (None, 0)
    output = store.path.parent / "fixed.jsonl"
    assert export("planted-fixed", ExportOptions(output=output), store=store).counts["rows"] == counts["kept"]


def test_fix_of_built_pairs_is_a_version_that_keeps_reward_and_source(
    desk: Any, fill: Any, drawn: Any, make_reward: Any
) -> None:
    reward = make_reward(name="r", scorers=({"rule": "a"},))
    good = [[drawn(prose(f"{n}{k}"), (Outcome(Status.OK, float(k)),)) for k in range(2)] for n in range(6)]
    commas = [[drawn(text, (Outcome(Status.OK, float(k)),)) for k, text in enumerate(("Yes, sir.", "Yes sir"))]]
    fill(desk.store, good + commas, reward)
    build_pairs("p", PairOptions(), reward=reward, groups=GroupOptions(), store=desk.store, name="made")
    done = audit("made", AuditOptions(fix=True), store=desk.store)
    assert (done.version, done.reasons, done.counts["kept"]) == (2, {"similar_sides": 1}, 6)
    same = desk.sql(
        "SELECT count(*) FROM pairs n SEMI JOIN pairs o ON n.pair_id = o.pair_id AND n.margin = o.margin "
        "AND n.reward_id = o.reward_id AND n.strategy = o.strategy AND o.version = 1 WHERE n.version = 2"
    )
    assert same == [6]
    assert desk.sql("SELECT DISTINCT config->>'source' FROM datasets WHERE name = 'made'") == ["p@1"]


def test_small_margins_are_near_ties(desk: Any, fill: Any, drawn: Any, make_reward: Any) -> None:
    reward = make_reward(name="r", scorers=({"rule": "a"},))
    tops = [0.001, 0.002, *([1.0] * 8)]
    fill(
        desk.store,
        [[drawn(prose(f"{n}{v}"), (Outcome(Status.OK, v),)) for v in (0, t)] for n, t in enumerate(tops)],
        reward,
    )
    build_pairs("p", PairOptions(), reward=reward, groups=GroupOptions(), store=desk.store, name="made")
    finding = examined("made", AuditOptions(), desk.store)[2]["near_ties"]
    assert (finding.figure, finding.offenders.height) == (0.2, 2)


def test_wrong_options_end_in_one_line(desk: Any) -> None:
    desk.ingest(HONEST[:2])
    desk.ingest([{"prompt": "Why?"}], "asked.jsonl")
    with pytest.raises(ConfigError, match=r"no such check.*length_bias"):
        audit("data", AuditOptions(threshold={"lenght_bias": 1}), store=desk.store)
    with pytest.raises(ConfigError, match="a threshold is a number"):
        audit("data", AuditOptions(threshold={"ties": "high"}), store=desk.store)
    with pytest.raises(ConfigError, match="without pairs"):
        audit("asked", AuditOptions(), store=desk.store)
    with pytest.raises(NotFoundError, match="nowhere"):
        audit("data", AuditOptions(held_out=("nowhere",)), store=desk.store)
    with pytest.raises(ConfigError, match="choose another name"):
        audit("data", AuditOptions(fix=True, **{"as": "asked"}), store=desk.store)


def test_a_warning_fails_only_on_request_and_a_threshold_silences_it(planted: tuple[Store, Found]) -> None:
    store, _ = planted
    assert audit("planted", AuditOptions(), store=store).exit_code == 0
    assert audit("planted", AuditOptions(fail_on_warning=True), store=store).exit_code == 1
    silent = dict.fromkeys(variant_names(PACKAGE), 1)
    assert audit("planted", AuditOptions(fail_on_warning=True, threshold=silent), store=store).exit_code == 0


def test_the_report_of_pairs_is_one_page_with_each_problem_and_escapes_what_it_shows(desk: Any) -> None:
    hostile = "<script>alert(1)</script>\u202e <b>"
    desk.ingest([*HONEST, pair(f"{hostile} What is it?", "", hostile)])
    output = desk.folder / "report.html"
    first = report("data", PageOptions(output=output), store=desk.store)
    page = output.read_text(encoding="utf-8")
    assert first.counts == {"pairs": len(HONEST) + 1, "warnings": 1}
    assert "<script" not in page
    assert "http" not in page
    assert page.count("&lt;script&gt;") == 2
    assert all(f">{name}<" in page for name in variant_names(PACKAGE))
    assert report("data", PageOptions(output=output), store=desk.store).unchanged
