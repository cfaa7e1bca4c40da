"""How good the defaults of `datakit clean` are on real data: `clean_quality.py [--show N] FILE.jsonl.gz ...`.

A file of rows {id, raw, repaired}, both alpaca rows, is compared with what people made of them; white space around a
text does not count. Any other file of alpaca rows is taken to be clean, so that every row that is altered is one to
look at: `--show 30` prints the first of each repair. The repairs see the texts that `datakit ingest` makes of a row:
the question (instruction and input) and the answer.
"""

import argparse
import gzip
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
from rich.console import Console
from rich.table import Table

from datakit.cleaning import load_recipe
from datakit.format import Fields
from datakit.formats.alpaca import Alpaca
from datakit.text_repairs import TEXTS, RepairedTexts, repair_texts

Row = dict[str, Any]
TURNS = {"question": 0, "answer": -1}
console = Console(width=120, highlight=False, soft_wrap=True)


def rows_of(path: Path) -> list[Row]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in data.decode().split("\n") if line.strip()]


def texts_of(row: Row) -> dict[int, str]:
    """The question and the answer of an alpaca row, by part."""
    entry = Alpaca().read(Fields(row))
    return {0: entry.messages[-1]["content"], -1: entry.answers[0].messages[-1]["content"]}


def repair(texts: list[dict[int, str]]) -> tuple[RepairedTexts, float]:
    """What the default repairs make of rows, and how many seconds they took."""
    roles = {0: "user", -1: "assistant"}
    turns = [(row, part, roles[part], text) for row, parts in enumerate(texts) for part, text in parts.items()]
    frame = pl.DataFrame(turns, schema=TEXTS, orient="row")
    start = time.perf_counter()
    found = repair_texts(frame, [(step.name, step.variant) for step in load_recipe(None).repairs])
    return found, time.perf_counter() - start


def mechanical(raw: str, repaired: str) -> bool:
    """Whether a person only took something away, or changed white space and symbols: no letter or digit is new."""
    letters = iter(c for c in raw if c.isalnum())
    return all(c in letters for c in repaired if c.isalnum())


def verdict(raw: str, theirs: str, ours: str) -> str:
    """Our text of what was raw, against theirs."""
    raw, theirs, ours = raw.strip(), theirs.strip(), ours.strip()
    if raw == theirs:
        return "right" if ours == raw else "altered wrongly"
    if ours == theirs:
        return "right"
    return "missed" if ours == raw else "altered differently"


def compare(path: Path, rows: list[Row]) -> None:
    """Print what share of people's repairs ours are."""
    raw, theirs = [texts_of(row["raw"]) for row in rows], [texts_of(row["repaired"]) for row in rows]
    found, _ = repair(raw)
    new = {(row, part): text for row, part, text in found.texts.iter_rows()}
    counts: dict[str, Counter[str]] = {}
    for number, (before, after) in enumerate(zip(raw, theirs, strict=True)):
        for turn, part in TURNS.items():
            ours = new.get((number, part), before[part])
            if before[part] == after[part]:
                kind = "left alone"
            elif part == 0 and rows[number]["raw"]["input"] and not rows[number]["repaired"]["input"]:
                kind = "input emptied"
            else:
                kind = "changed a little" if mechanical(before[part], after[part]) else "rewritten"
            said = verdict(before[part], after[part], ours)
            counts.setdefault(f"{turn}: {kind}", Counter())[said] += 1
            if said != "right":
                console.print(
                    f"  {said}: {turn} of {rows[number]['id']}: {before[part]!r:.200} -> {ours!r:.200}", markup=False
                )
    verdicts = ("right", "missed", "altered differently", "altered wrongly")
    table = Table("what people did", "texts", *verdicts)
    for kind, said in counts.items():
        table.add_row(kind, str(said.total()), *(str(said[name]) for name in verdicts))
    console.print(f"{path.name}: {len(rows)} rows")
    console.print(table)


def count_altered(path: Path, rows: list[Row], show: int) -> None:
    """Print how many rows are altered that are clean already."""
    found, seconds = repair([texts_of(row) for row in rows])
    altered = found.texts["row"].n_unique()
    table = Table("repair", "rows")
    for name, changes in found.changes.group_by("repair", maintain_order=True):
        table.add_row(str(name[0]), str(changes["row"].n_unique()))
        for row, part, _, before, after in changes.head(show).iter_rows():
            console.print(f"  {name[0]} {row} {part}: {difference(before, after)}", markup=False, soft_wrap=True)
    console.print(f"{path.name}: {altered} of {len(rows)} rows altered, {seconds:.2f} s")
    console.print(table)


def difference(before: str, after: str) -> str:
    """Where two texts begin to differ, and all that does in the first."""
    same = next(
        (i for i, (a, b) in enumerate(zip(before, after, strict=False)) if a != b), min(len(before), len(after))
    )
    return f"{before[max(0, same - 60) : same]!r} {before[same : same + 40]!r} -> {after[same : same + 40]!r}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("files", type=Path, nargs="+")
    parser.add_argument("--show", type=int, default=0, help="print this many changes of each repair")
    options = parser.parse_args()
    for path in options.files:
        rows = rows_of(path)
        if "repaired" in rows[0]:
            compare(path, rows)
        else:
            count_altered(path, rows, options.show)


if __name__ == "__main__":
    main()
