"""Every format: what goes in comes out, and it is told from the others."""

import inspect
import json
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from datakit.conversation import RowError, conversation
from datakit.format import Fields, read_row
from datakit.recognise import formats, recognise
from schemas.errors import InputError


def user(text):
    return {"role": "user", "content": text}


def assistant(text):
    return {"role": "assistant", "content": text}


SYSTEM = {"role": "system", "content": "Be brief."}
TALK = [SYSTEM, user("hi"), assistant("hello"), user("sum?")]
TOOL = {"type": "function", "function": {"name": "add", "description": "Adds.", "parameters": {}}}
CALL = {"type": "function", "function": {"name": "add", "arguments": '{"b": 1, "a": 2}'}}
CALLING = {"role": "assistant", "content": "", "tool_calls": [CALL]}
RESULT = {"role": "tool", "content": "3"}

# format, row, prompt, answers
READ = [
    ("alpaca", {"instruction": "Add", "input": "1+1", "output": "2"}, [user("Add\n1+1")], ["2"]),
    ("alpaca", {"instruction": "Add", "input": "", "output": "2", "id": 7}, [user("Add")], ["2"]),
    ("alpaca", {"instruction": "Why?", "context": "It rains.", "response": "x"}, [user("Why?\nIt rains.")], ["x"]),
    (
        "alpaca",
        {"instruction": "sum?", "output": "2", "system": "Be brief.", "history": [["hi", "hello"]]},
        TALK,
        ["2"],
    ),
    (
        "sharegpt",
        {
            "conversations": [
                {"from": "human", "value": "add"},
                {"from": "function_call", "value": '{"name": "add", "arguments": {"b": 1, "a": 2}}'},
                {"from": "observation", "value": "3"},
                {"from": "gpt", "value": "It is 3."},
            ],
            "tools": json.dumps([TOOL["function"]]),
            "system": "Be brief.",
        },
        [SYSTEM, user("add"), CALLING, RESULT],
        ["It is 3."],
    ),
    ("sharegpt", {"conversations": [{"from": "human", "value": "unanswered"}]}, [user("unanswered")], []),
    ("messages", {"messages": [*TALK, assistant("2")]}, TALK, ["2"]),
    ("messages", {"messages": json.dumps([*TALK, assistant("2")])}, TALK, ["2"]),
    ("messages", {"messages": [user("hi")]}, [user("hi")], []),
    (
        "messages",
        {"messages": [user("add"), CALLING, RESULT, assistant("3")], "tools": [TOOL]},
        [user("add"), CALLING, RESULT],
        ["3"],
    ),
    ("prompt_completion", {"prompt": "sky is", "completion": " blue"}, [user("sky is")], [" blue"]),
    ("prompt_completion", {"prompt": TALK, "completion": [assistant("2")]}, TALK, ["2"]),
    ("prompt_completion", {"question": "why?", "response": "so"}, [user("why?")], ["so"]),
    ("prompts", {"prompt": "sky", "answer": "blue"}, [user("sky")], []),
    ("prompts", {"prompt": TALK, "tools": [TOOL]}, TALK, []),
    ("prompts", {"question": "why?", "answer": "so"}, [user("why?")], []),
    ("prompts", {"question": "why?", "answers": ["so", "thus"]}, [user("why?")], []),
    ("prompts", {"instruction": "do", "n": 4}, [user("do")], []),
    ("preference", {"prompt": "sky", "chosen": "blue", "rejected": "red"}, [user("sky")], ["blue", "red"]),
    ("preference", {"prompt": TALK, "chosen": [assistant("2")], "rejected": [assistant("3")]}, TALK, ["2", "3"]),
    ("preference", {"chosen": [*TALK, assistant("2")], "rejected": [*TALK, assistant("3")]}, TALK, ["2", "3"]),
    (
        "preference",
        {"chosen": "The sky is blue", "rejected": "The sky is red"},
        [user("The sky is")],
        [" blue", " red"],
    ),
    (
        "preference",
        {
            "prompt": "hi",
            "chosen": [user("hi"), assistant("a")],
            "rejected": [user("hi"), assistant("b")],
            "messages": [],
        },
        [user("hi")],
        ["a", "b"],
    ),
    (
        "preference_alpaca",
        {"instruction": "Add", "input": "1+1", "chosen": "2", "rejected": "3"},
        [user("Add\n1+1")],
        ["2", "3"],
    ),
    ("preference_alpaca", {"instruction": "Add", "chosen": "2", "rejected": "3"}, [user("Add")], ["2", "3"]),
    (
        "preference_alpaca",
        {"system": "Be brief.", "question": "Add", "chosen": "2", "rejected": "3"},
        [SYSTEM, user("Add")],
        ["2", "3"],
    ),
    (
        "preference_sharegpt",
        {
            "conversations": [{"from": "human", "value": "hi"}],
            "chosen": {"from": "gpt", "value": "a"},
            "rejected": {"from": "gpt", "value": "b"},
        },
        [user("hi")],
        ["a", "b"],
    ),
    (
        "preference_messages",
        {"chosen_messages": [*TALK, assistant("2")], "rejected_messages": [*TALK, assistant("3")]},
        TALK,
        ["2", "3"],
    ),
    ("preference_swift", {"messages": [*TALK, assistant("2")], "rejected_response": "3"}, TALK, ["2", "3"]),
    (
        "preference_swift",
        {"messages": [*TALK, assistant("2")], "rejected_messages": [*TALK, assistant("3")]},
        TALK,
        ["2", "3"],
    ),
    (
        "preference_hh",
        {
            "chosen": "\n\nHuman: hi\n\nAssistant: hello\n\nHuman: why?\n\nAssistant: so",
            "rejected": "\n\nHuman: hi\n\nAssistant: hello\n\nHuman: why?\n\nAssistant: no",
        },
        [user("hi"), assistant("hello"), user("why?")],
        ["so", "no"],
    ),
    (
        "preference_responses",
        {"instruction": "do", "response1": "a", "response2": "b", "annotator1": 1, "annotator2": 2, "annotator3": 0},
        [user("do")],
        ["a", "b"],
    ),
    (
        "preference_responses",
        {"prompt": "do", "response_a": "a", "response_b": "b", "winner": "tie"},
        [user("do")],
        ["a", "b"],
    ),
    (
        "preference_responses",
        {"prompt": "do", "response_0": "a", "response_1": "b", "better_response_id": 1},
        [user("do")],
        ["a", "b"],
    ),
    ("unpaired", {"prompt": "sky", "completion": "blue", "label": True}, [user("sky")], ["blue"]),
    ("unpaired", {"messages": [*TALK, assistant("2")], "label": False}, TALK, ["2"]),
    ("unpaired", {"instruction": "Add", "input": "1+1", "output": "2", "kto_tag": True}, [user("Add\n1+1")], ["2"]),
    ("unpaired", {"conversations": [user("hi"), assistant("a")], "kto_tag": "false"}, [user("hi")], ["a"]),
    ("groups", {"instruction": "do", "responses": ["a", "b", "c"]}, [user("do")], ["a", "b", "c"]),
    (
        "groups",
        {"instruction": "do", "input": "it", "responses": ["a", "b"], "scores": [1, 0.5]},
        [user("do\nit")],
        ["a", "b"],
    ),
    ("groups", {"prompt": TALK, "completions": [{"model": "m", "solution": "2"}]}, TALK, ["2"]),
    (
        "groups",
        {"question": "why?", "answers": [{"model": "m", "text": "so"}, {"text": "no"}]},
        [user("why?")],
        ["so", "no"],
    ),
    (
        "ranked",
        {"instruction": "do", "input": "", "output": ["a", "b", "c"], "history": []},
        [user("do")],
        ["a", "b", "c"],
    ),
    ("rated", {"instruction": "do", "response": "a", "score": 7}, [user("do")], ["a"]),
    ("rated", {"prompt": "do", "completion": "a", "rating": "7.5"}, [user("do")], ["a"]),
    (
        "nemo_rank",
        {
            "context": TALK,
            "completions": [{"rank": 1, "completion": [assistant("3")]}, {"rank": 0, "completion": [assistant("2")]}],
        },
        TALK,
        ["2", "3"],
    ),
]


@pytest.mark.parametrize(("name", "row", "prompt", "answers"), READ)
def test_a_format_reads_its_rows_and_is_told_from_the_others(name, row, prompt, answers):
    entry, _ = read_row(formats()[name], row)
    assert entry.messages == prompt
    assert [answer.messages[-1]["content"] for answer in entry.answers] == answers
    assert recognise([row], "file")[0] == name


def test_every_format_has_an_example_here():
    assert {name for name, *_ in READ} == set(formats())


@pytest.mark.parametrize("layout", formats().values(), ids=list(formats()))
def test_every_format_documents_itself_and_the_fields_that_it_reads(layout):
    assert inspect.getdoc(type(layout))
    assert layout.fields


@pytest.mark.parametrize(("name", "row", "prompt", "answers"), READ)
@pytest.mark.parametrize("value", [None, 5, [], [1], {}, "", True])
def test_a_broken_field_gives_a_row_error_or_an_entry_but_never_another_error(name, row, prompt, answers, value):
    for field in row:
        with suppress(RowError):
            read_row(formats()[name], {**row, field: value})


@pytest.mark.parametrize("layout", formats().values(), ids=list(formats()))
@given(
    row=st.dictionaries(
        st.sampled_from(
            ["instruction", "output", "messages", "conversations", "chosen", "rejected", "responses", "label", "tools"]
        ),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(
                    st.sampled_from(["role", "content", "from", "value", "type", "text", "tool_calls"]), inner
                )
            ),
            max_leaves=8,
        ),
    )
)
def test_no_row_breaks_a_format(layout, row):
    try:
        entry, fields = read_row(layout, row)
    except RowError:
        return
    assert all(isinstance(message["content"], str) for message in entry.messages)
    assert set(fields.rest()) - set(fields.extras) == set(row) - fields.taken


TURNS = st.lists(
    st.fixed_dictionaries({"role": st.sampled_from(["user", "tool", "system"]), "content": st.text(min_size=1)}),
    min_size=1,
    max_size=4,
)


@given(turns=TURNS, answer=st.text())
def test_plain_messages_come_out_as_they_went_in(turns, answer):
    turns = [*turns, user("?")]
    entry, _ = read_row(formats()["messages"], {"messages": [*turns, assistant(answer)]})
    assert entry.messages + entry.answers[0].messages == [*turns, assistant(answer)]


@pytest.mark.parametrize(
    "content",
    [
        "hello",
        [{"type": "text", "text": "hello"}],
        [{"type": "text", "value": "hello"}],
        [{"type": "text", "text": "hel", "image": None}, {"type": "text", "text": "lo"}],
    ],
)
def test_content_parts_are_one_text(content):
    assert conversation([{"role": "user", "content": content}], "messages")[0] == [user("hello")]


@pytest.mark.parametrize(
    "turn",
    [
        {
            "role": "assistant",
            "content": None,
            "tool_calls": [{"function": {"name": "add", "arguments": {"b": 1, "a": 2}}}],
        },
        {
            "role": "assistant",
            "content": "",
            "tool_calls": [{"type": "function", "function": {"name": "add", "arguments": '{"b":1,"a":2}'}}],
        },
        {"role": "assistant", "function_call": {"name": "add", "arguments": '{"b": 1, "a": 2}'}},
        {
            "role": "assistant",
            "content": [{"type": "tool_call", "value": '{"name": "add", "arguments": {"b": 1, "a": 2}}'}],
        },
        {"from": "function_call", "value": '[{"name": "add", "arguments": {"b": 1, "a": 2}}]'},
        {"role": "tool_call", "content": '{"name": "add", "arguments": {"b": 1, "a": 2}}'},
    ],
)
def test_tool_calls_have_one_form(turn):
    assert conversation([turn], "messages")[0] == [CALLING]


def test_a_tool_call_keeps_its_id_and_arguments_that_are_no_json():
    turn = {
        "role": "assistant",
        "content": "",
        "tool_calls": [{"id": "7", "function": {"name": "f", "arguments": "{oops"}}],
    }
    (message,), _ = conversation([turn], "messages")
    assert message["tool_calls"] == [{"id": "7", "type": "function", "function": {"name": "f", "arguments": "{oops"}}]


@pytest.mark.parametrize(
    "turn",
    [
        {"role": "assistant", "content": [{"type": "reasoning", "value": "hm"}, {"type": "text", "value": "so"}]},
        {"role": "assistant", "content": "so", "reasoning_content": "hm"},
        {"role": "assistant", "content": "so", "reasoning": "hm"},
        {"role": "assistant", "content": [{"type": "thinking", "thinking": "hm"}, {"type": "text", "text": "so"}]},
    ],
)
def test_reasoning_has_one_form(turn):
    assert conversation([turn], "messages")[0] == [{**assistant("so"), "reasoning_content": "hm"}]


def test_struct_of_lists_of_old_hf_data_sets_is_a_list_of_turns():
    row = {"conversations": {"from": ["human", "gpt"], "value": ["hi", "hello"]}}
    entry, _ = read_row(formats()["sharegpt"], row)
    assert (entry.messages, entry.answers[0].messages) == ([user("hi")], [assistant("hello")])


def test_what_messages_say_beside_their_text_becomes_columns():
    turns = [{**user("hi"), "loss_weight": 0.0}, {**assistant("hello"), "loss_weight": 1.0, "note": "x"}]
    _, fields = read_row(formats()["messages"], {"messages": turns, "id": 1})
    assert fields.rest() == {"id": 1, "messages_loss_weight": [0.0, 1.0], "messages_note": [None, "x"]}


def test_a_conversation_with_its_own_system_turn_leaves_the_system_field_a_column():
    entry, fields = read_row(formats()["messages"], {"messages": [*TALK, assistant("2")], "system": "other"})
    assert entry.messages[0] == SYSTEM
    assert fields.rest() == {"system": "other"}


@pytest.mark.parametrize(
    "definition", [[TOOL], json.dumps([TOOL]), [json.dumps(TOOL)], TOOL["function"], [TOOL["function"]]]
)
def test_tools_have_one_form(definition):
    entry, _ = read_row(formats()["messages"], {"messages": [user("add")], "tools": definition})
    assert entry.tools == [TOOL]


@pytest.mark.parametrize("nothing", [None, "", [], "[]"])
def test_no_tools_are_no_tools(nothing):
    entry, fields = read_row(formats()["messages"], {"messages": [user("add")], "tools": nothing})
    assert entry.tools is None
    assert fields.rest() == {}


def test_scores_and_models_of_a_pair_go_to_its_sides():
    row = {"prompt": "p", "chosen": "a", "rejected": "b", "score_chosen": 8, "score_rejected": 2.5, "chosen_model": "m"}
    entry, fields = read_row(formats()["preference"], row)
    assert [(r.answer, r.value, r.kind) for r in entry.ratings] == [(0, 8.0, "imported"), (1, 2.5, "imported")]
    assert [answer.model for answer in entry.answers] == ["m", None]
    assert fields.rest() == {}


def test_responses_keep_their_own_fields_scores_and_models():
    row = {
        "prompt": "p",
        "topic": "t",
        "responses": [{"model": "m", "output": "a", "ok": True, "score": 3}, {"output": None}],
    }
    entry, fields = read_row(formats()["groups"], row)
    assert entry.answers[0].model == "m"
    assert entry.answers[0].columns == {"model": "m", "ok": True}
    assert [(r.value, r.scorer, r.kind) for r in entry.ratings] == [(3.0, "score", "imported")]
    assert entry.missing == ["responses[1] has no text"]
    assert fields.rest() == {"topic": "t"}


def test_reviews_compare_answers_by_their_models():
    row = {
        "question": "q",
        "answers": [{"model": "x", "text": "a"}, {"model": "y", "text": "b"}],
        "reviews": [
            {"a": "y", "b": "x", "score": [9, 8], "reviewer": 1, "file": "f"},
            {"a": "x", "b": "y", "score": [5, 5]},
        ],
    }
    entry, _ = read_row(formats()["groups"], row)
    assert [(v.left, v.right, v.verdict, v.scorer, v.reason) for v in entry.verdicts] == [
        (1, 0, "left", "reviewer 1", "9 to 8 (f)"),
        (0, 1, "tie", "reviewer", "5 to 5"),
    ]


def test_annotators_are_scorers_of_their_own():
    row = {"prompt": "p", "response1": "a", "response2": "b", "annotator1": 1, "annotator2": 2, "annotator3": 0}
    entry, _ = read_row(formats()["preference_responses"], row)
    assert [(v.scorer, v.verdict) for v in entry.verdicts] == [
        ("annotator1", "left"),
        ("annotator2", "right"),
        ("annotator3", "tie"),
    ]


@pytest.mark.parametrize(
    ("name", "row", "reason"),
    [
        ("alpaca", {"instruction": "x"}, "missing_field"),
        ("alpaca", {"instruction": 5, "output": "x"}, "wrong_type"),
        ("alpaca", {"instruction": " ", "output": "x"}, "empty_prompt"),
        ("alpaca", "text", "wrong_type"),
        ("messages", {"messages": []}, "empty_conversation"),
        ("messages", {"messages": [assistant("alone")]}, "empty_conversation"),
        ("messages", {"messages": [{"role": "alien", "content": "x"}]}, "unknown_role"),
        ("messages", {"messages": [{"role": "user"}]}, "missing_field"),
        ("messages", {"messages": [user([{"type": "image_url", "image_url": "x"}])]}, "unsupported_content"),
        ("messages", {"messages": [user("x")], "tools": [5]}, "wrong_type"),
        ("sharegpt", {"conversations": [{"from": "function_call", "value": "no json"}]}, "broken_tool_call"),
        ("prompts", {"prompt": [user("x"), assistant("y")]}, "wrong_type"),
        ("preference", {"prompt": "p", "chosen": "same", "rejected": "same"}, "identical_sides"),
        (
            "preference",
            {"chosen": [user("a"), assistant("x")], "rejected": [user("b"), assistant("y")]},
            "different_prompts",
        ),
        ("unpaired", {"prompt": "p", "completion": "c", "label": "maybe"}, "wrong_type"),
        ("rated", {"prompt": "p", "completion": "c", "score": 11}, "wrong_type"),
        ("preference_responses", {"prompt": "p", "response1": "a", "response2": "b"}, "missing_field"),
    ],
)
def test_a_row_that_cannot_be_used_says_why(name, row, reason):
    with pytest.raises(RowError) as raised:
        read_row(formats()[name], row)
    assert raised.value.reason == reason


def test_an_unknown_format_names_the_fields_and_the_formats():
    with pytest.raises(InputError, match=r"goal, target.*--map prompt=FIELD.*there are: alpaca, groups"):
        recognise([{"goal": "x", "target": "y"}], "file.jsonl")


def test_a_file_that_fits_two_formats_is_not_guessed():
    row = {"instruction": "x", "output": "y", "responses": ["a"]}
    with pytest.raises(InputError, match="fit alpaca and groups alike; say which with --format"):
        recognise([row], "file.jsonl")


def test_an_answer_that_is_json_stays_a_text():
    text = json.dumps([assistant("hi")])
    for name, row in (
        ("alpaca", {"instruction": "Write a chat as JSON.", "output": text}),
        ("preference", {"prompt": "Write a chat as JSON.", "chosen": text, "rejected": "no"}),
    ):
        entry, _ = read_row(formats()[name], row)
        assert entry.answers[0].messages == [assistant(text)]


def test_rows_with_bad_content_still_tell_their_format():
    rows = [{"instruction": "x", "chosen": c, "rejected": "a"} for c in "aaab"]
    assert recognise(rows, "file.jsonl")[0] == "preference_alpaca"


def test_fields_remember_what_was_taken():
    fields = Fields({"a": "x", "b": None, "c": 1})
    assert fields.optional_text("b", "a") == "x"
    assert fields.rest() == {"c": 1}
