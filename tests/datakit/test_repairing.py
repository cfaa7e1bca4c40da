"""Rows after their repairs: messages, ids, and what the ledger says of them."""

import json
from typing import Any

import polars as pl

from datakit import datasets
from datakit.clean_rows import read_rows
from datakit.repair import Repair
from datakit.repairing import repair_rows, texts_of
from rewards.plugins import variant_class
from schemas.identity import content_id

ROW = {"instruction": "Name a colour.", "input": "<noinput>", "output": " Red. "}
CALL = {"id": "1", "type": "function", "function": {"name": "f", "arguments": "{}"}}


def named(*names: str) -> list[tuple[str, Repair]]:
    return [(name, variant_class("datakit.repairs", name, Repair)()) for name in names]  # type: ignore[type-abstract]


def rows_of(desk: Any, content: Any) -> pl.DataFrame:
    desk.ingest(content)
    with desk.store.read() as con:
        return read_rows(con, datasets.get(con, "data"))


def test_a_repaired_row_has_the_ids_that_its_file_would_have_given_it(desk, make_desk):
    repaired = repair_rows(rows_of(desk, [ROW]), named("placeholder_input", "white_space"))
    mended = rows_of(make_desk("mended"), [{"instruction": "Name a colour.", "input": "", "output": "Red."}])
    assert repaired.rows.drop("stored_id", "source").equals(mended.drop("source"))


def test_a_row_remembers_the_candidate_that_it_was(desk):
    rows = rows_of(desk, [ROW])
    assert repair_rows(rows, named("white_space")).rows["stored_id"].to_list() == rows["candidate_id"].to_list()


def test_rows_without_a_change_are_as_they_were(desk):
    rows = rows_of(desk, [{"instruction": f"Count to {n}.", "output": "1, 2"} for n in range(3)])
    repaired = repair_rows(rows, named("placeholder_input", "white_space", "unicode"))
    assert repaired.rows.drop("stored_id").equals(rows)
    assert repaired.changes.is_empty()
    assert repaired.ledger().num_rows == 0


def test_no_repairs_change_nothing(desk):
    rows = rows_of(desk, [ROW])
    assert repair_rows(rows, []).rows.drop("stored_id").equals(rows)


def test_every_turn_is_repaired_where_it_stands_and_the_rest_of_it_stays(desk):
    messages = [
        {"role": "system", "content": "Be brief. "},
        {"role": "user", "content": "Hi\n<noinput>"},
        {"role": "assistant", "content": "Hello. "},
        {"role": "user", "content": "Call it.\nno input"},
        {"role": "assistant", "content": " Calling ", "tool_calls": [CALL]},
        {"role": "tool", "content": " 3 ", "tool_call_id": "1"},
        {"role": "assistant", "content": "It is 3.\u200b", "reasoning_content": "So  "},
    ]
    tools = [{"type": "function", "function": {"name": "f", "parameters": {}}}]
    row = repair_rows(
        rows_of(desk, [{"messages": messages, "tools": tools}]),
        named("placeholder_input", "invisible", "white_space"),
    ).rows.row(0, named=True)
    whole = json.loads(row["messages"]) + json.loads(row["turns"] or "[]")
    expected = ["Be brief.", "Hi\n<noinput>", "Hello.", "Call it.", "Calling", " 3 ", "It is 3."]
    assert [turn["content"] for turn in whole] == expected
    rest = [{key: value for key, value in turn.items() if key != "content"} for turn in whole]
    assert rest == [{key: value for key, value in turn.items() if key != "content"} for turn in messages]
    assert row["text"] == "It is 3."
    assert row["prompt_id"] == content_id([json.loads(row["messages"]), tools])
    answer = json.loads(row["turns"])
    assert row["candidate_id"] == content_id([row["prompt_id"], row["recipe_id"], "import", answer])


def test_the_turns_of_an_answer_are_numbered_from_its_end(desk):
    rows = pl.DataFrame(
        {
            "row": [0],
            "messages": ['[{"content":"a\\u0000","role":"user"}]'],
            "text": ["d"],
            "turns": [
                '[{"content":"b","role":"assistant"},{"content":"c","role":"tool"},{"content":"d","role":"assistant"}]'
            ],
        },
        schema_overrides={"row": pl.UInt32},
    )
    found = texts_of(rows).sort("part").rows()
    assert found == [(0, -3, "assistant", "b"), (0, -2, "tool", "c"), (0, -1, "assistant", "d"), (0, 0, "user", "a\0")]


def test_the_ledger_names_row_repair_and_text_before_and_after(desk):
    rows = rows_of(desk, [{"instruction": "a", "output": "b"}, ROW])
    entries = repair_rows(rows, named("placeholder_input", "white_space")).ledger().to_pylist()
    assert {entry["reason"] for entry in entries} == {"repaired"}
    assert {entry["item_id"] for entry in entries} == {rows["candidate_id"][1]}
    assert {entry["line"] for entry in entries} == {2}
    assert [json.loads(entry["detail"]) for entry in entries] == [
        {
            "repair": "placeholder_input",
            "row": 1,
            "part": 0,
            "before": "Name a colour.\n<noinput>",
            "after": "Name a colour.",
        },
        {"repair": "white_space", "row": 1, "part": -1, "before": " Red. ", "after": "Red."},
    ]
