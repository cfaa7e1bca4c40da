"""The same cleaning recipe as data-juicer 1.6.1, both sides in turn: seconds, memory, and where the kept sets differ.

    python benchmarks/clean_vs_data_juicer.py ../shared/data/sft/alpaca_en.jsonl.gz [--environment DIR] [--rounds 1]

The recipe, over the answers: length (10 to 10,000 characters), repeated runs of 10 characters and of 10 words (at most
half), exact duplicates, MinHash duplicates (5 words, 256 permutations, Jaccard 0.7). data-juicer runs with np=2 in an
environment of its own, which is made (venv and pip, about two minutes, no torch) if DIR has none. Each side is a
process: its wall-clock time holds the imports, reading and writing; memory is the largest proportional share (Pss) of
all its processes together, looked at ten times a second. The stages alone are printed, too.
"""

import argparse
import json
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

import psutil

VERSION = "py-data-juicer==1.6.1"
MISSING = ("aiohttp",)
"""What it imports but does not ask for."""
BATCH = 1024
"""Texts looked at together: what is computed of them stays in the cache."""
LEAST, MOST, RUN, SHARE = 10, 10_000, 10, 0.5
RECIPE = f"""
project_name: benchmark
dataset_path: {{source}}
export_path: {{output}}
np: 2
text_keys: output
use_cache: false
process:
  - text_length_filter: {{{{min_len: {LEAST}, max_len: {MOST}}}}}
  - character_repetition_filter: {{{{rep_len: {RUN}, max_ratio: {SHARE}}}}}
  - word_repetition_filter: {{{{lang: en, tokenization: false, rep_len: {RUN}, max_ratio: {SHARE}}}}}
  - document_deduplicator: {{{{lowercase: false, ignore_non_character: false}}}}
  - document_minhash_deduplicator:
      {{{{tokenization: space, window_size: 5, lowercase: true, num_permutations: 256, jaccard_threshold: 0.7}}}}
"""


def run_datakit(source: Path, output: Path) -> None:
    """Our side: the filters one after the other, as the stage runs them."""
    import polars as pl

    from datakit.filters.duplicate import Duplicate
    from datakit.filters.length import Length
    from datakit.filters.near_duplicate import NearDuplicate

    started = time.perf_counter()
    given = pl.read_ndjson(source)
    rows = pl.select(row=pl.int_range(len(given), dtype=pl.UInt32)).with_columns(
        given["output"], prompt=pl.lit(""), context=pl.lit(""), reward=pl.lit(None, pl.Float64)
    )
    steps = {
        "length": Length(unit="characters", min=LEAST, max=MOST).drop,
        "repeated characters": repeated_characters,
        "repeated words": repeated_words,
        "duplicate": Duplicate(of="output").drop,
        "near_duplicate": NearDuplicate(of="output").drop,
    }
    reasons: dict[int, str] = {}
    seconds = {}
    for name, step in steps.items():
        before = time.perf_counter()
        gone = step(rows)["row"]
        rows = rows.filter(~pl.col("row").is_in(gone.implode()))
        reasons |= dict.fromkeys(gone, name)
        seconds[name] = time.perf_counter() - before
    given[rows["row"]].write_ndjson(output)
    Path(f"{output}.reasons").write_text(json.dumps(reasons))
    seconds["all"] = time.perf_counter() - started
    print(json.dumps(seconds))


def repeated_characters(rows):
    """data-juicer's measure: the share of the sqrt(n) most frequent of n different runs, as far as they repeat."""
    import numpy as np
    import polars as pl

    from datakit.shingles import in_threads

    def of_some(start: int):
        texts = rows["output"][start : start + BATCH]
        sizes = texts.str.len_chars().to_numpy().astype(np.int64)
        codes = np.frombuffer("".join(texts).encode("utf-32-le"), np.uint32).astype(np.uint64)
        rolled = run_of_ten(codes)
        many = np.maximum(sizes - RUN + 1, 0)
        row = np.repeat(np.arange(len(sizes)), sizes)[: len(rolled)]
        place = np.arange(len(rolled)) - (np.cumsum(sizes) - sizes)[row]
        inside = place < many[row]
        return start + np.flatnonzero(share(row[inside], rolled[inside], len(sizes), root=True) > SHARE)

    places = np.concatenate(in_threads(of_some, range(0, len(rows), BATCH)) or [np.empty(0, np.int64)])
    return pl.DataFrame({"row": rows["row"].gather(places)})


def run_of_ten(codes):
    """The hash of ten characters from each on: of two, of four, of eight, then of eight and two."""
    import numpy as np

    if len(codes) < RUN:
        return np.empty(0, np.uint64)
    odd = [np.uint64(0x9E3779B97F4A7C15), np.uint64(0xBF58476D1CE4E5B9), np.uint64(0x94D049BB133111EB)]
    two = codes[:-1] * odd[0] + codes[1:]
    four = two[:-2] * odd[1] + two[2:]
    eight = four[:-4] * odd[2] + four[4:]
    return eight[:-2] * odd[0] + two[8:]


def repeated_words(rows):
    """data-juicer's measure: the share of the runs that occur more than once."""
    import numpy as np
    import polars as pl

    from datakit.shingles import in_threads, ngrams

    def of_some(start: int):
        texts = rows["output"][start : start + BATCH].str.to_lowercase()
        row, runs = ngrams(texts, RUN, short=False)
        return start + np.flatnonzero(share(row, runs, len(texts), root=False) > SHARE)

    places = np.concatenate(in_threads(of_some, range(0, len(rows), BATCH)) or [np.empty(0, np.int64)])
    return pl.DataFrame({"row": rows["row"].gather(places)})


def share(row, runs, many: int, *, root: bool):
    """What share of each row's runs is repeated; `root`: only the most frequent ones, as many as the root of all."""
    import numpy as np

    keys = np.sort((row.astype(np.uint64) << np.uint64(50)) | (runs >> np.uint64(14)))
    begins = np.flatnonzero(np.concatenate([np.ones(min(len(keys), 1), bool), keys[1:] != keys[:-1]]))
    counts = np.diff(np.append(begins, len(keys)))
    owner = (keys[begins] >> np.uint64(50)).astype(np.int64)
    different, total = np.bincount(owner, minlength=many), np.bincount(row, minlength=many)
    again = counts > 1
    owner, counts = owner[again], counts[again]
    if root:
        order = np.lexsort((-counts, owner))
        owner, counts = owner[order], counts[order]
        first = np.searchsorted(owner, owner)
        top = np.arange(len(owner)) - first < np.floor(np.sqrt(different))[owner]
        owner, counts = owner[top], counts[top]
    return np.bincount(owner, weights=counts, minlength=many) / np.maximum(total, 1)


def environment(folder: Path) -> Path:
    """The folder of data-juicer's programs; makes the environment if it is not there."""
    programs = folder / "bin"
    if not (programs / "dj-process").exists():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(programs / "pip"), "install", "-q", VERSION, "scipy", *MISSING], check=True)
    return programs


def measure(command: list[str], folder: Path) -> tuple[float, float, str]:
    """Seconds, MB and what it printed."""
    log = folder / "log"
    started, peak = time.perf_counter(), 0.0
    with log.open("w") as stream:
        process = psutil.Popen(command, stdout=stream, stderr=subprocess.STDOUT, cwd=folder)
        while process.poll() is None:
            peak = max(peak, share_of_memory(process))
            time.sleep(0.1)
    seconds = time.perf_counter() - started
    text = log.read_text()
    if process.returncode:
        raise SystemExit(f"{command[0]} failed:\n{text[-3000:]}")
    return seconds, peak, text


def share_of_memory(process: psutil.Process) -> float:
    """Proportional set size of a process and its children, in MB."""
    total = 0
    try:
        for one in [process, *process.children(recursive=True)]:
            rollup = Path(f"/proc/{one.pid}/smaps_rollup").read_text()
            total += int(rollup.split("\nPss:")[1].split()[0])
    except (OSError, IndexError, psutil.Error):  # it has just ended
        return 0.0
    return total / 1024


def compare(source: Path, ours: Path, theirs: Path) -> None:
    """Print what one side keeps and the other does not, by reason."""
    rows = [json.loads(line) for line in source.read_text().split("\n") if line]
    mine, other = ({json.loads(line)["id"] for line in path.read_text().split("\n") if line} for path in (ours, theirs))
    reasons = {rows[int(row)]["id"]: reason for row, reason in json.loads(Path(f"{ours}.reasons").read_text()).items()}
    print(f"kept: datakit {len(mine)}, data-juicer {len(other)}, both {len(mine & other)} of {len(rows)}")
    print("datakit dropped:", dict(Counter(reasons.values())))
    only_mine = [row for row in rows if row["id"] in mine and row["id"] not in other]
    only_other = [row for row in rows if row["id"] in other and row["id"] not in mine]
    show(
        "kept by datakit only",
        only_mine,
        lambda row: "fewer than 5 words between spaces" if short(row) else "5 words or more",
    )
    show("kept by data-juicer only", only_other, lambda row: f"datakit: {reasons[row['id']]}")


def short(row: dict[str, str]) -> bool:
    """data-juicer, which splits at spaces only, finds no shingle in it; all such rows count as one, the first stays."""
    return len(row["output"].split(" ")) < 5


def show(title: str, rows: list[dict[str, str]], kind) -> None:
    print(f"{title}: {len(rows)}")
    for name, many in Counter(map(kind, rows)).most_common():
        print(f"  {name}: {many}")
        for row in [row for row in rows if kind(row) == name][:3]:
            print(f"    id {row['id']}: {row['output'][:100]!r}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("source", type=Path, help="Alpaca file, JSON lines (.gz), with ids")
    parser.add_argument("--environment", type=Path, default=Path("/tmp/data-juicer"))
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--side", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.side:
        run_datakit(arguments.source, arguments.side)
        return
    programs = environment(arguments.environment.absolute())
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        source, ours, theirs = folder / "rows.jsonl", folder / "ours.jsonl", folder / "theirs" / "rows.jsonl"
        unpacked = (
            ["gzip", "-dc", str(arguments.source)]
            if arguments.source.suffix == ".gz"
            else ["cat", str(arguments.source)]
        )
        with source.open("wb") as stream:
            subprocess.run(unpacked, stdout=stream, check=True)
        (folder / "recipe.yaml").write_text(RECIPE.format(source=source, output=theirs))
        commands = {
            "datakit": [sys.executable, str(Path(__file__).resolve()), str(source), "--side", str(ours)],
            "data-juicer": [str(programs / "dj-process"), "--config", str(folder / "recipe.yaml")],
        }
        found: dict[str, list[tuple[float, float, str]]] = {side: [] for side in commands}
        for _ in range(arguments.rounds):
            for side, command in commands.items():
                shutil.rmtree(theirs.parent, ignore_errors=True) if side == "data-juicer" else None
                seconds, mb, text = measure(command, folder)
                found[side].append((seconds, mb, text))
                print(f"{side}: {seconds:.2f} s, {mb:.0f} MB", flush=True)
        inner = float(re.findall(r"All OPs are done in ([\d.]+)s", found["data-juicer"][-1][2])[-1])
        steps = json.loads(found["datakit"][-1][2].strip().split("\n")[-1])
        print("datakit's steps:", {step: round(seconds, 2) for step, seconds in steps.items()})
        print(f"steps alone: {steps['all']:.2f} s (with reading and writing) against {inner:.1f} s (without)")
        seconds, mb = ([statistics.median(run[i] for run in runs) for runs in found.values()] for i in (0, 1))
        print(
            f"ratio of seconds {seconds[1] / seconds[0]:.1f} (at least 25), of memory {mb[0] / mb[1]:.2f} (at most 0.5)"
        )
        compare(source, ours, theirs)


if __name__ == "__main__":
    main()
