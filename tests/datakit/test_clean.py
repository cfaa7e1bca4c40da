"""Cleaning: each row is kept or dropped for a reason, versions tell what was done, only what changed runs again."""

import json
import uuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from datakit.clean import clean
from datakit.reject_sample import reject_sample
from datakit.score import score
from datakit.show import show
from rewards.spec import load_reward
from schemas.errors import ConfigError, NotFoundError, StageStopped
from schemas.options import CleanOptions, GroupOptions, RewardOptions, ScoreOptions, SelectOptions

LONG = "The harbour was quiet in the morning, and the boats lay still. Nobody had gone out because of the fog."
ROWS = [
    {"instruction": "Tell me about a harbour.", "input": "", "output": LONG, "id": 0},
    {"instruction": "Tell me about a harbour.", "input": "", "output": LONG, "id": 1},
    {"instruction": "Name a colour.", "input": "<noinput>", "output": "Blue", "id": 2},
    {"instruction": "Describe fog.", "input": "", "output": "  Fog is a cloud that lies on the ground.\n", "id": 3},
    {"instruction": "What is 2+2?", "input": "", "output": "...", "id": 4},
]


@pytest.fixture
def cleaned(desk: Any) -> Any:
    """Ingest rows as `raw`, and clean them by a config."""

    def run(config: str | None = None, *, rows: Any = None, **more: Any) -> Any:
        if rows is not None:
            desk.ingest(rows, name="raw.jsonl")
        path = None
        if config is not None:
            path = desk.folder / "clean.yaml"
            path.write_text(config)
        dry_run = more.pop("dry_run", False)
        return clean("raw", CleanOptions(config=path, dry_run=dry_run), store=desk.store, **more)

    return run


def ids(desk: Any, name: str) -> list[int]:
    return sorted(desk.sql(f"SELECT (columns->>'id')::INT FROM members WHERE dataset || '@' || version = '{name}'"))


def test_every_row_is_kept_or_in_the_ledger_with_value_and_threshold(desk: Any, cleaned: Any) -> None:
    report = cleaned("{repairs: [], filters: [empty_output, length: {max: 15}]}", rows=ROWS)
    assert report.counts == {"rows": 4, "kept": 2, "dropped": 2, "repaired": 0}
    assert report.reasons == {"empty_output": 1, "length": 1}
    assert [row[2:] for row in report.tables[-1].rows] == [(4, 1, 3), (3, 1, 2)]
    assert ids(desk, "raw-clean@1") == [2, 3]
    dropped = desk.sql("SELECT reason, line, detail FROM ledger WHERE stage = 'clean' ORDER BY line")
    assert [(reason, line) for reason, line, _ in dropped] == [("length", 1), ("empty_output", 5)]
    assert json.loads(dropped[0][2]) == {
        "step": 1, "row": 0, "value": "20", "allowed": "output: at most 15 words", "like": None, "like_row": None
    }  # fmt: skip
    assert desk.sql("SELECT kind FROM datasets WHERE name = 'raw-clean'") == ["examples"]


def test_a_second_run_is_a_no_op_and_a_changed_threshold_a_new_version(desk: Any, cleaned: Any) -> None:
    cleaned("{repairs: [], filters: [empty_output, length: {max: 15}]}", rows=ROWS)
    again = cleaned("{repairs: [], filters: [empty_output, length: {max: 15}]}")
    assert (again.version, again.run_id, again.counts) == (1, None, {})
    assert "nothing to do" in again.notes[0]
    changed = cleaned("{repairs: [], filters: [empty_output, length: {max: 3}]}")
    assert (changed.version, changed.counts["kept"]) == (2, 1)
    assert "1 filter as before" in changed.notes[0]
    assert ids(desk, "raw-clean@1") == [2, 3]


def test_what_is_taken_over_from_the_ledger_is_what_would_be_computed(desk: Any, make_desk: Any) -> None:
    texts = [f"{LONG} {word}" for word in ("a", "b", "c", "d")]
    rows = [{"instruction": f"Q{i}", "input": "", "output": texts[i % 4] * (1 + i % 3), "id": i} for i in range(60)]
    first = "{repairs: [], filters: [duplicate: {of: output}, length: {max: 50}]}"
    second = "{repairs: [], filters: [duplicate: {of: output}, length: {max: 30}, near_duplicate: {of: output}]}"
    found = []
    for name, configs in (("both", (first, second)), ("fresh", (second,))):
        own = make_desk(name)
        own.ingest(rows, name="raw.jsonl")
        for config in configs:
            path = own.folder / "c.yaml"
            path.write_text(config)
            report = clean("raw", CleanOptions(config=path), store=own.store)
        found.append(
            (
                report.counts,
                ids(own, f"raw-clean@{report.version}"),
                sorted(own.sql(f"SELECT reason, detail FROM ledger WHERE run_id = '{report.run_id}'")),
            )
        )
    assert found[0] == found[1]
    assert found[0][0]["dropped"] > 50


def test_a_filter_that_is_taken_out_brings_its_rows_back(desk: Any, cleaned: Any) -> None:
    cleaned("{repairs: [], filters: [empty_output, length: {max: 15}]}", rows=ROWS)
    report = cleaned("{repairs: [], filters: [empty_output]}")
    assert (report.version, report.counts["kept"]) == (2, 3)
    assert 0 in ids(desk, "raw-clean@2")


def test_repairs_make_new_rows_and_keep_the_old_ones(desk: Any, cleaned: Any) -> None:
    report = cleaned("{repairs: [placeholder_input, white_space], filters: []}", rows=ROWS)
    assert report.counts == {"rows": 4, "kept": 4, "dropped": 0, "repaired": 2}
    texts = desk.sql("""
        SELECT p.messages->0->>'content', c.text FROM members m JOIN prompts p USING (prompt_id)
        JOIN candidates c USING (candidate_id) WHERE dataset = 'raw-clean' ORDER BY line
    """)
    assert texts[1:3] == [("Name a colour.", "Blue"), ("Describe fog.", "Fog is a cloud that lies on the ground.")]
    changes = desk.json("SELECT detail FROM ledger WHERE reason = 'repaired' ORDER BY line")
    assert [(c["repair"], c["after"]) for c in changes] == [
        ("placeholder_input", "Name a colour."),
        ("white_space", "Fog is a cloud that lies on the ground."),
    ]
    assert changes[1]["before"] == "  Fog is a cloud that lies on the ground.\n"
    stored = "SELECT count(*) FROM ledger l JOIN candidates c ON c.candidate_id = l.item_id WHERE reason = 'repaired'"
    assert desk.sql(stored) == [2]


def test_a_dry_run_stores_nothing(desk: Any, cleaned: Any) -> None:
    report = cleaned(rows=ROWS, dry_run=True)
    assert report.counts["rows"] == 4
    assert "dry run" in report.notes[-1]
    assert desk.sql("SELECT count(*) FROM datasets WHERE name != 'raw'") == [0]
    assert desk.sql("SELECT count(*) FROM runs WHERE stage = 'clean'") == [0]


@pytest.mark.parametrize(
    ("config", "message"),
    [
        ("filters: [lenght: {max: 3}]", "no filter 'lenght'; did you mean 'length'"),
        ("repairs: [white]", "no repair 'white'"),
        ("filters: [length: {maximum: 3}]", "unknown field 'maximum'; did you mean 'max'"),
        ("filters: [{length: {max: 3}, duplicate: {}}]", "found 2 names"),
        ("filter: [length]", "unknown field 'filter'; did you mean 'filters'"),
        ("filters: [length: {unit: tokens, max: 3, tokenizer: nowhere}]", "nowhere"),
        ("filters: [reward: {min: 0.5}]", "--reward or --rules"),
        ("filters: [", "clean.yaml:1: not YAML"),
    ],
)
def test_a_wrong_config_is_one_line(cleaned: Any, config: str, message: str) -> None:
    with pytest.raises(ConfigError, match=r".*") as raised:
        cleaned(config, rows=ROWS)
    assert message in str(raised.value)
    assert "\n" not in str(raised.value)


def test_only_sets_with_answers_are_cleaned_and_into_another_name(desk: Any, cleaned: Any) -> None:
    with pytest.raises(ConfigError, match="name the clean one otherwise"):
        cleaned(rows=ROWS, name="raw")
    desk.ingest([{"prompt": "a"}], name="prompts.jsonl")
    with pytest.raises(ConfigError, match="prompts@1 is a prompts set"):
        clean("prompts", CleanOptions(), store=desk.store)


def test_a_filter_by_reward_reads_the_stored_scores(desk: Any, cleaned: Any) -> None:
    desk.ingest(ROWS, name="raw.jsonl")
    rules = desk.file(
        b"from rewards import rule\n@rule\ndef chars(completion: str) -> float:\n    return len(completion)\n", "r.py"
    )
    reward = load_reward(RewardOptions(rules=(rules,)))
    score("raw", ScoreOptions(), reward=reward, groups=GroupOptions(), store=desk.store)
    report = cleaned("{repairs: [], filters: [reward: {min: 4}, top_k: {k: 1}]}", reward=reward)
    assert report.reasons == {"reward": 1, "top_k": 2}
    assert ids(desk, "raw-clean@1") == [0]


def test_a_rejection_sampled_set_is_cleaned_like_any_other(desk: Any) -> None:
    desk.ingest(ROWS, name="raw.jsonl")
    rules = desk.file(
        b"from rewards import rule\n@rule\ndef chars(completion: str) -> float:\n    return len(completion)\n", "r.py"
    )
    common = {"reward": load_reward(RewardOptions(rules=(rules,))), "groups": GroupOptions(), "store": desk.store}
    score("raw", ScoreOptions(), **common)
    reject_sample("raw", SelectOptions(floor=1), **common)
    report = clean("raw-best", CleanOptions(), store=desk.store)
    assert (report.counts["rows"], report.counts["kept"], report.reasons) == (4, 3, {"empty_output": 1})
    assert ids(desk, "raw-best-clean@1") == [0, 2, 3]
    assert desk.sql("SELECT line FROM ledger WHERE reason = 'empty_output'") == [5]
    assert clean("raw-best", CleanOptions(), store=desk.store).run_id is None


CHATS = [
    {"messages": [{"role": "user", "content": "Hello."}, {"role": "assistant", "content": "Good day to you."}]},
    {"messages": [{"role": "user", "content": "One?"}, {"role": "assistant", "content": "Two."},
                  {"role": "user", "content": "thanks"}]},
]  # fmt: skip


@pytest.mark.parametrize("config", [None, "{filters: [length: {max: 100}]}", "{filters: [conversation]}"])
def test_a_row_whose_last_turn_is_the_users_goes_with_a_reason(desk: Any, cleaned: Any, config: str | None) -> None:
    report = cleaned(config, rows=CHATS)
    assert report.counts == {"rows": 2, "kept": 1, "dropped": 1, "repaired": 0}
    assert sum(report.reasons.values()) == 1
    assert desk.sql("SELECT line, item_id IS NOT NULL FROM ledger WHERE stage = 'clean'") == [(2, True)]
    if config and "length" in config:
        assert report.reasons == {"conversation": 1}


def test_an_answer_that_only_calls_tools_is_not_empty(desk: Any, cleaned: Any) -> None:
    call = {"id": "c", "type": "function", "function": {"name": "clock", "arguments": "{}"}}
    turns = [
        {"role": "user", "content": "What time is it?"},
        {"role": "assistant", "content": "", "tool_calls": [call]},
    ]
    report = cleaned(rows=[{"messages": turns}, {"messages": [turns[0], {"role": "assistant", "content": "..."}]}])
    assert report.reasons == {"empty_output": 1}


def test_the_same_last_words_after_another_talk_are_no_near_duplicate(desk: Any, cleaned: Any) -> None:
    def talk(topic: str, system: str = "Be kind.") -> dict[str, Any]:
        first = [{"role": "system", "content": system}, {"role": "user", "content": topic}]
        last = [{"role": "user", "content": "Thank you."}, {"role": "assistant", "content": "You're welcome!"}]
        return {"messages": [*first, {"role": "assistant", "content": f"About {topic}: yes."}, *last]}

    rows = [talk("tips"), talk("currencies"), talk("tips", "Answer in French."), talk("TIPS")]
    assert cleaned("{filters: [near_duplicate]}", rows=rows).reasons == {"near_duplicate": 1}


def test_personal_data_is_found_in_every_turn(desk: Any, cleaned: Any) -> None:
    turns = [{"role": "system", "content": "Write to john.smith@gmail.com."}, *CHATS[0]["messages"]]
    assert cleaned("{filters: [pii]}", rows=[{"messages": turns}, CHATS[0]]).reasons == {"pii": 1}


def test_word_lists_of_one_name_are_told_apart(desk: Any, cleaned: Any) -> None:
    for folder in "ab":
        (desk.folder / folder).mkdir()
        (desk.folder / folder / "words.txt").write_text("none of these\n")
    config = "{filters: [harmful_words: {files: [a/words.txt, b/words.txt]}]}"
    assert cleaned(config, rows=ROWS).reasons == {}
    (desk.folder / "a" / "words.txt").write_text("fog\n")
    assert cleaned(config).reasons == {"harmful_words": 2}


def test_rewards_that_are_not_stored_yet_are_asked_for(desk: Any, cleaned: Any) -> None:
    rules = desk.file(b"from rewards import rule\n@rule\ndef a(completion: str) -> float:\n    return 1.0\n", "r.py")
    with pytest.raises(ConfigError, match="no row of raw@1 has a reward; run `datakit score raw` with the same rules"):
        cleaned("{filters: [reward: {min: 0}]}", rows=ROWS, reward=load_reward(RewardOptions(rules=(rules,))))


def test_a_rule_that_always_fails_stops_the_cleaning_instead_of_dropping_all(desk: Any, cleaned: Any) -> None:
    desk.file(b"def broken(completion):\n    return 1 / 0\n", "f.py")
    rows = [{"instruction": f"Question {n}?", "output": f"Answer {n}."} for n in range(120)]
    with pytest.raises(StageStopped, match="ZeroDivisionError"):
        cleaned("{filters: [rule: {name: 'f.py:broken'}]}", rows=rows)


def test_a_changed_word_list_is_a_changed_filter(desk: Any, cleaned: Any) -> None:
    words = desk.file(b"harbour\n", "words.txt")
    config = "{repairs: [], filters: [harmful_words: {files: [words.txt]}]}"
    assert cleaned(config, rows=ROWS).reasons == {"harmful_words": 1}
    assert cleaned(config).run_id is None
    words.write_bytes(b"fog\n")
    assert cleaned(config).reasons == {"harmful_words": 2}


def test_dropped_rows_are_shown_beside_the_row_that_they_are_like(desk: Any, cleaned: Any) -> None:
    rows = [{"instruction": f"Tell me {n}.", "input": "", "output": LONG} for n in ("more", "all")]
    cleaned("{repairs: [], filters: [duplicate: {of: output}]}", rows=rows)
    table = show("raw-clean", dropped="duplicate", store=desk.store).tables[0]
    assert table.rows[0][-2:] == (f"Tell me all. → {LONG}", f"Tell me more. → {LONG}")
    with pytest.raises(NotFoundError, match="did you mean 'duplicate'"):
        show("raw-clean", dropped="duplicates", store=desk.store)


TEXTS = st.one_of(
    st.text(max_size=60).filter(lambda text: not any(0xD800 <= ord(c) < 0xE000 for c in text)),
    st.sampled_from(
        [LONG, LONG + " So it was.", "As an AI language model, I cannot do that.", "是的。", "```\na\n```"]
    ),
)


@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(TEXTS, TEXTS), min_size=1, max_size=12))
def test_in_is_kept_and_dropped_and_a_clean_set_stays_as_it_is(make_desk: Any, pairs: list[tuple[str, str]]) -> None:
    desk = make_desk(uuid.uuid4().hex)
    rows = [{"instruction": f"q {question}", "input": "", "output": answer} for question, answer in pairs]
    kept = desk.ingest(rows, name="raw.jsonl").counts["kept"]
    report = clean("raw", CleanOptions(), store=desk.store)
    assert report.counts["rows"] == kept == report.counts["kept"] + report.counts["dropped"]
    assert sum(report.reasons.values()) == report.counts["dropped"]
    assert desk.sql("SELECT count(*) FROM members WHERE dataset = 'raw-clean'") == [report.counts["kept"]]
    if report.counts["kept"]:
        again = clean("raw-clean", CleanOptions(), store=desk.store, name="twice")
        assert again.counts == {**again.counts, "dropped": 0, "repaired": 0}
