"""Re-weighting 2 million stored outcomes: Datakit's rewards against SQL written by hand that computes the same ones.

    python benchmarks/reweight_2m.py [--outcomes 2000000] [--rounds 5]

Two stores are made in a temporary directory: 2 million candidates judged by one scorer, and 500,000 judged by four.
Each round gives every side new weights and a new connection, in turn: `graded` is what build-pairs and reject-sample
compute first (requirements, masks and reasons included), `view` what SQL on the store sees as `rewards`, and the
hand-written side one query with the prompts' check, the joins and the weighted mean. All three put a row a candidate
into a temporary table; that the rewards are the same, bit for bit, is checked.
"""

import argparse
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import duckdb

from datakit import datasets
from datakit.groups import create_groups
from datakit.reward_view import record_reward
from datakit.rewarding import create_graded
from datakit.store import Store
from rewards.spec import Reward, RewardSpec, reward_of
from schemas.options import GroupOptions

SETTINGS = "SET memory_limit = '1GB'; SET preserve_insertion_order = false"
"""What a stage that derives a data set sets."""
RULES = "".join(
    f"@rule\ndef {name}(completion: str) -> float:\n    return 1.0\n\n" for name in ("one", "two", "three", "four")
)


def make_store(path: Path, candidates: int, reward: Reward) -> None:
    """Groups of 8 candidates with made-up outcomes of each scorer of the reward."""
    with Store(path).write():
        pass
    scorers = ", ".join(f"('{scorer.scorer_id}', {place})" for place, scorer in enumerate(reward.scorers))
    with duckdb.connect(path) as con:
        con.execute(f"""
            SET memory_limit = '4GB';
            INSERT INTO prompts SELECT md5('p' || g)::UUID, '[]', NULL FROM range({candidates // 8}) t(g);
            INSERT INTO members SELECT 'big', 1, md5('p' || g)::UUID, NULL, json_object('answer', g), 'big.jsonl', g + 1
            FROM range({candidates // 8}) t(g);
            INSERT INTO datasets VALUES ('big', 1, 'prompts', md5('run')::UUID, '{{}}');
            INSERT INTO recipes VALUES (md5('recipe')::UUID, 'model', 'revision', '{{}}');
            INSERT INTO dataset_recipes VALUES ('big', md5('recipe')::UUID);
            INSERT INTO candidates SELECT md5('c' || g || '-' || i)::UUID, md5('p' || g)::UUID, md5('recipe')::UUID, i,
                'sample', 'An answer of some words, number ' || i || '.', NULL, 'stop', 10, 'made up', md5('run')::UUID
            FROM range({candidates // 8}) t(g), range(8) s(i) ORDER BY g, i;
            INSERT INTO scores SELECT md5('c' || g || '-' || i)::UUID, scorer::UUID, md5('[]')::UUID, 'ok',
                (hash(g, i, place) % 11) / 10.0, NULL, 1e-6, md5('run')::UUID
            FROM range({candidates // 8}) t(g), range(8) s(i), (VALUES {scorers}) v(scorer, place) ORDER BY place, g, i;
            CHECKPOINT;
        """)


def by_hand(con: duckdb.DuckDBPyConnection, reward: Reward) -> None:
    """The weighted mean of the outcomes that are ok, for the candidates of the data set, rounded to 1e-9."""
    joins = " ".join(
        f"LEFT JOIN scores s{n} ON s{n}.candidate_id = c.candidate_id AND s{n}.scorer_id = '{scorer.scorer_id}'"
        for n, scorer in enumerate(reward.scorers)
    )
    total = " + ".join(f"if(s{n}.status = 'ok', {w!r}::DOUBLE * s{n}.value, 0)" for n, w in reward.weights)
    weight = " + ".join(f"if(s{n}.status = 'ok', {w!r}::DOUBLE, 0)" for n, w in reward.weights)
    value = f"({total}) / nullif({weight}, 0)"
    con.execute(f"""
        CREATE TEMP TABLE result AS
        SELECT c.candidate_id, floor({value} * 1e9::DOUBLE + 0.5::DOUBLE) / 1e9::DOUBLE AS reward
        FROM candidates c {joins}
        WHERE c.prompt_id IN (SELECT prompt_id FROM members WHERE dataset = 'big' AND version = 1)
    """)


def by_graded(con: duckdb.DuckDBPyConnection, reward: Reward) -> None:
    """What build-pairs computes before it pairs."""
    create_groups(con, datasets.get(con, "big"), GroupOptions())
    create_graded(con, reward)
    con.execute("CREATE TEMP VIEW result AS SELECT candidate_id, reward FROM graded")


def by_view(con: duckdb.DuckDBPyConnection, reward: Reward) -> None:
    """What SQL on the store sees."""
    con.execute(
        "CREATE TEMP TABLE result AS SELECT candidate_id, reward FROM rewards "
        f"WHERE name = '{reward.name}' AND dataset = 'big' AND version = 1"
    )


SIDES: dict[str, Callable[[duckdb.DuckDBPyConnection, Reward], None]] = {
    "by hand": by_hand,
    "graded": by_graded,
    "view": by_view,
}


def measure(store: Store, side: str, reward: Reward) -> tuple[float, object]:
    """Seconds, and a digest of the rewards to the bit."""
    with store.read() as con:
        con.execute(SETTINGS)
        started = time.perf_counter()
        SIDES[side](con, reward)
        seconds = time.perf_counter() - started
        digest = con.execute(
            "SELECT count(*), count(reward), bit_xor(hash(candidate_id, reward)) FROM result"
        ).fetchone()
    return seconds, digest


def compare(folder: Path, outcomes: int, scorers: int, rounds: int) -> float:
    """Both sides on one store; prints them and returns the larger ratio."""
    rules = folder / "rules.py"
    rules.write_text("from rewards import rule\n\n" + RULES)
    names = ("one", "two", "three", "four")[:scorers]

    def weighed(number: int) -> Reward:
        entries = [{"rule": name, "weight": 1 + number * (place + 1) / 10} for place, name in enumerate(names)]
        return reward_of(RewardSpec.model_validate({"name": "big", "rules": rules, "scorers": entries}))

    store = Store(folder / f"{scorers}.duckdb")
    make_store(store.path, outcomes // scorers, weighed(0))
    times: dict[str, list[float]] = {side: [] for side in SIDES}
    for number in range(rounds + 1):  # the first round warms the disk's cache
        reward = weighed(number)
        with store.write() as con:
            record_reward(con, reward)
        found = {side: measure(store, side, reward) for side in SIDES}
        if len({digest for _, digest in found.values()}) != 1:
            raise SystemExit(f"the rewards differ: {found}")
        for side, (seconds, _) in found.items():
            times[side] += [seconds] if number else []
    medians = {side: statistics.median(seconds) for side, seconds in times.items()}
    print(f"{outcomes // scorers:,} candidates x {scorers} scorer{'s' * (scorers > 1)}")
    for side, seconds in medians.items():
        ratio = seconds / medians["by hand"]
        print(f"  {side:8} median {seconds:.2f} s, smallest {min(times[side]):.2f} s, ratio {ratio:.2f}", flush=True)
    return max(medians.values()) / medians["by hand"]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split("\n", 1)[0])
    parser.add_argument("--outcomes", type=int, default=2_000_000)
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        ratios = [compare(Path(name), arguments.outcomes, scorers, arguments.rounds) for scorers in (1, 4)]
    print(f"largest ratio {max(ratios):.2f} (at most 2)")


if __name__ == "__main__":
    main()
