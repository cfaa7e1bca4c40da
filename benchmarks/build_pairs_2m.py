"""build-pairs and export over 2 million stored candidates, against the best SQL that we could write by hand.

    python benchmarks/build_pairs_2m.py [--groups 250000] [--rounds 3]

A store of 250,000 groups of 8 candidates of 400 characters, with the outcomes of one scorer, is made in a temporary
directory. Each side runs in a process of its own on a fresh copy of it, in turn: both make the same rows of the table
`pairs` (best against worst, margin of at least 1e-6, cut-off answers out, texts that differ after strip and are not
empty) and write the same Parquet file: prompts, texts, ids and rewards, in the order of the prompts. That both are the
same is checked. The hand-written side makes no ledger, no report, no manifest, and leaves identical answers apart from
the two chosen ones alone. The token check is measured apart: benchmarks/token_check.py.

Imports are not timed. The smallest of the times is what a quiet machine gives; the median is the figure to quote.
"""

import argparse
import importlib
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import duckdb

from datakit.answers import WHITE_SPACE
from datakit.store import Store

RULES = """
from rewards import rule

@rule
def r(completion: str) -> float:
    return 1.0
"""


def make_store(path: Path, groups: int, scorer_id: str) -> None:
    """Random words, cut to 400 characters; every 50th answer ends in a line break, another 50th is cut off."""
    with Store(path).write():
        pass
    with duckdb.connect(path) as con:
        con.execute(f"""
            SET memory_limit = '4GB';
            CREATE TEMP TABLE words AS SELECT list(left(md5(i::VARCHAR), 1 + (i % 9)::INT) ORDER BY i) AS w
            FROM range(4000) t(i);
            INSERT INTO prompts SELECT md5('p' || g)::UUID, json_array(json_object('role', 'user',
                'content', 'Question ' || g || ': ' || repeat('what would you say about it? ', 4))), NULL
            FROM range({groups}) t(g);
            INSERT INTO members SELECT 'big', 1, md5('p' || g)::UUID, NULL, json_object('answer', g), 'big.jsonl', g + 1
            FROM range({groups}) t(g);
            INSERT INTO datasets VALUES ('big', 1, 'prompts', md5('run')::UUID, '{{}}');
            INSERT INTO recipes VALUES (md5('recipe')::UUID, 'model', 'revision', '{{}}');
            INSERT INTO dataset_recipes VALUES ('big', md5('recipe')::UUID);
            INSERT INTO candidates SELECT md5('c' || g || '-' || i)::UUID, md5('p' || g)::UUID, md5('recipe')::UUID, i,
                'sample', rtrim(left(array_to_string(list_transform(range(90),
                    lambda k: w[(hash(g * 8 + i, k) % 4000 + 1)::INT]), ' '), 399))
                    || if(hash(g, i, 3) % 50 = 0, chr(10), '.'), NULL,
                if(hash(g, i, 7) % 50 = 0, 'length', 'stop'), 100, 'made up', md5('run')::UUID
            FROM range({groups}) t(g), range(8) s(i), words ORDER BY g, i;
            INSERT INTO scores SELECT md5('c' || g || '-' || i)::UUID, '{scorer_id}', md5('[]')::UUID, 'ok',
                if(g % 20 = 0, 0.5, (hash(g, i) % 11) / 10.0), NULL, 1e-6, md5('run')::UUID
            FROM range({groups}) t(g), range(8) s(i) ORDER BY g, i;
            CHECKPOINT;
        """)


def by_hand(store: Path, scorer_id: str, output: Path) -> None:
    """The hand-written SQL. Tried and slower: one join for both texts, `any_value` before the checks, `max_by`."""
    spaces = "||".join(f"chr({ord(character)})" for character in WHITE_SPACE)
    strip = f"""if(ord(text) <= 32 OR ord(text) > 127 OR ord(text[-1]) <= 32 OR ord(text[-1]) > 127,
        trim(text, {spaces}), text)"""
    con = duckdb.connect(store)
    con.execute(f"""
        SET memory_limit = '1GB'; SET preserve_insertion_order = false;
        CREATE TEMP TABLE ends AS
        SELECT prompt_id, min(best) AS best, min(worst) AS worst FROM (
            SELECT prompt_id, {{'v': -value, 'id': candidate_id, 'row': row, 'text': stripped}} AS best,
                {{'v': value, 'id': candidate_id, 'row': row, 'text': stripped}} AS worst
            FROM (
                SELECT prompt_id, candidate_id, candidates.rowid AS row, hash({strip}) AS stripped FROM candidates
                WHERE finish_reason IS DISTINCT FROM 'length'
            ) JOIN scores USING (candidate_id) WHERE scorer_id = '{scorer_id}' AND status = 'ok'
        ) GROUP BY prompt_id
        HAVING -min(best).v - min(worst).v >= 1e-6 AND min(best).text != min(worst).text
            AND min(best).text != hash('') AND min(worst).text != hash('');
        INSERT INTO pairs SELECT 'pairs', 1,
            md5('["' || prompt_id || '","' || best.id || '","' || worst.id || '"]')::UUID, prompt_id, best.id, worst.id,
            -best.v, worst.v, -best.v - worst.v, md5('reward')::UUID, 'best_vs_worst', md5('run')::UUID FROM ends;
        COPY (
            SELECT p.messages->0->>'content' AS prompt, c.text AS chosen, r.text AS rejected,
                md5('["' || ends.prompt_id || '","' || best.id || '","' || worst.id || '"]')::UUID::VARCHAR
                    AS pair_id,
                -best.v AS chosen_reward, worst.v AS rejected_reward
            FROM ends JOIN candidates c ON c.rowid = best.row JOIN candidates r ON r.rowid = worst.row
                JOIN prompts p ON p.prompt_id = ends.prompt_id
                JOIN members m ON m.prompt_id = ends.prompt_id ORDER BY line
        ) TO '{output}' (FORMAT parquet, ROW_GROUP_SIZE 20480);
    """)
    con.close()


def by_datakit(store: Path, rules: Path, output: Path) -> None:
    """The two stages, as a user runs them."""
    from datakit.build_pairs import build_pairs
    from datakit.export import export
    from rewards.spec import load_reward
    from schemas.options import ExportOptions, GroupOptions, PairOptions, RewardOptions

    reward = load_reward(RewardOptions(rules=(rules,)))
    started = time.perf_counter()
    opened = Store(store)
    build_pairs("big", PairOptions(), reward=reward, groups=GroupOptions(), store=opened, name="pairs")
    built = time.perf_counter()
    export("pairs", ExportOptions(output=output, style="plain"), store=opened)
    print(json.dumps({"build": built - started, "export": time.perf_counter() - built}))


def run_side(side: str, folder: Path) -> None:
    """One side in this process; prints what it took."""
    rules, store, output = folder / "rules.py", folder / f"{side}.duckdb", folder / f"{side}.parquet"
    scorer_id = (folder / "scorer").read_text()
    if side == "datakit":
        for module in (
            "datakit.build_pairs",
            "datakit.export",
            "pandas",
        ):  # DuckDB imports pandas at the first parameter
            importlib.import_module(module)
    started, cpu = time.perf_counter(), time.process_time()
    by_hand(store, scorer_id, output) if side == "sql" else by_datakit(store, rules, output)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpu": cpu, "mb": peak_mb()}))


def peak_mb() -> float:
    """Largest resident size of this program, in MB; getrusage would count what its parent had."""
    status = Path("/proc/self/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024


def measure(side: str, folder: Path) -> dict[str, float]:
    """One side in a new process, on a fresh copy of the store."""
    copy = folder / f"{side}.duckdb"
    shutil.copy(folder / "store.duckdb", copy)
    os.sync()
    done = subprocess.run(
        [sys.executable, __file__, "--side", side, "--folder", str(folder)], capture_output=True, text=True, check=True
    )
    parts: dict[str, float] = {}
    for line in done.stdout.split("\n")[:-1]:
        parts |= json.loads(line)
    return parts


def pairs_in(store: Path) -> tuple[object, ...]:
    """Number and digest of a store's pairs."""
    with duckdb.connect(store, read_only=True) as con:
        content = "pair_id, prompt_id, chosen_id, rejected_id, chosen_reward, rejected_reward"
        row = con.execute(f"SELECT count(*), bit_xor(hash({content})) FROM pairs WHERE dataset = 'pairs'").fetchone()
    return row or ()


def rows_of(file: Path) -> tuple[object, ...]:
    """Number of a file's rows, and a digest of them and their order."""
    content = "prompt, chosen, rejected, pair_id, chosen_reward, rejected_reward"
    query = f"SELECT count(*), bit_xor(hash(file_row_number, {content})) FROM read_parquet(?, file_row_number = true)"
    return duckdb.execute(query, [str(file)]).fetchone() or ()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--groups", type=int, default=250_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--side", choices=["sql", "datakit"])
    parser.add_argument("--folder", type=Path)
    arguments = parser.parse_args()
    if arguments.side:
        run_side(arguments.side, arguments.folder)
        return
    from rewards.spec import load_reward
    from schemas.options import RewardOptions

    with tempfile.TemporaryDirectory(dir=arguments.folder) as name:
        folder = Path(name)
        (folder / "rules.py").write_text(RULES)
        scorer_id = load_reward(RewardOptions(rules=(folder / "rules.py",))).scorers[0].scorer_id
        (folder / "scorer").write_text(scorer_id)
        make_store(folder / "store.duckdb", arguments.groups, scorer_id)
        found: dict[str, list[dict[str, float]]] = {"sql": [], "datakit": []}
        for _ in range(arguments.rounds):
            for side, runs in found.items():
                runs.append(measure(side, folder))
                print(side, {key: round(value, 2) for key, value in runs[-1].items()}, flush=True)
        assert pairs_in(folder / "sql.duckdb") == pairs_in(folder / "datakit.duckdb"), "the tables differ"
        assert rows_of(folder / "sql.parquet") == rows_of(folder / "datakit.parquet"), "the files differ"
        sizes = {side: (folder / f"{side}.parquet").stat().st_size / 1e6 for side in found}
    for side, runs in found.items():
        times = [run["seconds"] for run in runs]
        cpu = statistics.median(run["cpu"] for run in runs)
        print(
            f"{side:8} median {statistics.median(times):.2f} s, smallest {min(times):.2f} s, CPU {cpu:.2f} s, "
            f"peak {max(run['mb'] for run in runs):.0f} MB, Parquet {sizes[side]:.0f} MB"
        )
    medians = [statistics.median(run["seconds"] for run in runs) for runs in found.values()]
    print(f"ratio {medians[1] / medians[0]:.2f} (at most 1.5); memory below 2000 MB")


if __name__ == "__main__":
    main()
