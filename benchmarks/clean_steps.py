"""Every repair and filter timed apart, and the slow way of three of them beside: ftfy, PII, languages.

    python benchmarks/clean_steps.py ../shared/data/sft/alpaca_en.jsonl.gz ../shared/data/sft/alpaca_zh.jsonl.gz

Each step sees all rows, as if it were the only one. The slow way calls the library or the function on every text:
ftfy.fix_text, `datakit.pii.found_in`; languages have none (they are told in Polars only). Medians of `--rounds` runs.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import ftfy
import polars as pl

from datakit import datasets
from datakit.clean_rows import features_of, read_rows
from datakit.cleaning import load_recipe
from datakit.ingest import ingest
from datakit.pii import found_in
from datakit.repairing import texts_of
from datakit.store import Store
from datakit.text_repairs import repair_texts
from rewards.plugins import variant_names
from schemas.options import IngestOptions

NEEDS_MORE = {"reward", "top_k", "rule", "contaminated", "balance", "harmful_words", "where", "length"}
"""Filters without a default: the last two are given one below, the others need files or rewards."""
GIVEN = "[length: {max: 500}, where: {sql: 'length(output) < 3000'}]"


def rows_of(file: Path, folder: Path) -> pl.DataFrame:
    store = Store(folder / f"{file.name}.duckdb")
    ingest(file, IngestOptions(name="raw"), store=store)
    with store.read() as con:
        return read_rows(con, datasets.get(con, "raw"))


def seconds(work: Callable[[], object], rounds: int) -> float:
    taken = []
    for _ in range(rounds):
        started = time.perf_counter()
        work()
        taken.append(time.perf_counter() - started)
    return statistics.median(taken)


def report(name: str, rows: int, taken: float, found: int, slow: float | None = None) -> None:
    beside = f"   text by text {slow:6.2f} s, ratio {slow / taken:5.1f}" if slow else ""
    print(f"  {name:18} {taken:7.3f} s {rows / taken:12,.0f} rows/s {found:7,} rows{beside}", flush=True)


def measure(file: Path, folder: Path, rounds: int) -> None:
    rows = rows_of(file, folder)
    texts = texts_of(rows)
    plain = texts["text"].to_list()
    slow = {
        "unicode": lambda: [ftfy.fix_text(text) for text in plain],
        "pii": lambda: [found_in(text) for text in plain],
    }
    config = folder / "clean.yaml"
    names = [name for name in variant_names("datakit.filters") if name not in NEEDS_MORE]
    config.write_text(f"repairs: [{', '.join(variant_names('datakit.repairs'))}]\nfilters: [{', '.join(names)}]\n")
    recipe = load_recipe(config)
    config.write_text(f"filters: {GIVEN}\n")
    filters = [*recipe.filters, *load_recipe(config).filters]
    print(f"{file.name}: {len(rows):,} rows, {len(texts):,} texts\nrepairs")
    for step in recipe.repairs:
        found = repair_texts(texts, [(step.name, step.variant)]).changes["row"].n_unique()
        taken = seconds(lambda step=step: repair_texts(texts, [(step.name, step.variant)]), rounds)
        report(step.name, len(rows), taken, found, seconds(slow[step.name], 1) if step.name in slow else None)
    features = features_of(rows, {name for step in filters for name in step.variant.reads}, None)
    print("filters")
    for step in filters:
        frame = features.select("row", *step.variant.reads)
        taken = seconds(lambda step=step, frame=frame: step.variant.drop(frame), rounds)
        name = step.name
        report(name, len(rows), taken, len(step.variant.drop(frame)), seconds(slow[name], 1) if name in slow else None)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("files", type=Path, nargs="+", help="Alpaca files, JSON lines")
    parser.add_argument("--rounds", type=int, default=3)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        for file in arguments.files:
            measure(file, Path(name), arguments.rounds)


if __name__ == "__main__":
    main()
