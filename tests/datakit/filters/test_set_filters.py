"""Filters that compare rows with each other or with files: what each drops, and what holds for all of them."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from datakit.filter import DROPPED, Filter
from datakit.filters.balance import Balance
from datakit.filters.contaminated import Contaminated
from datakit.filters.duplicate import Duplicate
from datakit.filters.duplicate_prompt import DuplicatePrompt
from datakit.filters.near_duplicate import NearDuplicate
from datakit.filters.top_k import TopK
from datakit.shingles import shingles_of
from schemas.errors import ConfigError
from schemas.parse import parse

SCHEMA = {
    "row": pl.UInt32,
    "prompt": pl.String,
    "output": pl.String,
    "context": pl.String,
    "roles": pl.String,
    "group": pl.UInt32,
    "columns": pl.String,
    "reward": pl.Float64,
}
LONG = "the quick brown fox jumps over the lazy dog and runs through the green forest until the sun goes down"
ENGLISH = LONG.split()
CHINESE = "春天来了万物复苏，小草从地里钻出来，花儿也开了，孩子们在公园里放风筝，大家都很高兴。"
WORDS = ("red", "green", "blue", "你", "好", "世")


def rows(*given: dict[str, Any]) -> pl.DataFrame:
    """A frame as the stage gives it; each row says what is not ordinary about it."""
    numbers: dict[str, int] = {}
    made = []
    for number, row in enumerate(given):
        prompt = row.get("prompt", f"prompt number {number}")
        context = row.get("context", prompt)
        plain = {"row": number, "prompt": prompt, "output": f"output number {number}", "context": context}
        group = numbers.setdefault(context, len(numbers))
        made.append({**plain, "roles": "user assistant", "group": group, "columns": None, "reward": None, **row})
    return pl.DataFrame(made, schema=SCHEMA)


def dropped(filter_: Filter, frame: pl.DataFrame) -> dict[int, int | None]:
    """The rows that are dropped, each with the row that it is like; only what the filter says it reads is there."""
    found = filter_.drop(frame.select("row", *type(filter_).reads))
    assert found.schema == DROPPED
    assert found["row"].is_unique().all()
    assert found["value"].null_count() == 0
    assert set(found["row"]) <= set(frame["row"])
    return dict(zip(found["row"], found["like"], strict=True))


def outputs(*texts: str) -> pl.DataFrame:
    return rows(*({"output": text} for text in texts))


def prompts(*texts: str) -> pl.DataFrame:
    return rows(*({"prompt": text} for text in texts))


def changed(word: int) -> str:
    """The English text with another word."""
    return " ".join([*ENGLISH[:word], "other", *ENGLISH[word + 1 :]])


SAME = {"prompt": "say it"}


@pytest.mark.parametrize(
    ("options", "given", "expected"),
    [
        ({}, [{**SAME, "output": "a b"}, {**SAME, "output": " a\n\tb "}, {**SAME, "output": "A b"}], {1: 0}),
        ({"ignore_case": True}, [{**SAME, "output": "ÄB"}, {**SAME, "output": "äb"}], {1: 0}),
        ({}, [{"output": "a"}, {"output": "a"}], {}),
        ({"of": "output"}, [{"output": "a"}, {"output": "a"}, {"output": "a "}], {1: 0, 2: 0}),
        ({"of": "prompt"}, [SAME, {"prompt": "say  it"}, {"prompt": "sayit"}], {1: 0}),
        ({}, [{**SAME, "output": "你好　世界"}, {**SAME, "output": "你好 世界"}], {1: 0}),
        ({}, [{**SAME, "context": "x", "output": "a"}, {**SAME, "context": "y", "output": "a"}], {}),
    ],
    ids=["white space", "case", "other prompt", "output", "prompt", "ideographic space", "other turns before"],
)
def test_duplicate_keeps_the_first_of_equal_rows(options, given, expected):
    assert dropped(Duplicate(**options), rows(*given)) == expected


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        ([LONG, changed(0)], {1: 0}),
        ([LONG, LONG.upper()], {1: 0}),
        ([LONG, "  ".join(ENGLISH)], {1: 0}),
        ([LONG, changed(9)], {}),
        ([LONG, " ".join(reversed(ENGLISH))], {}),
        ([CHINESE, CHINESE.replace("春天", "夏天")], {1: 0}),
        ([CHINESE, CHINESE.replace("公园", "学校").replace("小草", "大树")], {}),
        ([f"{LONG} {CHINESE}", f"{LONG} {CHINESE} ok"], {1: 0}),
        (["yes", "Yes", "no", "", "", " "], {1: 0}),
        (["ヨーロッパの春は美しいです", "ヨーロッパの春は美しいです。"], {1: 0}),
    ],
    ids=["first word", "case", "spaces", "middle word", "reversed", "zh", "zh other", "mixed", "short, empty", "ja"],
)
def test_near_duplicate_compares_sets_of_five_words_or_characters(texts, expected):
    assert dropped(NearDuplicate(of="output"), outputs(*texts)) == expected


def test_near_duplicate_says_the_jaccard_similarity():
    found = NearDuplicate(of="output").drop(outputs(LONG, changed(0)).select("row", *NearDuplicate.reads))
    assert found["value"].to_list() == ["0.882"]  # 15 shingles of 17
    assert abs(15 / 17 - 0.882) < 0.001


def test_near_duplicate_wants_prompt_and_answer_alike_each_by_itself():
    def row(prompt: str, output: str) -> dict[str, Any]:
        return {"prompt": prompt, "output": output}

    frame = rows(row("a", "yes"), row("b", "yes"), row(LONG, "yes"), row(changed(0), "yes"), row(LONG, "no"))
    assert dropped(NearDuplicate(), frame) == {3: 2}
    assert dropped(NearDuplicate(of="prompt"), frame) == {3: 2, 4: 2}
    assert dropped(NearDuplicate(of="output"), frame) == {1: 0, 2: 0, 3: 0}


@pytest.mark.parametrize(
    ("keep", "expected"),
    [("first", {1: 0, 2: 0}), ("longest_output", {0: 2, 1: 2}), ("highest_reward", {0: 1, 2: 1})],
)
def test_near_duplicate_keeps_the_best_row(keep, expected):
    given = [(LONG, 0.5), (changed(0), 0.9), (LONG + " today", None)]
    frame = rows(*({"output": text, "reward": reward} for text, reward in given))
    assert dropped(NearDuplicate(of="output", keep=keep), frame) == expected


def test_in_a_chain_a_row_goes_only_for_a_row_that_is_like_it():
    words = [f"w{i}" for i in range(60)]
    chain = [" ".join(words[start : start + 30]) for start in (0, 4, 8, 12)]
    assert dropped(NearDuplicate(of="output"), outputs(*chain)) == {1: 0, 3: 2}


def test_a_large_family_of_like_texts_costs_no_comparison_of_all_pairs():
    family = [" ".join([*ENGLISH, *ENGLISH[::-1], f"number{i}"]) for i in range(5000)]
    found = dropped(NearDuplicate(of="output"), outputs(*family))
    assert found == dict.fromkeys(range(1, 5000), 0)


def test_blocks_change_no_result(monkeypatch: pytest.MonkeyPatch):
    texts = [" ".join(f"w{(start * 7 + i) % 97}" for i in range(30)) for start in range(300)]
    whole = dropped(NearDuplicate(of="output"), outputs(*texts))
    monkeypatch.setattr("datakit.similar._BUDGET", 3)
    monkeypatch.setattr("datakit.shingles._CHUNK_SHINGLES", 50)
    assert dropped(NearDuplicate(of="output"), outputs(*texts)) == whole


def test_duplicate_prompt_keeps_groups_whole():
    frame = prompts(LONG, changed(0), LONG, changed(0), "something else", changed(0).upper())
    assert dropped(DuplicatePrompt(), frame) == {1: 0, 3: 0, 5: 0}
    assert dropped(DuplicatePrompt(match="exact"), frame) == {5: 1}


@pytest.mark.parametrize("match", ["near", "exact"])
def test_prompts_after_other_conversations_are_others(match):
    system = " ".join(ENGLISH * 20)
    turns = [("go on", "a go on"), ("go on", "b go on"), ("what", f"{system} what"), ("who", f"{system} who")]
    frame = rows(*({"prompt": prompt, "context": context} for prompt, context in turns))
    assert dropped(DuplicatePrompt(match=match), frame) == {}


@pytest.fixture
def benchmark_files(tmp_path: Path) -> dict[str, Path]:
    row = {"question": LONG, "answer": {"list": [CHINESE]}, "id": 7}
    files = {name: tmp_path / f"bench.{name}" for name in ("jsonl", "json", "csv", "parquet", "txt")}
    files["jsonl"].write_text(json.dumps(row) + "\n")
    files["json"].write_text(json.dumps([row]))
    files["txt"].write_text(f"{LONG}\n{CHINESE}\n")
    flat = pl.DataFrame({"question": [LONG], "answer": [CHINESE]})
    flat.write_csv(files["csv"])
    flat.write_parquet(files["parquet"])
    return files


@pytest.mark.parametrize("kind", ["jsonl", "json", "csv", "parquet", "txt"])
def test_contaminated_finds_texts_of_every_kind_of_file(kind, benchmark_files):
    told = "Answer this: " + LONG.replace(" ", ", ").upper() + "!"
    frame = prompts(
        told, CHINESE.replace("，", "\n"), "春" * 60, " ".join(reversed(ENGLISH)), "the quick brown fox", ""
    )
    assert set(dropped(Contaminated(files=(benchmark_files[kind],)), frame)) == {0, 1}


def test_contaminated_says_the_share_and_the_file(benchmark_files):
    files = (benchmark_files["csv"], benchmark_files["txt"])
    frame = prompts(LONG + " and" * 8)
    found = Contaminated(files=files).drop(frame.select("row", "context", "output"))
    assert found["value"].to_list() == ["0.5 bench.csv"]
    assert dropped(Contaminated(files=files, threshold=0.5), frame) == {}


def test_contaminated_looks_at_what_it_is_told(benchmark_files):
    files = (benchmark_files["jsonl"],)
    frame = rows({"prompt": LONG}, {"output": LONG}, {"prompt": CHINESE})
    assert set(dropped(Contaminated(files=files), frame)) == {0, 2}
    assert set(dropped(Contaminated(files=files, of="output"), frame)) == {1}
    assert set(dropped(Contaminated(files=files, of="both", fields=("question",)), frame)) == {0, 1}
    assert set(dropped(Contaminated(files=files, n=50, n_characters=10), frame)) == {2}


@pytest.mark.parametrize(
    ("content", "fields", "message"),
    [
        (None, (), "no such file"),
        ("", (), "is empty"),
        ('{"question": "a b"}\n', ("qestion",), "did you mean 'question'"),
        ('{"question": 7}\n', (), "has no text"),
        ('{"question": "a"}\nnonsense\n', (), "bench.jsonl:2 is not JSON"),
    ],
)
def test_contaminated_says_in_one_line_what_is_wrong_with_a_file(content, fields, message, tmp_path):
    path = tmp_path / "bench.jsonl"
    if content is not None:
        path.write_text(content)
    with pytest.raises(ConfigError) as error:
        dropped(Contaminated(files=(path,), fields=fields), prompts("a"))
    assert message in str(error.value)
    assert str(path) in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("column", ["tag", "a.b", "it's", 'say "so"', "标签"])
def test_balance_keeps_so_many_rows_of_each_value(column):
    tags = ["x", "x", "y", "x", None, None, None]
    frame = rows(*({"columns": None if tag is None else json.dumps({column: tag, "other": 1})} for tag in tags))
    assert dropped(Balance(by=column, most=1), frame) == {1: 0, 3: 0}
    assert dropped(Balance(by=column, most=2), frame) == {3: 0}


def test_balance_keeps_the_highest_rewards():
    frame = rows(*({"columns": '{"tag": 1}', "reward": reward} for reward in (0.1, None, 0.9, 0.5)))
    assert dropped(Balance(by="tag", most=2, keep="highest_reward"), frame) == {0: 2, 1: 2}


def test_balance_keeps_so_many_rows_of_each_cluster():
    texts = [LONG, changed(9), CHINESE, changed(8), "alone", changed(0)]
    assert dropped(Balance(cluster="prompt", most=2), prompts(*texts)) == {3: 0, 5: 0}


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"most": 3}, "write by: COLUMN or cluster"),
        ({"most": 3, "by": "tag", "cluster": "prompt"}, "write by: COLUMN or cluster"),
        ({"most": 0, "by": "tag"}, "most"),
    ],
)
def test_balance_refuses_options_that_do_not_fit(options, message):
    with pytest.raises(ConfigError, match=message):
        parse(Balance, options, "clean.yaml")


def test_balance_names_the_columns_that_there_are():
    with pytest.raises(ConfigError, match="did you mean 'tag'"):
        dropped(Balance(by="tags", most=1), rows({"columns": '{"tag": "x"}'}))


def test_top_k_keeps_the_highest_rewards_and_of_equals_the_smaller_row():
    frame = rows(*({"reward": reward} for reward in (0.5, None, 0.9, 0.5, float("nan"), 0.5)))
    assert set(dropped(TopK(k=2), frame)) == {1, 3, 4, 5}
    assert set(dropped(TopK(k=100), frame)) == {1, 4}


@pytest.fixture(scope="module")
def benchmark_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("benchmark") / "bench.txt"
    path.write_text("red green blue red\n你好世好你\n")
    return path


SMALL = {"threshold": 0.4, "words": 2}
EVERY = {
    "duplicate": Duplicate(),
    "duplicate of output": Duplicate(of="output", ignore_case=True),
    "near_duplicate": NearDuplicate(**SMALL),
    "near_duplicate of output": NearDuplicate(of="output", keep="longest_output", **SMALL),
    "near_duplicate of prompt": NearDuplicate(of="prompt", keep="highest_reward", **SMALL),
    "duplicate_prompt": DuplicatePrompt(**SMALL),
    "duplicate_prompt exact": DuplicatePrompt(match="exact"),
    "balance": Balance(by="tag", most=2, keep="highest_reward"),
    "balance of clusters": Balance(cluster="output", most=2, **SMALL),
    "top_k": TopK(k=5),
    "contaminated": None,
}
every_filter = pytest.mark.parametrize("name", EVERY)


def filter_of(name: str, benchmark_file: Path) -> Filter:
    return EVERY[name] or Contaminated(files=(benchmark_file,), n=3, n_characters=3)


texts = st.lists(st.sampled_from(WORDS), max_size=12).map(" ".join)
some_rows = st.lists(
    st.fixed_dictionaries(
        {
            "prompt": texts,
            "output": texts,
            "columns": st.sampled_from([None, '{"tag": "x"}', '{"tag": "y"}']),
            "reward": st.sampled_from([None, 0.0, 0.5, 1.0]),
        }
    ),
    max_size=30,
).filter(lambda found: not found or any(row["columns"] for row in found))


def kept(filter_: Filter, frame: pl.DataFrame) -> pl.DataFrame:
    return frame.filter(~pl.col("row").is_in(list(dropped(filter_, frame))))


@every_filter
@settings(max_examples=40, deadline=None)
@given(found=some_rows)
def test_cleaning_a_clean_set_drops_nothing(name, found, benchmark_file):
    filter_ = filter_of(name, benchmark_file)
    clean = kept(filter_, rows(*found))
    try:
        assert dropped(filter_, clean) == {}
    except ConfigError:  # the rows with the column are gone
        assert name == "balance"


@every_filter
@settings(max_examples=40, deadline=None)
@given(found=some_rows, data=st.data())
def test_the_order_of_the_rows_changes_nothing(name, found, data, benchmark_file):
    filter_, frame = filter_of(name, benchmark_file), rows(*found)
    order = data.draw(st.permutations(range(len(frame))))
    assert dropped(filter_, frame[order]) == dropped(filter_, frame)


@every_filter
@settings(max_examples=40, deadline=None)
@given(found=some_rows)
def test_a_row_is_like_one_that_stays(name, found, benchmark_file):
    gone = dropped(filter_of(name, benchmark_file), rows(*found))
    assert not set(gone.values()) & set(gone)


@settings(max_examples=100, deadline=None)
@given(found=some_rows)
def test_every_dropped_row_is_truly_like_its_row_and_no_two_that_stay_are(found):
    frame = rows(*found)
    shingles = shingles_of([frame["output"]], 2)

    def jaccard(left: int, right: int) -> float:
        a, b = (set(shingles.hashes[slice(*shingles.offsets[row : row + 2])].tolist()) for row in (left, right))
        return len(a & b) / len(a | b) if a and b else 0.0

    gone = dropped(NearDuplicate(of="output", **SMALL), frame)
    assert all(jaccard(row, like) >= SMALL["threshold"] for row, like in gone.items())
    staying = [row for row in range(len(frame)) if row not in gone]
    alike = [(a, b) for a in staying for b in staying if a < b and jaccard(a, b) >= SMALL["threshold"]]
    assert alike == []


@settings(max_examples=100, deadline=None)
@given(found=some_rows)
def test_rows_of_one_prompt_stay_or_go_together(found):
    frame = rows(*found)
    gone = dropped(DuplicatePrompt(**SMALL), frame)
    for _, group in frame.group_by("group"):
        assert len({row in gone for row in group["row"]}) == 1


@every_filter
def test_an_empty_set_and_one_row_are_ordinary(name, benchmark_file):
    filter_ = filter_of(name, benchmark_file)
    assert dropped(filter_, rows()) == {}
    assert dropped(filter_, rows({"reward": 1.0, "columns": '{"tag": 1}'})) == {}
    assert filter_.allowed()


@every_filter
def test_a_text_of_a_million_characters_and_odd_ones_are_ordinary(name, benchmark_file):
    odd = ["\x00", "שלום עולם", "👩‍👩‍👧‍👦 👍🏽", "\u2028", "\u200b", "ก็"]
    million = " ".join(str(number) for number in range(160_000))
    given = [million, million + " more", "春" * 1_000_000, *odd]
    frame = rows(*({"output": text, "reward": 1.0, "columns": '{"tag": 1}'} for text in given))
    if name.startswith("near_duplicate of output"):
        assert set(dropped(filter_of(name, benchmark_file), frame)) == {0}
    else:
        dropped(filter_of(name, benchmark_file), frame)


def test_shingles_are_the_same_in_another_place_of_the_set():
    texts = [LONG, "", "短", CHINESE, "a b"]
    alone = [shingles_of([pl.Series([text])], 5).hashes.tolist() for text in texts]
    together = shingles_of([pl.Series(texts)], 5)
    assert [together.hashes[slice(*together.offsets[i : i + 2])].tolist() for i in range(5)] == alone
    assert [len(own) for own in alone] == [16, 0, 1, len(CHINESE) - 4, 1]
