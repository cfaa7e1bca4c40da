"""`datakit clean` with its defaults on 2 million rows against 43 thousand: time a row, memory, planted copies found.

    python benchmarks/clean_2m.py ../shared/data/sft/alpaca_en.jsonl.gz [--rows 2000000] [--rounds 3]

The large file has the rows of the given one over and over, in which 15 to 50 % of the words of the instruction, the
input and the output are replaced by others, and 5 % planted near duplicates: copies of such a row whose output begins
with four more words (Jaccard 0.87 or more). Both files are ingested first (timed apart); each `clean` is a process of
its own, whose wall-clock time holds imports, reading and writing. Memory is the greatest resident set of the process.

Goals: time a row at most 1.5 times that of the small set, below 8 GB; recall of the planted copies at least 0.95.
"""

import argparse
import json
import statistics
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

PLANTED = 0.05
TEXTS = ("instruction", "input", "output")
SLICE = 100_000
"""Rows made at a time: the words of all would not fit the memory."""


def make_file(source: pl.DataFrame, many: int, path: Path) -> None:
    """Write `many` rows; column `copy_of` names the row that a planted copy was made of."""
    random = np.random.default_rng(7)
    originals = int(many * (1 - PLANTED))
    vocabulary = source["output"].str.split(" ").explode().drop_nulls().unique(maintain_order=True)
    with path.open("wb") as file:
        for start in range(0, originals, SLICE):
            count = min(SLICE, originals - start)
            rows = source[[(start + place) % len(source) for place in range(count)]]
            share = random.uniform(0.15, 0.5, count)
            own = rows.select(edited(rows[text], share, vocabulary, random).alias(text) for text in TEXTS)
            own = own.with_columns(row=pl.int_range(start, start + count), copy_of=pl.lit(None, pl.Int64))
            copied = own.filter(own["output"].str.count_matches(" ") >= 30).head(int(count * PLANTED / (1 - PLANTED)))
            fresh = vocabulary.gather(random.integers(0, len(vocabulary), 4 * len(copied)))
            fresh = fresh.reshape((-1, 4)).arr.to_list().list.join(" ")
            copies = copied.with_columns(
                (fresh + " " + copied["output"]).alias("output"),
                row=many + copied["row"],
                copy_of=copied["row"],
            )
            pl.concat([own, copies]).write_ndjson(file)


def edited(texts: pl.Series, share: np.ndarray, vocabulary: pl.Series, random: np.random.Generator) -> pl.Series:
    """The texts with a share of their words replaced."""
    words = texts.str.split(" ")
    sizes = words.list.len().to_numpy().astype(np.int64)
    flat = words.explode().to_numpy()
    replaced = random.random(len(flat)) < np.repeat(share, sizes)
    flat[replaced] = vocabulary.gather(random.integers(0, len(vocabulary), replaced.sum())).to_numpy()
    ends = np.concatenate([[0], np.cumsum(sizes)])
    return pl.Series(pa.LargeListArray.from_arrays(ends, pa.array(flat, pa.large_string()))).list.join(" ")


def command(*arguments: str, store: Path) -> tuple[dict[str, object], float, float]:
    """Run datakit in a process of its own: its report, seconds, MB."""
    full = [sys.executable, "-m", "datakit", *arguments, "--json", "--store", str(store)]
    started, peak = time.perf_counter(), 0
    with tempfile.TemporaryFile() as output:
        process = subprocess.Popen(full, stdout=output)
        while process.poll() is None:
            peak = max(peak, resident(process.pid))
            time.sleep(0.02)
        seconds = time.perf_counter() - started
        output.seek(0)
        said = output.read()
    if process.returncode not in (0, 1):
        raise SystemExit(f"datakit {' '.join(arguments)} failed: {said.decode()}")
    return json.loads(said), seconds, peak / 1024


def resident(pid: int) -> int:
    """The greatest resident set of a process until now, in KiB; 0 once it has ended."""
    with suppress(OSError):
        for line in Path(f"/proc/{pid}/status").read_text().splitlines():
            if line.startswith("VmHWM:"):
                return int(line.split()[1])
    return 0


def ingest(path: Path, folder: Path) -> Path:
    store = folder / f"{path.stem}.duckdb"
    _, seconds, mb = command("ingest", str(path), "--as", "raw", store=store)
    print(f"ingest {path.stem}: {seconds:.1f} s, {mb:.0f} MB, store {store.stat().st_size / 1e6:.0f} MB", flush=True)
    return store


def clean(store: Path, name: str) -> tuple[int, float, float]:
    """Rows, seconds, MB of one cleaning."""
    report, seconds, mb = command("clean", "raw", "--as", name, store=store)
    counts = report["counts"]
    print(f"clean {store.stem}: {seconds:.2f} s, {mb:.0f} MB, {counts}", flush=True)
    return int(counts["rows"]), seconds, mb  # type: ignore[index]


def recall(store: Path) -> None:
    """How many planted copies, or else the rows that they are copies of, were dropped as near duplicates.

    Of those that no other filter dropped.
    """
    import duckdb

    with duckdb.connect(str(store), read_only=True) as con:
        found, planted = con.execute(
            """
            WITH raw AS (
                SELECT (columns->>'row')::BIGINT AS row, (columns->>'copy_of')::BIGINT AS copy_of, reason
                FROM members m LEFT JOIN (FROM ledger WHERE stage = 'clean' AND reason NOT LIKE 'repaired%') l
                    ON l.item_id = m.candidate_id
                WHERE dataset = 'raw'
            )
            SELECT count(*) FILTER (copy.reason IS NOT NULL OR source.reason IS NOT NULL), count(*)
            FROM raw copy JOIN raw source ON source.row = copy.copy_of
            WHERE coalesce(copy.reason, 'near_duplicate') = 'near_duplicate'
                AND coalesce(source.reason, 'near_duplicate') = 'near_duplicate'
            """
        ).fetchone() or (0, 0)
    print(f"planted copies: {planted}, found {found / planted:.4f} (at least 0.95)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("source", type=Path, help="Alpaca file, JSON lines")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--folder", type=Path, help="empty; the files and stores stay there (default: a temporary one)")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = arguments.folder or Path(name)
        source = pl.read_ndjson(arguments.source).select(TEXTS)
        source.write_ndjson(folder / "small.jsonl")
        make_file(source, arguments.rows, folder / "large.jsonl")
        small, large = ingest(folder / "small.jsonl", folder), ingest(folder / "large.jsonl", folder)
        few = [clean(small, f"clean{round_}") for round_ in range(arguments.rounds)]
        rows, seconds, mb = clean(large, "clean")
        few += [clean(small, f"again{round_}") for round_ in range(arguments.rounds)]
        base = statistics.median(run[1] / run[0] for run in few) * 1e6
        each = seconds / rows * 1e6
        print(f"{base:.1f} and {each:.1f} microseconds a row, ratio {each / base:.2f} (at most 1.5)")
        print(f"peak {mb:.0f} MB (below 8000)")
        recall(large)


if __name__ == "__main__":
    main()
