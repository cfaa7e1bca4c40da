"""Bad rows go to the ledger with file, line and text, and do not stop the rest; the counts add up."""

import json
from collections import Counter

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from schemas.errors import ConfigError, InputError

GOOD = b'{"prompt": "a", "answer": 1}'
BAD = {
    b'{"prompt": "x"': "broken_json",
    b"nonsense": "broken_json",
    b'{"prompt": "x", "answer": NaN}': "broken_json",
    b'{"prompt": "x", "prompt": "y"}': "broken_json",
    b"[" * 100_000: "broken_json",
    b'{"prompt": "x", "n": ' + b"9" * 5000 + b"}": "broken_json",
    b'{"prompt": "x", "answer": 1e999}': "not_json",
    b'{"prompt": "\xff\xfe"}': "invalid_utf8",
    b'{"prompt": "\xed\xa0\x80"}': "invalid_utf8",
    b'{"prompt": "\\ud800 alone"}': "invalid_unicode",
    b'{"prompt": "x", "answer": "\\udc00"}': "invalid_unicode",
    b'["a list"]': "wrong_type",
    b"17": "wrong_type",
    b"null": "wrong_type",
    b'{"prompt": 17}': "wrong_type",
    b'{"prompt": null}': "missing_field",
    b'{"answer": 1}': "missing_field",
    b"{}": "missing_field",
    b'{"prompt": []}': "empty_conversation",
    b'{"prompt": [{"role": "system", "content": "s"}]}': "empty_conversation",
    b'{"prompt": "  "}': "empty_prompt",
    b'{"prompt": [{"role": "user", "content": [{"type": "image"}]}]}': "unsupported_content",
}


def lines(rows):
    return b"".join(row + b"\n" for row in rows)


@pytest.mark.parametrize(("row", "reason"), BAD.items(), ids=range(len(BAD)))
def test_a_bad_line_goes_to_the_ledger_with_its_line_and_text_and_the_rest_goes_on(desk, row, reason):
    report = desk.ingest(lines([GOOD, row, b'{"prompt": "b"}']))
    assert report.counts == {"rows": 3, "kept": 2, "dropped": 1, "prompts": 2}
    assert report.reasons == {reason: 1}
    assert report.notes[1].startswith(f"first {reason}: {desk.folder / 'data.jsonl'}:2: ")
    (told,) = desk.sql("SELECT stage, reason, source, line, raw FROM ledger")
    text = row.decode(errors="backslashreplace")
    assert told == ("ingest", reason, str(desk.folder / "data.jsonl"), 2, text)
    assert desk.sql("SELECT run_id::VARCHAR FROM ledger") == [report.run_id]


@pytest.mark.parametrize("row", BAD, ids=range(len(BAD)))
def test_strict_stops_at_the_first_bad_line_with_one_line_and_writes_nothing(desk, row):
    with pytest.raises(InputError, match=r"data\.jsonl:2: .*mend the row, or leave out --strict") as raised:
        desk.ingest(lines([GOOD, row]), strict=True)
    assert "\n" not in str(raised.value)
    assert not desk.store.path.exists()


def test_strict_finds_a_bad_line_beyond_the_sample_too(desk):
    rows = [b'{"prompt": "%d"}' % i for i in range(300)]
    with pytest.raises(InputError, match=r"data\.jsonl:301: "):
        desk.ingest(lines([*rows, b"{"]), strict=True)


def test_good_text_with_escapes_and_odd_characters_is_no_bad_line(desk):
    row = {"prompt": "a\x00b \ud83d\ude00 \uffff \u2028"}
    desk.ingest((json.dumps(row) + "\n").encode())
    assert desk.json("SELECT messages FROM prompts") == [[{"role": "user", "content": "a\x00b 😀 \uffff \u2028"}]]


BROKEN_DOCUMENT = b"""[
  {"prompt": "a"},
  {"prompt": "b", "answer": oops},
  {
    "prompt": "c"
  },
  {
    "prompt": "d",
    "nested": [ {"x": 1}
  },
  {"prompt": "\xff"},
  {"prompt": "e", "prompt": "f"},
  "text",
  {"prompt": "g"}
]
"""


def test_a_broken_row_of_a_json_list_does_not_stop_the_rest(desk):
    report = desk.ingest(BROKEN_DOCUMENT, "data.json")
    assert report.counts == {"rows": 8, "kept": 3, "dropped": 5, "prompts": 3}
    assert desk.sql("SELECT line, reason, raw FROM ledger ORDER BY line") == [
        (3, "broken_json", '{"prompt": "b", "answer": oops}'),
        (7, "broken_json", '{\n    "prompt": "d",\n    "nested": [ {"x": 1}\n  }'),
        (11, "invalid_utf8", '{"prompt": "\\xff"}'),
        (12, "broken_json", '{"prompt": "e", "prompt": "f"}'),
        (13, "wrong_type", '"text"'),
    ]
    assert desk.sql("SELECT line FROM members ORDER BY line") == [2, 4, 14]


@pytest.mark.parametrize(
    ("end", "rows"),
    [(b"", 3), (b'\n {"prompt": "c", "an', 3), (b'\n {"prompt": "c"', 3), (b'\n {"prompt": oops}\n]', 3)],
)
def test_a_json_list_that_is_cut_off_says_so(desk, end, rows):
    report = desk.ingest(b'[\n {"prompt": "a"},\n {"prompt": "b"},' + end, "data.json")
    assert report.counts["rows"] == rows
    assert report.reasons == {"broken_json": 1}


def test_bad_rows_of_a_csv_are_told_apart(desk):
    content = b'prompt,tag\na,x\nb,y,z\n"c\nd",x\nq\xff,x\n"e"f,x\n\ng,x\n'
    report = desk.ingest(content, "data.csv")
    assert report.counts["kept"] == 3
    assert desk.sql("SELECT line, reason, raw FROM ledger ORDER BY line") == [
        (3, "broken_csv", "b,y,z"),
        (6, "invalid_utf8", "q\\xff,x"),
        (7, "broken_csv", '"e"f,x'),
    ]


def test_a_file_of_only_bad_rows_takes_one_line(desk):
    with pytest.raises(
        InputError, match=r"none of its 2 rows is good \(missing_field 2\); first .*:1: no field instruction or prompt"
    ):
        desk.ingest([{"x": 1}, {"x": 2}], format="prompts")


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.sampled_from([*BAD][:4] + [*BAD][6:]) | st.integers(0, 5).map(lambda i: b'{"prompt": "%d"}' % i))
)
def test_rows_are_kept_or_dropped_with_a_reason(desk, rows):
    desk.store.path.unlink(missing_ok=True)
    report = desk.ingest(lines([GOOD, *rows]))
    counts = report.counts
    prompts = {row for row in rows if row not in BAD}
    assert counts["rows"] == len(rows) + 1 == counts["kept"] + counts["dropped"]
    assert counts["kept"] == counts["prompts"] == len(prompts) + 1
    assert sum(report.reasons.values()) == counts["dropped"]
    assert desk.sql("SELECT count(*) FROM members") == [counts["kept"]]
    told = Counter(desk.sql("SELECT reason FROM ledger"))
    assert told == report.reasons
    expected = Counter(BAD[row] for row in rows if row in BAD)
    expected["duplicate"] = len([row for row in rows if row not in BAD]) - len(prompts)
    assert told == +expected


def test_a_share_of_bad_rows_is_something_to_be_seen_but_duplicates_are_not(desk):
    rows = [*(b'{"prompt": "p%d"}' % number for number in range(98)), GOOD, GOOD]
    assert not desk.ingest(lines(rows), name="a.jsonl").needs_attention
    assert not desk.ingest(lines([*rows, b"{}"]), name="b.jsonl").needs_attention
    assert desk.ingest(lines([*rows, b"{}", b"{}"]), name="c.jsonl").exit_code == 1
    assert not desk.ingest(lines([*rows, b"{}", b"{}"]), name="c.jsonl", max_failures=0.1).needs_attention


def test_a_prompt_twice_is_kept_once(desk):
    report = desk.ingest([{"prompt": "a", "n": 1}, {"prompt": "a", "n": 1}, {"prompt": "a", "n": 2}])
    assert report.reasons == {"duplicate": 1, "duplicate_prompt": 1}
    assert desk.sql("SELECT reason, line, detail, raw, item_id IS NOT NULL FROM ledger ORDER BY line") == [
        ("duplicate", 2, "the same as line 1", None, True),
        ("duplicate_prompt", 3, "the prompt of line 1 with other columns; the first is kept", '{"n":2}', True),
    ]
    assert desk.json("SELECT columns FROM members") == [{"n": 1}]


def test_an_answer_twice_is_kept_once_and_another_answer_is_kept(desk):
    rows = [("a", "x", 1), ("a", "x", 1), ("a", "x", 2), ("a", "y", 3)]
    report = desk.ingest([{"prompt": p, "completion": c, "id": i} for p, c, i in rows])
    assert report.reasons == {"duplicate": 1, "duplicate_answer": 1}
    assert desk.sql("SELECT line FROM members ORDER BY 1") == [1, 4]
    assert report.counts["prompts"] == 1
    assert report.counts["candidates"] == 2


def test_pairs_that_share_an_answer_are_both_kept(desk):
    rows = [{"prompt": "p", "chosen": "a", "rejected": r, "id": r} for r in ("b", "c", "c")]
    report = desk.ingest(rows)
    assert report.reasons == {"duplicate": 1}
    assert report.counts["comparisons"] == 2
    assert report.counts["candidates"] == 3
    assert sorted(r["id"] for r in desk.json("SELECT columns FROM members")) == ["b", "b", "c", "c"]


def test_a_second_score_of_an_answer_is_dropped_and_named(desk):
    rows = [{"prompt": "p", "completion": "a", "score": s} for s in (3, 3, 4)]
    report = desk.ingest(rows)
    assert report.reasons == {"duplicate": 1, "conflicting_score": 1}
    assert desk.sql("SELECT value FROM scores") == [3.0]


def test_what_is_left_out_of_a_kept_row_is_in_the_ledger_too(desk):
    responses = [{"output": "a", "score": 1}, {"output": "a", "score": 2}, {"output": None, "score": 3}]
    report = desk.ingest([{"prompt": "p", "responses": responses}])
    assert report.counts == {
        "rows": 1, "kept": 1, "dropped": 0, "left_out": 2, "prompts": 1, "candidates": 1, "scores": 1
    }  # fmt: skip
    assert report.reasons == {"conflicting_score": 1, "missing_answer": 1}


def test_a_filter_counts_what_it_leaves_out_without_a_ledger_row_each(desk):
    rows = [{"prompt": str(i), "level": i, "tag": "even" if i % 2 == 0 else "odd"} for i in range(10)]
    report = desk.ingest(rows, where="tag = 'odd' AND level - 5 > -3", limit=2)
    assert report.counts == {"rows": 10, "kept": 2, "dropped": 8, "prompts": 2}
    assert report.reasons == {"not_selected": 8}
    assert desk.sql("SELECT line FROM members ORDER BY 1") == [4, 6]
    assert desk.sql("SELECT count(*) FROM ledger") == [0]
    assert desk.json("SELECT counts FROM runs")[0]["dropped:not_selected"] == 8


def test_what_is_left_out_of_a_row_that_is_not_kept_is_not_counted_again(desk):
    rows = [{"prompt": p, "responses": ["a", None]} for p in ("p", "p", "q")]
    report = desk.ingest(rows, where="prompt = 'p'")
    assert report.reasons == {"duplicate": 1, "missing_answer": 1, "not_selected": 1}
    assert report.counts["left_out"] == 1


def test_a_filter_may_ask_for_the_prompt_and_for_lists(desk):
    rows = [{"prompt": "add", "words": ["a", "b"]}, {"prompt": "name", "words": ["b"]}, {"prompt": "say"}]
    assert desk.ingest(rows, where="'a' IN words").counts["kept"] == 1
    assert desk.ingest(rows, where="prompt LIKE 'na%' OR words IS NULL -- a comment").counts["kept"] == 2


@pytest.mark.parametrize("where", ["nosuch = 1", "level >", "level = 'a' AND", "tag + 1"])
def test_a_filter_that_is_no_sql_takes_one_line_with_the_columns(desk, where):
    with pytest.raises(ConfigError, match="the columns are level, tag, prompt") as raised:
        desk.ingest([{"prompt": "x", "level": 1, "tag": "t"}], where=where)
    assert "\n" not in str(raised.value)


def test_a_filter_that_leaves_nothing_takes_one_line(desk):
    with pytest.raises(InputError, match="none of its 1 row satisfies --where level > 1"):
        desk.ingest([{"prompt": "x", "level": 1}], where="level > 1")


def test_a_limit_keeps_the_first_rows_and_reads_no_further_than_it_must(desk):
    rows = [{"prompt": str(i // 2)} for i in range(40_000)]
    report = desk.ingest(rows, limit=5)
    assert report.counts == {"rows": 40_000, "kept": 5, "dropped": 39_995, "prompts": 5}
    assert report.reasons == {"duplicate": 4, "not_selected": 39_991}


def test_fields_are_renamed_and_the_format_may_be_told(desk):
    rows = [{"goal": "do", "target": "x", "meta": {"answer": "5", "k": 1}, "label": True}]
    report = desk.ingest(rows, map={"prompt": "goal", "wanted": "target", "answer": "meta.answer"}, format="prompts")
    assert report.notes[0] == "format prompts, as told"
    assert desk.json("SELECT columns FROM members") == [
        {"wanted": "x", "answer": "5", "label": True, "meta": {"answer": "5", "k": 1}}
    ]


def test_two_fields_may_change_places(desk):
    desk.ingest([{"prompt": "x", "note": "y"}], map={"prompt": "note", "note": "prompt"})
    assert desk.json("SELECT messages FROM prompts") == [[{"role": "user", "content": "y"}]]
    assert desk.json("SELECT columns FROM members") == [{"note": "x"}]


def test_renaming_a_field_that_is_not_there_takes_one_line(desk):
    with pytest.raises(InputError, match=r"--map prompt=gaol: no row has 'gaol'; did you mean 'goal'"):
        desk.ingest([{"goal": "x"}], map={"prompt": "gaol"})


def test_renaming_onto_another_field_is_refused_row_by_row(desk):
    report = desk.ingest([{"q": "x"}, {"q": "x", "prompt": "z"}], map={"prompt": "q"})
    assert report.reasons == {"field_clash": 1}
