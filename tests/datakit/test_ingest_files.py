"""Files of every kind: the same rows in, the same data set out; what is wrong with a file takes one line."""

import gzip
import json
from datetime import date

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import zstandard

from schemas.errors import ConfigError, InputError, NotFoundError

ROWS = [
    {"instruction": "Add 1 and 1.", "input": "", "output": "2", "tag": "maths", "level": 1},
    {"instruction": "翻译", "input": "a\u2028b\x85c", "output": 'say "x",\nthen y', "tag": None, "level": 3},
    {"instruction": "Name a colour.", "input": "", "output": "", "tag": "small talk", "level": -2},
]
QUERY = """
    SELECT p.messages, c.text, m.columns FROM members m JOIN prompts p USING (prompt_id)
    JOIN candidates c USING (candidate_id) ORDER BY ALL
"""


def lines(rows, newline="\n"):
    return "".join(json.dumps(row, ensure_ascii=False) + newline for row in rows).encode()


def csv_of(rows, separator=","):
    def cell(value):
        return "" if value is None else '"' + str(value).replace('"', '""') + '"'

    return "".join(
        separator.join(map(cell, row)) + "\n" for row in [rows[0].keys(), *(r.values() for r in rows)]
    ).encode()


def parquet_of(rows, **options):
    sink = pa.BufferOutputStream()
    pq.write_table(pa.Table.from_pylist(rows), sink, **options)
    return sink.getvalue().to_pybytes()


def test_every_kind_of_file_gives_the_same_data_set(make_desk):
    files = {
        "a.jsonl": lines(ROWS),
        "b.jsonl": b"\xef\xbb\xbf" + lines(ROWS, "\r\n\n"),
        "c.ndjson": lines(ROWS).rstrip(),
        "d.json": json.dumps(ROWS).encode(),
        "e.json": json.dumps(ROWS, indent=2, ensure_ascii=False).encode(),
        "f.json": lines(ROWS),
        "g.json": json.dumps({"version": "1", "data": ROWS}, indent=1).encode(),
        "h.txt": lines(ROWS),
        "i.csv": csv_of(ROWS),
        "j.tsv": csv_of(ROWS, "\t"),
        "k.csv": csv_of(ROWS, ";"),
        "l.parquet": parquet_of(ROWS),
        "m.parquet": parquet_of(ROWS, compression="zstd", row_group_size=1),
        "n.parquet": parquet_of(ROWS, compression="gzip"),
        "o": parquet_of(ROWS),
    }
    for name in ("a.jsonl", "e.json", "i.csv", "l.parquet"):
        files[name + ".gz"] = gzip.compress(files[name])
        files[name + ".zst"] = zstandard.ZstdCompressor().compress(files[name])
    files["p.jsonl.gz"] = gzip.compress(lines(ROWS[:1])) + gzip.compress(lines(ROWS[1:]))
    files["q.jsonl"] = gzip.compress(lines(ROWS))
    found = {}
    for name, content in files.items():
        desk = make_desk(name)
        report = desk.ingest(content, name)
        assert report.counts == {"rows": 3, "kept": 3, "dropped": 0, "prompts": 3, "candidates": 3}, name
        found[name] = desk.sql(QUERY)
    assert set(map(str, found.values())) == {str(found["a.jsonl"])}
    assert [json.loads(columns) for *_, columns in found["a.jsonl"]] == [
        {"level": 1, "tag": "maths"},
        {"level": -2, "tag": "small talk"},
        {"level": 3, "tag": None},
    ]


@pytest.mark.filterwarnings("ignore")  # what HF's libraries warn of among themselves is not our matter
@pytest.mark.parametrize("splits", [False, True])
def test_a_saved_hf_data_set_is_read_with_all_its_splits(desk, splits):
    datasets = pytest.importorskip("datasets")
    path = desk.folder / "saved"
    messages = [[{"role": "user", "content": f"question {i}", "name": None}] for i in range(2500)]
    data = datasets.Dataset.from_dict({"messages": messages, "n": list(range(2500))})
    if splits:
        data = datasets.DatasetDict({"train": data.select(range(2000)), "test": data.select(range(2000, 2500))})
        data.save_to_disk(str(path))
    else:
        data.save_to_disk(str(path), num_shards=3)
    report = desk.ingest(path)
    assert (report.dataset, report.counts["kept"]) == ("saved", 2500)
    assert desk.sql("SELECT messages FROM prompts ORDER BY ALL LIMIT 1") == ['[{"content":"question 0","role":"user"}]']
    by_split = desk.sql("SELECT columns->>'split', count(*), min(line), max(line) FROM members GROUP BY 1 ORDER BY 1")
    assert by_split == ([("test", 500, 1, 500), ("train", 2000, 1, 2000)] if splits else [(None, 2500, 1, 2500)])


def test_lines_end_at_a_line_feed_only(desk):
    desk.ingest([{"prompt": "one\u2028two\u2029three\x0b\x0c\x1c\x85four"}, {"prompt": "five"}])
    assert desk.sql("SELECT line FROM members ORDER BY 1") == [1, 2]
    assert desk.sql("SELECT json_extract_string(messages, '$[0].content') FROM prompts ORDER BY 1 DESC")[0].endswith(
        "four"
    )


def test_numbers_truth_and_lists_of_a_csv_are_told_by_the_whole_column(desk):
    content = b'prompt,n,ok,words,answer,zip\na,4,True,"[""x""]",18,007\nb,,FALSE,,3/4,123\n'
    desk.ingest(content, "data.csv")
    assert desk.json("SELECT columns FROM members ORDER BY line") == [
        {"n": 4, "ok": True, "words": ["x"], "answer": "18", "zip": "007"},
        {"n": None, "ok": False, "words": None, "answer": "3/4", "zip": "123"},
    ]


def test_messages_and_labels_may_be_text_in_a_csv(desk):
    content = (
        'messages,label\n"[{""role"":""user"",""content"":""hi""},{""role"":""assistant"",""content"":""yo""}]",false\n'
    )
    report = desk.ingest(content.encode(), "data.csv")
    assert report.notes[0].startswith("format unpaired")
    assert desk.sql("SELECT value FROM scores") == [0.0]


def test_parquet_values_that_json_lacks(desk):
    table = pa.table(
        {
            "prompt": ["a", "b", "c"],
            "day": [date(2024, 1, 2), None, None],
            "x": pa.array([1.5, float("nan"), float("inf")]),
        }
    )
    pq.write_table(table, desk.folder / "data.parquet")
    report = desk.ingest(desk.folder / "data.parquet")
    assert report.reasons == {"not_json": 1}
    assert desk.json("SELECT columns FROM members ORDER BY line") == [
        {"day": "2024-01-02", "x": 1.5},
        {"day": None, "x": None},
    ]
    assert '"prompt": "c"' in desk.sql("SELECT raw FROM ledger")[0]


def test_nulls_that_arrow_fills_into_lists_of_structs_are_not_there(make_desk):
    call = {"type": "function", "function": {"name": "f", "arguments": '{"x": 1}'}}
    turns = [{"role": "user", "content": "p"}, {"role": "assistant", "content": "", "tool_calls": [call]}]
    rows = [{"messages": turns, "kwargs": [{}, {"n": 3}], "tag": None}]
    plain, arrow = make_desk("plain"), make_desk("arrow")
    plain.ingest(rows)
    arrow.ingest(parquet_of(rows), "data.parquet")
    assert arrow.sql(QUERY) == plain.sql(QUERY)


def test_a_long_line_and_a_long_element_are_read(desk):
    text = "long " * 1_000_000
    desk.ingest([{"prompt": text}, {"prompt": "short"}])
    desk.ingest(json.dumps([{"prompt": text}, {"prompt": "short"}]).encode(), "more.json")
    desk.ingest(f'prompt,x\n"{text}",1\nshort,2\n'.encode(), "cells.csv")
    assert desk.sql("SELECT max(length(messages)), count(*) FROM prompts") == [(5_000_030, 2)]


def test_a_link_to_a_file_is_the_file(desk):
    (desk.folder / "link.jsonl").symlink_to(desk.file([{"prompt": "x"}], "real.jsonl"))
    assert desk.ingest(desk.folder / "link.jsonl").dataset == "link"


@pytest.mark.parametrize(
    ("content", "name", "message"),
    [
        (b"", "data.jsonl", "is empty"),
        (b" \n\n ", "data.jsonl", "is empty"),
        (b"[]", "data.json", "holds no rows"),
        (b"prompt,answer\n", "data.csv", "holds no rows"),
        (gzip.compress(b"", mtime=0), "data.jsonl.gz", "is empty"),
        ("x".encode("utf-16"), "data.jsonl", "is UTF-16; save it as UTF-8"),
        (b"not a row\nnor this\n", "data.jsonl", "none of its first rows can be read; first .*:1: broken json"),
        (b"hello there", "data.txt", "cannot tell what it is; name it .jsonl"),
        (
            gzip.compress(lines(ROWS) * 999, mtime=0)[:-9],
            "data.jsonl.gz",
            "compressed data is damaged .*get the file again",
        ),
        (zstandard.compress(lines(ROWS) * 999)[:-9], "data.zst", "compressed data is damaged .*get the file again"),
        (b"PAR1 and nonsense", "data.parquet", "cannot read it as Parquet"),
        (b"a,a\n1,2\n", "data.csv", "two columns are named 'a'"),
        (b'{"prompt": "x"', "data.json", "broken JSON|an object without a list"),
        (b'{\n"meta": 1}', "data.json", "an object without a list of rows under data"),
        (b'{"data": [{"prompt": "x"}],\n "rows": [{"prompt": "y"}]}', "data.json", "two lists of rows"),
        (b'[{"prompt": "x"}] [{"prompt": "y"}]', "data.json", "more text after the end of the list"),
        (b'[{"prompt": "x"}, {"prompt": oops}, {"prompt": "y"}]', "data.json", "write one row a line"),
    ],
)
def test_a_file_that_cannot_be_read_takes_one_line_and_leaves_no_store(desk, content, name, message):
    with pytest.raises(InputError, match=message) as raised:
        desk.ingest(content, name)
    assert "\n" not in str(raised.value)
    assert name in str(raised.value)
    assert not desk.store.path.exists()


def test_a_file_that_is_not_there_takes_one_line(desk):
    with pytest.raises(NotFoundError, match=r"none\.jsonl: no such file or directory"):
        desk.ingest(desk.folder / "none.jsonl")


def test_a_directory_without_a_data_set_takes_one_line(desk):
    with pytest.raises(InputError, match=r"without a saved HF data set"):
        desk.ingest(desk.folder)


@pytest.mark.parametrize("name", ["", " ", "a@2"])
def test_a_name_that_cannot_be_asked_for_is_refused(desk, name):
    with pytest.raises(ConfigError, match="name it with --as NAME"):
        desk.ingest([{"prompt": "x"}], **{"as": name})


def test_the_name_is_the_stem_or_what_it_is_told(desk):
    assert desk.ingest([{"prompt": "x"}], "my.prompts.v2.jsonl").dataset == "my"
    assert desk.ingest([{"prompt": "x"}], **{"as": "other"}).dataset == "other"


def test_an_unknown_format_name_is_refused_with_the_known_ones(desk):
    with pytest.raises(ConfigError, match=r"--format alpacca: .*did you mean 'alpaca'"):
        desk.ingest([{"prompt": "x"}], format="alpacca")
