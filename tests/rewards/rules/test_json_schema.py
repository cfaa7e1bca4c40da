"""`json_schema`: answers against a JSON Schema."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from rewards.json_text import depth_of
from rewards.rules.json_schema import json_schema

PERSON = {
    "type": "object",
    "properties": {"name": {"type": "string"}, "age": {"type": "integer", "minimum": 0}},
    "required": ["name"],
    "additionalProperties": False,
}
TREE = {"$defs": {"node": {"type": "array", "items": {"$ref": "#/$defs/node"}}}, "$ref": "#/$defs/node"}


@pytest.mark.parametrize(
    ("completion", "value", "reason"),
    [
        ('{"name": "Ada", "age": 36}', True, ""),
        ('{"name": "李雷"}', True, ""),
        ('```json\n{"name": "Ada"}\n```', True, ""),
        ('{"name": "Ada", "age": -1}', False, "$.age: -1 is less than the minimum of 0"),
        ('{"age": 3}', False, "$: 'name' is a required property"),
        ('{"name": "Ada", "sex": "f"}', False, "$: Additional properties are not allowed ('sex' was unexpected)"),
        ('{"name": 7}', False, "$.name: 7 is not of type 'string'"),
        ("[]", False, "$: [] is not of type 'object'"),
        ('{"name": NaN}', False, "NaN is not JSON"),
        ('好的：{"name": "Ada"}', False, "Expecting value: line 1 column 1 (char 0)"),
        ("", False, "Expecting value: line 1 column 1 (char 0)"),
        ("[" * 100_000, False, "nested too deeply"),
    ],
)
def test_an_answer_fits_or_the_reason_says_where_not(completion, value, reason):
    found = json_schema(completion, PERSON)
    assert (found.value, found.reason) == (value, reason)
    assert json_schema(completion, json.dumps(PERSON)) == found


ANSWER = 'First:\n```python\nx = {}\n```\n好的：\n```json\n{"name": "Ada"}\n```\nDone.'


def test_json_in_a_block_among_text_counts_only_where_asked():
    assert json_schema(ANSWER, PERSON).value is False
    assert json_schema(ANSWER, PERSON, anywhere=True).value is True
    assert json_schema('```\n{"name": 1}\n```\nor\n```\n{"name": "b"}\n```', PERSON, anywhere=True).value is True
    assert json_schema('{"name": "Ada"}', PERSON, anywhere=True).value is True
    assert json_schema('Here: ```json\n{"name": "Ada"}', PERSON, anywhere=True).value is False


@pytest.mark.parametrize(
    ("schema", "error", "message"),
    [
        ({"type": "strin"}, ValueError, "schema: no JSON Schema: $.type: 'strin' is not valid"),
        ("{", ValueError, "schema: no JSON: "),
        ("[1]", TypeError, "schema: an object or its text is wanted, found list"),
        (3, TypeError, "schema: an object or its text is wanted, found int"),
        ({"$ref": "https://example.org/person.json"}, ValueError, "schema: Unresolvable: https://example.org"),
        ({"$ref": "#/$defs/none"}, ValueError, "schema: PointerToNowhere"),
    ],
)
def test_a_wrong_schema_is_an_error_and_nothing_is_fetched(schema, error, message):
    with pytest.raises(error) as raised:
        json_schema("{}", schema)
    assert str(raised.value).startswith(message)


def test_the_draft_that_the_schema_names_is_used():
    draft4 = {"$schema": "http://json-schema.org/draft-04/schema#", "minimum": 3, "exclusiveMinimum": True}
    assert json_schema("3", draft4).value is False
    assert json_schema("4", draft4).value is True


def test_deep_answers_fit_a_recursive_schema_up_to_the_limit():
    assert json_schema("[" * 48 + "]" * 48, TREE).value is True
    assert json_schema("[" * 49 + "]" * 49, TREE).reason == "nested too deeply"


@pytest.mark.parametrize("number", ["9" * 5000, "-1e999"])
def test_a_number_that_no_float_holds_fits_none(number):
    assert json_schema(number, {"multipleOf": 0.5}).value is False
    assert json_schema(f"[{number}]", True).reason.startswith("a number out of range")


values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_a_value_fits_the_schema_that_names_it_and_not_its_opposite(value):
    text = json.dumps(value)
    assert json_schema(text, {"const": value}).value is True
    assert json_schema(text, {"not": {"const": value}}).value is False
    assert json_schema(text, True).value is True


@given(values, st.integers(0, 5))
def test_depth_counts_brackets_on_the_longest_way_down(value, more):
    for _ in range(more):
        value = [value]
    inside = depth_of(value, 100)
    assert inside >= more
    assert depth_of([value], 100) == inside + 1
    assert depth_of(value, 1) == min(1, inside)
