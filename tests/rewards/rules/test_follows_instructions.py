"""The instructions of IFEval: what follows each and what does not, strict and loose, from arguments of any form."""

import json
import time
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import rewards.instructions
from rewards.instruction import follows, instructions, readings
from rewards.plugins import variant_names
from rewards.punkt import sentences_of
from rewards.rules.follows_instructions import follows_instructions
from rewards.treebank import capital_words

ENGLISH = "the river is long and the hills behind it are green in spring. people like to walk there with their dogs."
CHINESE = "这条河很长，春天的山坡是绿色的，人们喜欢在那里散步。"
TABLE: list[tuple[str, dict[str, object], list[str], list[str]]] = [
    ("keywords:existence", {"keywords": ["mom", "tea"]}, ["Tea for MOM", "steam, moment"], ["tea for two"]),
    ("keywords:existence", {"keywords": ["colou?r"]}, ["color"], ["colr"]),
    ("keywords:existence", {"keywords": ["c("]}, ["vec(x)"], ["c"]),
    (
        "keywords:frequency",
        {"keyword": " war ", "relation": "at least", "frequency": 2},
        ["War and warm"],
        ["war", "peace"],
    ),
    (
        "keywords:frequency",
        {"keyword": "war", "relation": "less than", "frequency": 2},
        ["war", "peace"],
        ["war, war"],
    ),
    ("keywords:forbidden_words", {"forbidden_words": ["cat", "dog"]}, ["Concatenate."], ["A Dog.", "cat-like"]),
    (
        "keywords:letter_frequency",
        {"letter": "Q", "let_relation": "at least", "let_frequency": 2},
        ["Quick quiz"],
        ["quick"],
    ),
    (
        "keywords:letter_frequency",
        {"letter": "#", "let_relation": "less than", "let_frequency": 2},
        ["# one"],
        ["## one"],
    ),
    ("language:response_language", {"language": "en"}, [ENGLISH, "42"], [CHINESE]),
    ("language:response_language", {"language": "zh-cn"}, [CHINESE], [ENGLISH]),
    ("language:response_language", {"language": "zh"}, [CHINESE], [ENGLISH]),
    ("length_constraints:number_words", {"relation": "at least", "num_words": 4}, ["I don't know"], ["I do not"]),
    ("length_constraints:number_words", {"relation": "less than", "num_words": 4}, ["I do not"], ["I don't know"]),
    ("length_constraints:number_sentences", {"relation": "at least", "num_sentences": 2}, ["So? Yes."], ["Mr. Jones"]),
    ("length_constraints:number_sentences", {"relation": "less than", "num_sentences": 2}, ["At 3 p.m."], ["1. Go"]),
    (
        "length_constraints:number_paragraphs",
        {"num_paragraphs": 2},
        ["a\n***\nb", "***\na *** b\n***"],
        ["a", "a *** *** b", "a\n\nb", "a***b***c"],
    ),
    (
        "length_constraints:nth_paragraph_first_word",
        {"num_paragraphs": 2, "nth_paragraph": 2, "first_word": "President"},
        ['A.\n\n"president\'s" B', "A\n\npresident, B"],
        ["President\n\nA", "A\n\npresidents", "A\n\nB\n\npresident", "A\n\n\n\npresident", "president"],
    ),
    ("detectable_content:number_placeholders", {"num_placeholders": 2}, ["[a] [b c]", "[]\n[[x]"], ["[a] [b", "[a\n]"]),
    ("detectable_content:postscript", {"postscript_marker": "P.S."}, ["Hi.\np. s. x"], ["PS x"]),
    ("detectable_content:postscript", {"postscript_marker": "P.P.S"}, ["P. P. S. x"], ["P.S. x"]),
    ("detectable_content:postscript", {"postscript_marker": "NB"}, ["nb x"], ["n.b."]),
    (
        "detectable_format:number_bullet_lists",
        {"num_bullets": 2},
        ["* a\n  - b", "\n\n * a\n**b**\n- c", "*a*\n---", "*\n- b"],
        ["* a", "a\n- b - c", "- a\n- b\n- c", "*\n* b"],
    ),
    (
        "detectable_format:constrained_response",
        {},
        ["My answer is maybe.", "So: My answer is no. Bye"],
        ["My answer is No.", "no"],
    ),
    (
        "detectable_format:number_highlighted_sections",
        {"num_highlights": 2},
        ["*a* *b*", "**a** and *b*"],
        ["*a*", "**a** *b", "* * ** **", "*a\nb* *c*"],
    ),
    (
        "detectable_format:multiple_sections",
        {"section_spliter": "SECTION", "num_sections": 2},
        ["SECTION 1\na\nSECTION 2", "SECTION1 SECTION 22"],
        ["Section 1 Section 2", "SECTION 1", "SECTION X SECTION Y"],
    ),
    ("detectable_format:json_format", {}, ['```json\n{"a": 1}\n```', "[NaN]", "```JSON\n1```"], ["{a: 1}", "So: {}"]),
    ("detectable_format:title", {}, ["<<a>>", "x <<<b>> y"], ["<< >>", "<a>", "<<>>", "<<a\nb>>"]),
    ("combination:repeat_prompt", {"prompt_to_repeat": "Say hi. "}, ["say HI. hi"], ["hi. Say hi.", "Say"]),
    (
        "combination:two_responses",
        {},
        ["a******b", "******\na\n******\nb\n******"],
        ["a", "a******a", "a******b******c", "a************b"],
    ),
    ("startend:end_checker", {"end_phrase": "Peace!"}, ["x peace!", '"Peace!" '], ["Peace", "Peace!."]),
    ("startend:quotation", {}, ['"a"', ' "" '], ['"', "a", '"a" b', "“a”"]),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "at least"},
        ["I CAN", "DON'T", "IT'S", "A/B (C)"],
        ["A-B", "I can", "42 X"],
    ),
    (
        "change_case:capital_word_frequency",
        {"capital_frequency": 2, "capital_relation": "less than"},
        ["A-B", "U.S.A. now"],
        ["DON'T", "A,B"],
    ),
    ("change_case:english_capital", {}, [ENGLISH.upper()], [ENGLISH, "42", CHINESE, "THE END. No."]),
    (
        "change_case:english_lowercase",
        {},
        [ENGLISH],
        ["THE END", f"{ENGLISH} I", "der fluss ist lang und die berge grün"],
    ),
    ("punctuation:no_comma", {}, ["a; b", "河，山"], ["a, b"]),
]
EACH = {name: given for name, given, _, _ in TABLE}
every_instruction = pytest.mark.parametrize("name", EACH)


def test_the_table_has_the_25_published_types_and_all_groups_are_found() -> None:
    assert set(EACH) == set(instructions())
    assert len(EACH) == 25
    assert {name.partition(":")[0] for name in instructions()} == set(variant_names("rewards.instructions"))
    assert len(list(Path(rewards.instructions.__path__[0]).glob("*.py"))) == 10


@pytest.mark.parametrize(("name", "given", "good", "bad"), TABLE)
def test_an_instruction_is_followed_or_not(
    name: str, given: dict[str, object], good: list[str], bad: list[str]
) -> None:
    assert {text: follows(text, name, given) for text in [*good, *bad]} == {
        **dict.fromkeys(good, True),
        **dict.fromkeys(bad, False),
    }


@pytest.mark.parametrize(
    ("name", "response"),
    [
        ("startend:quotation", 'Sure, here it is:\n"The end."'),
        ("startend:quotation", '"The end."\nAnything else?'),
        ("startend:quotation", 'Sure:\n"The end."\nAnything else?'),
        ("startend:quotation", '**"The end."**'),
        ("punctuation:no_comma", "Sure, here it is:\nThe end."),
    ],
)
def test_loose_looks_past_introduction_outro_and_stars(name: str, response: str) -> None:
    assert not follows(response, name, {})
    assert follows(response, name, {}, loose=True)


@every_instruction
@given(text=st.text(max_size=60))
@settings(deadline=None, max_examples=25)
def test_who_follows_strictly_follows_loosely_again_and_again(name: str, text: str) -> None:
    strict = follows(text, name, EACH[name])
    assert strict == follows(text, name, EACH[name])
    assert follows(text, name, EACH[name], loose=True) >= strict


@every_instruction
@pytest.mark.parametrize("text", ["", "\n", " \t\n "])
def test_an_empty_answer_follows_nothing(name: str, text: str) -> None:
    assert not follows(text, name, EACH[name])
    assert not follows(text, name, EACH[name], loose=True)


@given(st.text(alphabet="ab*\n ", max_size=30))
def test_there_are_at_most_eight_readings_and_the_answer_itself_is_one(text: str) -> None:
    found = readings(text)
    assert found[0] == text
    assert len(found) == len(set(found)) <= 8
    assert any("*" not in reading for reading in found)


RESPONSE = "one two, three"
IDS = ["punctuation:no_comma", "length_constraints:number_words"]
WORDS = {"relation": "at least", "num_words": 3}


@pytest.mark.parametrize(
    "kwargs",
    [
        [{}, WORDS],
        [None, {**WORDS, "num_words": 3.0, "keywords": None, "language": None}],
        ["{}", json.dumps({**WORDS, "num_words": "3"})],
        json.dumps([{"keyword": None}, WORDS]),
    ],
)
def test_arguments_may_hold_nulls_be_json_text_or_floats(kwargs: list[dict[str, object]] | str) -> None:
    assert follows_instructions(RESPONSE, IDS, kwargs).value == 0.5
    assert follows_instructions(RESPONSE, IDS, kwargs, level="prompt").value is False
    assert follows_instructions("one two three", IDS, kwargs, level="prompt").value is True
    assert follows_instructions(RESPONSE, IDS, kwargs).reason == "not followed: punctuation:no_comma"


def test_without_instructions_it_does_not_apply() -> None:
    assert follows_instructions(RESPONSE, [], []).value is None


@pytest.mark.parametrize(
    ("ids", "kwargs", "message"),
    [
        (["keyword:existence"], [{}], "did you mean 'keywords:existence'"),
        (["keywords:_pattern"], [{}], "no instruction"),
        (["keywords:holds"], [{}], "no instruction"),
        (IDS, [{}], "2 in instruction_id_list, but 1 in kwargs"),
        (IDS[1:], [{"relation": "at least", "num_words": None}], "lacks num_words"),
        (IDS[:1], [{"num_words": 3}], "has no argument num_words; its kwargs: none"),
        (IDS[1:], [{**WORDS, "relation": "more than"}], "'more than'"),
        (IDS[1:], [{**WORDS, "num_words": 2.5}], "num_words: a whole number"),
        (IDS[1:], ["{"], "Expecting property name"),
        (["language:response_language"], [{"language": "xx"}], "'xx' is none of: af, ar"),
        (["keywords:letter_frequency"], [{"letter": "ab", "let_relation": "at least", "let_frequency": 1}], "one char"),
    ],
)
def test_what_cannot_be_judged_is_an_error(ids: list[str], kwargs: list[dict[str, object] | str], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        follows_instructions(RESPONSE, ids, kwargs)


@pytest.mark.parametrize(
    ("kwargs", "message"),
    [
        ("{}", "a list with one object"),
        ([3], "an object for each instruction"),
        ([{"keywords": "mom"}], "keywords: a list of texts"),
        ([{"keywords": [1]}], "keywords: a list of texts"),
    ],
)
def test_arguments_of_another_type_are_an_error(kwargs: str | list[object], message: str) -> None:
    with pytest.raises(TypeError, match=message):
        follows_instructions(RESPONSE, ["keywords:existence"], kwargs)


SENTENCES = """
Mr. Smith went to Washington. | He stayed.
It costs 3.50 dollars. | Really?! | Yes.
She said "Stop." | Then she left.
(He knew.) | Nobody else did.
We met at 5 p.m. on Monday.
We met at 5 p.m. | The others came later.
1. | First item 2. | Second item
It was 1. that one
Use tools, e.g. | hammers.
P.S. | I forgot.
The U.S. Senate voted. | However, it failed.
J. K. Rowling wrote it.
J.K. Rowling wrote it.
Wait... what? | No.
Wait... | The end.
What?Yes! | Done
He lives at Acme Inc. in Ohio.
"Hello!" | "Hi."
"""


@pytest.mark.parametrize("line", SENTENCES.strip().split("\n"))
def test_sentences_end_where_punkt_ends_them(line: str) -> None:
    expected = line.split(" | ")
    assert sentences_of(" ".join(expected)) == expected


@given(st.text(alphabet=".?! \nAbc1\"')", max_size=40))
def test_no_sentence_loses_a_character(text: str) -> None:
    assert "".join("".join(sentences_of(text)).split()) == "".join(text.split())


@pytest.mark.parametrize(
    ("text", "count"),
    [("", 0), ("I'M HERE", 3), ("'TIS I", 3), ("CANNOT", 2), ("AT&T", 2), ("A--B", 2), ("X-RAY", 1), ("CAT'S.", 2)],
)
def test_capital_words_are_those_of_the_treebank(text: str, count: int) -> None:
    assert capital_words(text) == count


@every_instruction
@pytest.mark.parametrize("piece", ["[", "<<", "* ", "- \n", "\n", " ", "1. ", "***\n", "<<a\n", "word. ", "I'S", "```"])
def test_half_a_million_characters_take_a_moment(name: str, piece: str) -> None:
    started = time.process_time()
    follows(piece * (500_000 // len(piece)), name, EACH[name])
    assert time.process_time() - started < 2.5
