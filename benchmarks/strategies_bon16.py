"""What each strategy teaches: 16 answers of one policy to each of 546 prompts, and what a judge thought of 11 of them.

    python benchmarks/strategies_bon16.py ../shared/data/groups/bon16_tulu2_13b.jsonl.gz

Pairs are made by two rewards that know nothing of the judge: the length of an answer, and a rule (words in common with
a reference answer, ROUGE-L, and few repetitions). Then the judge looks: its mean score of the chosen and of the
rejected sides, the share of pairs that it orders like the reward (of those whose two sides it scored, differently), and
the standardised difference of the lengths.
"""

import argparse
import tempfile
import time
from pathlib import Path

from datakit.build_pairs import build_pairs
from datakit.ingest import ingest
from datakit.score import score
from datakit.store import Store
from rewards.plugins import variant_names
from rewards.spec import Reward, load_reward
from schemas.options import GroupOptions, IngestOptions, PairOptions, RewardOptions, ScoreOptions

RULES = """
from rewards import rule

@rule
def length(completion: str) -> float:
    return float(len(completion))
"""
SPEC = """
rules: rules.py
rewards:
  length:
    scorers: [{rule: length}]
  rule:
    scorers:
      - {rule: rouge_l, inputs: {reference: ref_output}}
      - {rule: distinct_ngrams}
"""
JUDGED = """
WITH judged AS (
    SELECT DISTINCT candidate_id, (columns->>'$.judge_pref')::DOUBLE AS judge FROM members
    WHERE dataset = 'bon16' AND candidate_id IS NOT NULL
), sides AS (
    SELECT c.judge AS chosen, r.judge AS rejected, length(ct.text) AS chosen_chars, length(rt.text) AS rejected_chars
    FROM pairs p JOIN judged c ON c.candidate_id = p.chosen_id JOIN judged r ON r.candidate_id = p.rejected_id
        JOIN candidates ct ON ct.candidate_id = p.chosen_id JOIN candidates rt ON rt.candidate_id = p.rejected_id
    WHERE p.dataset = ?
)
SELECT count(*), avg(chosen), avg(rejected), avg((chosen > rejected)::INT) FILTER (chosen != rejected),
    count(*) FILTER (chosen != rejected),
    (avg(chosen_chars) - avg(rejected_chars))
        / sqrt((var_samp(chosen_chars) + var_samp(rejected_chars)) / 2)
FROM sides
"""


def row(store: Store, reward: Reward, strategy: str, options: PairOptions) -> str:
    """A row of the table."""
    name = f"{reward.name}-{strategy}"
    begun = time.perf_counter()
    build_pairs("bon16", options, reward=reward, groups=GroupOptions(), store=store, name=name)
    took = time.perf_counter() - begun
    with store.read() as con:
        found = con.execute(JUDGED, [name]).fetchall()[0]
    pairs, chosen, rejected, agreed, differ, bias = found
    judged = f"{chosen:.3f} | {rejected:.3f} | {agreed:.0%} of {differ}"
    return f"| {reward.name} | `{strategy}` | {pairs} | {judged} | {bias:+.2f} | {took:.1f} s |"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        (folder / "rules.py").write_text(RULES)
        (folder / "reward.yaml").write_text(SPEC)
        store = Store(folder / "store.duckdb")
        ingest(given.file, IngestOptions(name="bon16"), store=store)
        print("| reward | strategy | pairs | judge: chosen | rejected | judge agrees | lengths (d) | time |")
        print("|---|---|---|---|---|---|---|---|")
        for part in ("length", "rule"):
            reward = load_reward(RewardOptions(reward=Path(f"{folder / 'reward.yaml'}:{part}")))
            score("bon16", ScoreOptions(), reward=reward, groups=GroupOptions(), store=store)
            for strategy in variant_names("datakit.strategies"):
                print(row(store, reward, strategy, PairOptions(strategy=strategy)), flush=True)


if __name__ == "__main__":
    main()
