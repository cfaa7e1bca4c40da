"""A columnar rule over millions of stored candidates: `datakit score`, outcomes stored, against SQL written by hand.

    python benchmarks/columnar_rules.py [--candidates 2000000] [--characters 400] [--rounds 3]

The store (groups of 8 answers) is made once in a temporary directory; each round works on a
fresh copy of it. Both sides read every text, make a number of it and store one outcome a candidate: Datakit through the
rule's Polars expression, with its check of what is missing, its run and its report; the other side as one INSERT with
DuckDB's own function, which knows neither nulls, NaN nor a second run. In turn, a process each, medians.
"""

import argparse
import importlib
import json
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from datakit.store import Store

TARGET = 1.5e6
RULES = """
import polars as pl
from rewards import rule

@rule
def length(completion: pl.Expr) -> pl.Expr:
    return completion.str.len_chars() / 1000
"""


def make_store(path: Path, candidates: int, characters: int) -> None:
    with Store(path).write():
        pass
    with duckdb.connect(path) as con:
        con.execute(f"""
            INSERT INTO recipes VALUES (md5('r')::UUID, 'model', NULL, '{{}}');
            INSERT INTO dataset_recipes VALUES ('bench', md5('r')::UUID);
            INSERT INTO datasets VALUES ('bench', 1, 'prompts', md5('run')::UUID, '{{}}');
            INSERT INTO prompts SELECT md5('p' || i)::UUID, '[{{"role":"user","content":"Question ' || i || '"}}]', NULL
                FROM range({candidates} // 8) t(i);
            INSERT INTO members SELECT 'bench', 1, md5('p' || i)::UUID, NULL, '{{"answer":' || i || '}}', 'f', i
                FROM range({candidates} // 8) t(i);
            CREATE TEMP TABLE words AS SELECT list(left(md5(i::VARCHAR), 1 + i::INT % 9)) AS w FROM range(4000) t(i);
            INSERT INTO candidates SELECT md5('c' || i)::UUID, md5('p' || i // 8)::UUID, md5('r')::UUID, i % 8,
                'sample', left(array_to_string(list_transform(range({characters // 4}),
                    lambda k: w[1 + (hash(i, k) % 4000)::INT]), ' '), {characters}), NULL, 'stop', 100, 'made up',
                md5('run')::UUID FROM range({candidates}) t(i), words;
            CHECKPOINT;
        """)


def by_datakit(store: Path) -> None:
    """The stage, as a user runs it; imports are not timed (DuckDB imports pandas at the first parameter)."""
    importlib.import_module("pandas")
    from datakit.score import score
    from rewards.spec import load_reward
    from schemas.options import GroupOptions, RewardOptions, ScoreOptions

    reward = load_reward(RewardOptions(rules=(store.with_name("rules.py"),)))
    started = time.perf_counter()
    report = score("bench", ScoreOptions(), reward=reward, groups=GroupOptions(), store=Store(store))
    tell(started, report.counts["ok"])


def by_hand(store: Path) -> None:
    """One INSERT."""
    started = time.perf_counter()
    with duckdb.connect(store) as con:
        con.execute("""
            INSERT INTO scores BY NAME
            SELECT candidate_id, md5('scorer')::UUID AS scorer_id, md5('[]')::UUID AS inputs_hash, 'ok' AS status,
                length(text) / 1000 AS value, md5('run')::UUID AS run_id
            FROM candidates JOIN (SELECT DISTINCT prompt_id FROM members WHERE dataset = 'bench') USING (prompt_id)
        """)
        stored = con.execute("SELECT count(*) FROM scores").fetchall()[0][0]
    tell(started, stored)


def tell(started: float, rows: int) -> None:
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(json.dumps({"seconds": time.perf_counter() - started, "rows": rows, "peak": peak}))


def run(side: str, folder: Path) -> dict[str, float]:
    """One side on a fresh copy of the store, in a process of its own."""
    copy = Path(shutil.copy(folder / "store.duckdb", folder / "copy.duckdb"))
    done = subprocess.run(
        [sys.executable, __file__, "--side", side, "--store", copy], capture_output=True, text=True, check=True
    )
    found: dict[str, float] = json.loads(done.stdout)
    copy.unlink()
    return found


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--candidates", type=int, default=2_000_000)
    parser.add_argument("--characters", type=int, default=400, help="length of an answer")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", choices=["datakit", "hand"])
    parser.add_argument("--store", type=Path)
    given = parser.parse_args()
    if given.side:
        (by_datakit if given.side == "datakit" else by_hand)(given.store)
        return
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_store(folder / "store.duckdb", given.candidates, given.characters)
        (folder / "rules.py").write_text(RULES)
        found: dict[str, list[dict[str, float]]] = {"hand": [], "datakit": []}
        for _ in range(given.rounds):
            for side, results in found.items():
                results.append(run(side, folder))
    speed = {}
    print(f"{given.candidates} candidates of {given.characters} characters, {given.rounds} rounds, medians")
    for side, results in found.items():
        assert all(result["rows"] == given.candidates for result in results)
        seconds = statistics.median(result["seconds"] for result in results)
        speed[side] = given.candidates / seconds
        peak = max(result["peak"] for result in results)
        print(f"  {side:8} {seconds:.2f} s, {speed[side] / 1e6:.2f} million rows a second, peak memory {peak:.0f} MiB")
    print(f"datakit/hand {speed['datakit'] / speed['hand']:.2f}; wanted {TARGET / 1e6:g} million rows a second")


if __name__ == "__main__":
    main()
