"""Near duplicates among 2 million rows: time a row against 43 thousand rows, memory, recall, false positives.

    python benchmarks/near_duplicates_2m.py ../shared/data/sft/alpaca_en.jsonl.gz [--rows 2000000] [--rounds 3]

The rows are the answers of the given file over and over, in each of which 15 to 50 % of the words are replaced by
others, and 5 % planted near duplicates: copies of such a row whose first or last words are replaced, so many that the
Jaccard similarity is between 0.6 and 1. Each measurement runs in a process of its own; reading the rows is not timed.
Jaccard similarities are checked with plain Python sets of five words.

Goals: time a row at most 1.5 times that of the small set, below 8 GB, recall at least 0.95 from Jaccard 0.8 on.
"""

import argparse
import json
import re
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import polars as pl
import pyarrow as pa

THRESHOLD = 0.7
PLANTED = 0.05
SCRIPTS = r"\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005\u3041-\u3096\u309d-\u309f\u30a1-\u30fa\u3400-\u9fff"
WORD = re.compile(f"[{SCRIPTS}]|[^\\s{SCRIPTS}]+")
"""A word, or a character of a script without spaces."""


def make_rows(source: Path, many: int, folder: Path) -> None:
    """Write base.parquet (the file's own rows), rows.parquet, and planted.parquet (which row is a copy of which)."""
    answers = pl.read_ndjson(source)["output"]
    frame(answers).write_parquet(folder / "base.parquet")
    words = answers.str.split(" ")
    vocabulary, ids = np.unique(words.explode().to_numpy(), return_inverse=True)
    sizes = words.list.len().to_numpy().astype(np.int64)
    random = np.random.default_rng(7)
    originals = int(many * (1 - PLANTED))
    parts = []
    for start in range(0, originals, len(sizes)):
        some = sizes[: originals - start]
        share = np.repeat(random.uniform(0.15, 0.5, len(some)), some)
        own = ids[: some.sum()]
        other = random.integers(0, len(vocabulary), len(own))
        parts.append((np.where(random.random(len(own)) < share, other, own), some))
    ids, sizes = (np.concatenate([part[i] for part in parts]) for i in (0, 1))
    begins = np.cumsum(sizes) - sizes
    copied = random.choice(np.flatnonzero(sizes >= 12), many - originals)
    copies = [copy_of(ids[begins[row] : begins[row] + sizes[row]], len(vocabulary), random) for row in copied]
    ids, sizes = np.concatenate([ids, *copies]), np.concatenate([sizes, sizes[copied]])
    joined = joined_words(ids, sizes, pl.Series(vocabulary, dtype=pl.String))
    order = random.permutation(many)
    frame(joined[order]).write_parquet(folder / "rows.parquet")
    place = np.argsort(order)
    pl.DataFrame({"copy": place[originals:], "source": place[copied]}).write_parquet(folder / "planted.parquet")


def copy_of(ids: np.ndarray, words: int, random: np.random.Generator) -> np.ndarray:
    """A copy with other words at its beginning or its end."""
    shingles = len(ids) - 4
    jaccard = random.uniform(0.6, 1)
    replaced = round(shingles * (1 - jaccard) / (1 + jaccard))
    fresh = random.integers(0, words, replaced)
    return np.concatenate([fresh, ids[replaced:]] if random.random() < 0.5 else [ids[: len(ids) - replaced], fresh])


def joined_words(ids: np.ndarray, sizes: np.ndarray, vocabulary: pl.Series) -> pl.Series:
    """The texts, a few at a time: two hundred million words as strings are too many."""
    ends = np.concatenate([[0], np.cumsum(sizes)])
    texts = []
    for start in range(0, len(sizes), 100_000):
        own = ends[start : start + 100_001]
        words = vocabulary.gather(ids[own[0] : own[-1]]).to_arrow()
        texts.append(pl.Series(pa.LargeListArray.from_arrays(own - own[0], words)).list.join(" "))
    return pl.concat(texts)


def frame(answers: pl.Series) -> pl.DataFrame:
    """Rows as the stage gives them to the filter."""
    return pl.DataFrame({"row": pl.int_range(len(answers), dtype=pl.UInt32, eager=True), "output": answers})


def run_side(file: Path, output: Path) -> None:
    """The filter in this process; prints what it took."""
    from datakit.filters.near_duplicate import NearDuplicate

    rows = pl.read_parquet(file).with_columns(prompt=pl.lit(""), reward=pl.lit(None, pl.Float64))
    started, cpu = time.perf_counter(), time.process_time()
    dropped = NearDuplicate(of="output", threshold=THRESHOLD).drop(rows)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    dropped.write_parquet(output)
    peak = int(Path("/proc/self/status").read_text().split("VmHWM:")[1].split()[0]) / 1024
    print(json.dumps({"rows": len(rows), "seconds": seconds, "cpu": cpu, "mb": peak, "dropped": len(dropped)}))


def measure(file: Path, output: Path) -> dict[str, float]:
    """The filter in a new process."""
    side = [sys.executable, __file__, "--side", str(file), str(output)]
    done = subprocess.run(side, capture_output=True, text=True, check=True)
    found: dict[str, float] = json.loads(done.stdout)
    print({key: round(value, 2) for key, value in found.items()}, flush=True)
    return found


def shingles(text: str) -> set[tuple[str, ...]]:
    words = WORD.findall(text.lower())
    return {tuple(words[i : i + 5]) for i in range(max(len(words) - 4, 1))} if words else set()


def jaccards(texts: pl.Series, left: pl.Series, right: pl.Series) -> np.ndarray:
    """The true similarities of pairs of rows."""
    pairs = zip(texts.gather(left), texts.gather(right), strict=True)
    sets = ((shingles(a), shingles(b)) for a, b in pairs)
    return np.array([len(a & b) / len(a | b) for a, b in sets])


def check(folder: Path) -> None:
    """Recall of what was planted, and pairs that are no near duplicates."""
    texts = pl.read_parquet(folder / "rows.parquet")["output"]
    dropped, planted = pl.read_parquet(folder / "dropped.parquet"), pl.read_parquet(folder / "planted.parquet")
    gone = np.zeros(len(texts), bool)
    gone[dropped["row"].to_numpy()] = True
    jaccard = jaccards(texts, planted["copy"], planted["source"])
    found = gone[planted["copy"].to_numpy()] | gone[planted["source"].to_numpy()]
    for low, high in ((0.6, 0.7), (0.7, 0.75), (0.75, 0.8), (0.8, 0.9), (0.9, 1.01)):
        some = (jaccard >= low) & (jaccard < high)
        print(f"planted with Jaccard {low} to {min(high, 1)}: {some.sum()}, of them found {found[some].mean():.4f}")
    print(f"recall from Jaccard 0.8 on: {found[jaccard >= 0.8].mean():.5f} (at least 0.95)")
    true = jaccards(texts, dropped["row"], dropped["like"])
    print(f"dropped {len(true)}; false positives (Jaccard below {THRESHOLD}): {(true < THRESHOLD).sum()}")
    said = dropped["value"].cast(pl.Float64).to_numpy()
    print(f"largest difference between the stated and the true Jaccard: {np.abs(true - said).max():.4f}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("source", type=Path, nargs="?", help="Alpaca file, JSON lines")
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", type=Path, nargs=2, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        run_side(*arguments.side)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_rows(arguments.source, arguments.rows, folder)
        small = [measure(folder / "base.parquet", folder / "small.parquet") for _ in range(arguments.rounds)]
        large = measure(folder / "rows.parquet", folder / "dropped.parquet")
        small += [measure(folder / "base.parquet", folder / "small.parquet") for _ in range(arguments.rounds)]
        for kind in ("seconds", "cpu"):
            few, many = (statistics.median(run[kind] / run["rows"] for run in runs) * 1e6 for runs in (small, [large]))
            print(f"{kind}: {few:.1f} and {many:.1f} microseconds a row, ratio {many / few:.2f} (at most 1.5)")
        print(f"peak {large['mb']:.0f} MB (below 8000)")
        check(folder)


if __name__ == "__main__":
    main()
