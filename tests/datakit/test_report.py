"""The page about an SFT set: its numbers are those of the rows, and no text of a row is markup."""

import json
import re
import statistics
from html.parser import HTMLParser
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from tokenizers import Tokenizer, models, pre_tokenizers

from datakit.clean import clean
from datakit.cli.app import run
from datakit.drop import drop
from datakit.report import report
from datakit.report_charts import histogram, waterfall
from datakit.report_figures import BINS_OF_TEN, Bin, Lengths, Step
from datakit.report_page import difference, exact, number, percent, visible
from datakit.report_rows import Change
from schemas.errors import ConfigError, NotFoundError, UserError
from schemas.options import CleanOptions, PageOptions

LONG = "The harbour was quiet in the morning, and the boats lay still. Nobody had gone out because of the fog."
CHINESE = "三原色是红色、蓝色和黄色，它们可以混合成其他所有的颜色，这是绘画的基础知识。"
ATTACK = "<script>alert('x')</script><img src=http://evil.example/x.png onerror=alert(1)> {{ 7*7 }} & </style>"
STRANGE = "\u202eevil\u202c \u0645\u0631\u062d\u0628\u0627 👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿 a\u0000b\u200bc"
CONFIG = """
repairs: [placeholder_input, white_space]
filters: [empty_output, length: {max: 60}, near_duplicate: {of: output, threshold: 0.6}]
"""
VOID = {"meta", "br", "img", "link", "input"}


class Page(HTMLParser):
    """What of a page the tests look at; closing tags that do not fit are an error."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.rows: list[list[str]] = []
        self.marked: list[str] = []
        self.text = ""
        self._open: list[str] = []
        self.feed(text)
        self.close()
        assert self._open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")
        if tag == "mark":
            self.marked.append("")
        if tag not in VOID:
            self._open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop() == tag

    def handle_data(self, data: str) -> None:
        if "style" in self._open:
            return
        self.text += data
        if self._open and self._open[-1] == "mark":
            self.marked[-1] += data
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data.strip()

    def row(self, first: str) -> list[str]:
        return next(row for row in self.rows if row and row[0] == first)


def raw_rows() -> list[dict[str, Any]]:
    long = [f"{LONG} {word} it was so." for word in ("And", "Yet", "Then", "Still", "Here")]
    outputs = [*long, LONG * 4, "", "...", "Yes", "Yes", "Yes", CHINESE, "  Fog lies on the ground.\n", "A" * 1000]
    return [
        {"instruction": f"Question {at}?", "input": "N/A" if at == 3 else "", "output": output}
        for at, output in enumerate(outputs)
    ]


@pytest.fixture
def page_of(desk: Any) -> Any:
    """Ingest rows, clean them if there is a config, and read the page about the result."""

    def make(rows: list[dict[str, Any]], config: str | None = CONFIG, **options: Any) -> Page:
        desk.ingest(rows, name="raw.jsonl")
        name = "raw"
        if config is not None:
            file = desk.folder / "clean.yaml"
            file.write_text(config)
            clean("raw", CleanOptions(config=file), store=desk.store)
            name = "raw-clean"
        output = desk.folder / "page.html"
        report(name, PageOptions(output=output, **options), store=desk.store)
        return Page(output.read_text(encoding="utf-8"))

    return make


def test_the_numbers_of_a_cleaned_set_are_those_of_its_rows(desk: Any, page_of: Any) -> None:
    page = page_of(raw_rows())
    before = [row["output"] for row in raw_rows()]
    after = desk.sql("SELECT c.text FROM members m JOIN candidates c USING (candidate_id) WHERE dataset = 'raw-clean'")
    dropped = dict(
        desk.sql("SELECT reason, count(*) FROM ledger WHERE reason != 'repaired' AND stage = 'clean' GROUP BY 1")
    )
    assert f"{len(before)} rows = {len(after)} kept" in page.text.replace("\n", " ")
    assert len(before) == len(after) + sum(dropped.values())
    left = len(before)
    for name in ("empty_output", "length", "near_duplicate"):
        found = page.row(name)
        left -= dropped.get(name, 0)
        assert (int(found[2]), int(found[4])) == (dropped.get(name, 0), left)
    assert dropped["near_duplicate"] >= 4
    lengths = [[len(text) for text in side] for side in (before, after)]
    assert page.row("median")[1:3] == [number(statistics.median_high(side)) for side in lengths]
    assert page.row("smallest")[1:3] == [number(min(side)) for side in lengths]
    assert page.row("largest")[1:3] == [number(max(side)) for side in lengths]
    assert page.row("mean")[1:3] == [number(statistics.mean(side)) for side in lengths]
    assert page.row("zh")[1:5] == ["1", percent(1, len(before)), "1", percent(1, len(after))]
    assert ["3", str(after.count("Yes")), "Yes"] in page.rows


def test_the_bars_of_a_histogram_add_up_to_the_rows(page_of: Any) -> None:
    page = page_of(raw_rows(), None)
    counts = re.findall(r"^[\d,]+(?: to [\d,]+)? characters: (\d+) rows?$", page.text, re.MULTILINE)
    assert sum(map(int, counts)) == len(raw_rows())


def test_clusters_have_the_row_that_stayed_and_those_like_it(desk: Any, page_of: Any) -> None:
    page = page_of(raw_rows())
    sizes = desk.sql("""
        SELECT count(*) + 1 FROM ledger WHERE reason = 'near_duplicate' GROUP BY detail->>'$.like_row' ORDER BY 1
    """)
    rows = page.rows[page.rows.index(["rows of a cluster", "clusters", "rows dropped", ""]) + 1 :]
    assert sum(int(row[1]) for row in rows[:4] if row[0][0].isdigit()) == len(sizes)
    assert "like this row, which stayed" in page.text


def test_repairs_show_what_changed(page_of: Any) -> None:
    page = page_of(raw_rows())
    assert page.marked[0] == "↵\nN/A"
    assert "··" in page.marked
    assert "2 rows were repaired" in page.text


def test_the_page_needs_no_network_and_runs_no_script(page_of: Any) -> None:
    rows = [
        *raw_rows(),
        {"instruction": ATTACK, "input": "", "output": ATTACK},
        {"instruction": ATTACK, "input": "", "output": f"{ATTACK} {LONG * 9}"},
    ]
    page = page_of(rows)
    kinds = {tag for tag, _ in page.tags}
    assert not kinds & {"script", "link", "img", "iframe", "object", "base", "form"}
    for _, attributes in page.tags:
        assert not any(name.startswith("on") for name in attributes)
        for name in ("src", "href", "xlink:href"):
            assert (attributes.get(name) or "#").startswith("#")
    assert ATTACK in page.text
    assert sum(tag == "style" for tag, _ in page.tags) == 1


def test_no_text_breaks_the_page(desk: Any, page_of: Any) -> None:
    million = "<b>" + "x" * 1_000_000
    rows = [
        {"instruction": STRANGE, "input": "", "output": STRANGE},
        {"instruction": STRANGE + "?", "input": "", "output": STRANGE},
        {"instruction": "Long?", "input": "", "output": million},
        {"instruction": "Words?", "input": "", "output": "so it is " * 2_000},
    ]
    page = page_of(rows, "{repairs: [], filters: [length: {unit: characters, max: 1000}, duplicate: {of: output}]}")
    content = (desk.folder / "page.html").read_text(encoding="utf-8")
    assert len(content) < 60_000
    assert "1,000,003 characters" in page.text
    assert "measured: 1,000,003" in page.text
    assert "‹U+202E›evil‹U+202C›" in page.text
    assert "👩‍👩‍👧 🏴󠁧󠁢󠁥󠁮󠁧󠁿 a‹U+0000›b‹U+200B›c" in page.text
    assert "\x00" not in content


def test_a_second_run_gives_the_same_bytes(desk: Any, page_of: Any) -> None:
    page_of(raw_rows())
    file = desk.folder / "page.html"
    first = file.read_bytes()
    assert report("raw-clean", PageOptions(output=file), store=desk.store).unchanged
    file.unlink()
    again = report("raw-clean", PageOptions(output=file), store=desk.store)
    assert not again.unchanged
    assert file.read_bytes() == first
    assert sorted(path.name for path in desk.folder.iterdir() if "html" in path.name) == ["page.html"]


def test_a_set_that_was_not_cleaned_has_no_waterfall(page_of: Any) -> None:
    page = page_of([*raw_rows(), {"instruction": "broken"}], None)
    assert "What each filter dropped" not in page.text
    assert f"{len(raw_rows())} rows 1 refused when the file was read" in page.text.replace("\n", " ")
    assert page.row("largest")[1] == "1,000"
    assert "Rows that were refused" in page.text


def test_the_threshold_of_a_filter_that_dropped_nothing_is_known_too(desk: Any, page_of: Any) -> None:
    desk.file("鯨\n".encode(), "words.txt")
    page = page_of(raw_rows(), "{repairs: [], filters: [length: {max: 100000}, harmful_words: {files: [words.txt]}]}")
    assert page.row("length")[1] == "output: at most 100,000 words"
    assert "words.txt" in page.row("harmful_words")[1]
    assert "Rows that were dropped" not in page.text


def test_a_set_whose_source_is_gone_shows_what_was_kept(desk: Any, page_of: Any) -> None:
    page_of(raw_rows())
    drop("raw", store=desk.store)
    output = desk.folder / "page.html"
    found = report("raw-clean", PageOptions(output=output), store=desk.store)
    assert found.notes == ("raw@1 is not in the store any more: the page shows only the rows that were kept",)
    page = Page(output.read_text(encoding="utf-8"))
    assert found.counts["rows"] == len(raw_rows())
    assert len(page.row("largest")) == 3
    assert "near_duplicate" in page.text


def test_a_set_of_which_nothing_is_left_has_a_page(page_of: Any) -> None:
    page = page_of(raw_rows(), "{repairs: [], filters: [length: {min: 100000}]}")
    assert "0 kept (0 %)" in page.text
    assert page.row("largest")[1:] == ["1,000", "", "80", ""]


@pytest.mark.parametrize("named", ["tok", "tok/tokenizer.json"])
def test_lengths_in_tokens_of_a_tokenizer(desk: Any, page_of: Any, named: str) -> None:
    tokenizer = Tokenizer(models.WordLevel({"[UNK]": 0}, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    (desk.folder / "tok").mkdir()
    tokenizer.save(str(desk.folder / "tok/tokenizer.json"))
    page = page_of(raw_rows(), None, tokenizer=desk.folder / named)
    most = max(len(tokenizer.encode(row["output"]).ids) for row in raw_rows())
    assert page.row("largest")[1:] == ["1,000", number(most)]
    assert "tokens of tok" in page.text


def test_what_cannot_be_described_is_one_line(desk: Any, page_of: Any, capsys: Any) -> None:
    page_of(raw_rows(), None)
    desk.ingest([{"prompt": "a"}], name="prompts.jsonl")
    with desk.store.write() as con:
        con.execute("INSERT INTO datasets VALUES ('selection', 1, 'selection', uuid(), '{}')")
    for name in ("prompts", "selection"):
        with pytest.raises(ConfigError, match=rf"{name}@1 is a {name} set.*ingest and clean.*datakit show {name}@1"):
            report(name, PageOptions(), store=desk.store)
    with pytest.raises(NotFoundError, match="no data set 'nope'"):
        report("nope", PageOptions(), store=desk.store)
    with pytest.raises(ConfigError, match=r"needs a tokenizer\.json"):
        report("raw", PageOptions(tokenizer=Path("nowhere")), store=desk.store)
    (desk.folder / "full").mkdir()
    for output in (desk.folder / "full", desk.folder / "raw.jsonl" / "page.html"):
        with pytest.raises(UserError, match=r"cannot write .*; name another file with -o"):
            report("raw", PageOptions(output=output), store=desk.store)
    assert run(["report", "prompts", "--store", str(desk.store.path)]) == 2
    assert capsys.readouterr().err.count("\n") == 1


def test_the_command_writes_the_page(desk: Any, page_of: Any, capsys: Any) -> None:
    page_of(raw_rows())
    output = desk.folder / "new" / "mine.html"
    assert run(["report", "raw-clean", "-o", str(output), "--store", str(desk.store.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["counts"]["rows"] == len(raw_rows())
    assert output.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")


def test_bins_are_log_spaced_and_their_ticks_do_not_touch() -> None:
    assert [round(high / low, 1) for low, high in zip(BINS_OF_TEN, [*BINS_OF_TEN[1:], 100], strict=True)] == [
        1.3, 1.2, 1.2, 1.2, 1.3, 1.2, 1.2, 1.3, 1.3, 1.2
    ]  # fmt: skip
    edges = [step * 10**power for power in range(6) for step in BINS_OF_TEN]
    bins = tuple(Bin(low, high - 1, (low, 1)) for low, high in pairwise(edges))
    chart = histogram(Lengths("words", bins, ({}, {})), ("before", "after"))
    values = [tick.value for tick in chart.across]
    assert values[:4] == [10, 100, 1_000, 10_000]
    for left, right in pairwise(chart.across):
        assert right.at - left.at >= 2.5 * (len(number(left.value)) + len(number(right.value))) / 2
    assert all(bar.x >= 0 and bar.x + bar.width <= 100.001 and bar.y >= 0 for bar in chart.bars)
    assert min(bar.height for bar in chart.bars) >= 1.5


@pytest.mark.parametrize(
    ("rows", "dropped"), [(100, (1, 0, 2)), (100, (60, 0, 40)), (3, (0,)), (0, (0,)), (43_316, (47, 31))]
)
def test_a_waterfall_stays_inside_its_axis(rows: int, dropped: tuple[int, ...]) -> None:
    left, steps = rows, []
    for at, count in enumerate(dropped):
        left -= count
        steps.append(Step(at, "f", "", count, left))
    chart = waterfall(steps, rows)
    assert chart.begins <= left
    assert all(drop.x >= -0.001 and drop.x + drop.width <= 100.001 for drop in chart.drops)
    assert 0 <= chart.left_at <= 100.001
    widths = [drop.width for drop in chart.drops if drop.step.dropped]
    assert all(
        width * (rows - chart.begins) / 100 == pytest.approx(count)
        for width, count in zip(widths, filter(None, dropped), strict=True)
    )


def test_shares_are_not_rounded_to_nothing_or_all() -> None:
    assert [percent(*pair) for pair in ((0, 9), (9, 9), (1, 10**6), (10**6 - 1, 10**6), (1, 3), (1, 300), (0, 0))] == [
        "0 %", "100 %", "<0.01 %", ">99.99 %", "33.3 %", "0.33 %", "0 %"
    ]  # fmt: skip
    assert [number(value) for value in (0, 12, 12.34, 1234.5, 1_000_000)] == ["0", "12", "12.3", "1,234", "1,000,000"]


def test_a_change_is_marked_where_it_is_and_nowhere_else() -> None:
    found = difference(Change(1, True, "a  b\n\n\nc" + "x" * 5000, "a b\n\nc" + "x" * 5000))
    assert [piece.text for piece in found.before if piece.changed] == [" ", "\n"]
    assert [piece.text for piece in found.after if piece.changed] == []
    assert sum(len(piece.text) for piece in found.before) < 200
    gone = difference(Change(1, True, "\u200b" * 3000, ""))
    assert sum(len(piece.text) for piece in gone.before) < 800
    assert exact(" \t\u200d\u00a0") == "·⇥‹U+200D›‹U+00A0›"
    assert visible("a\r\n\u00a0b") == "a‹U+000D›\n\u00a0b"
