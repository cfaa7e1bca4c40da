"""Agreement of `math_answer` and `number_answer` with recorded labels: `gsm8k_agreement.py gsm8k_4models.jsonl.gz`.

The file goes the way of every other: ingested, scored, and read from the store. It holds groups of question,
ground_truth and responses [{solution, is_correct}]. Answers on which a rule and the label differ are listed.
"""

import sys
import tempfile
from pathlib import Path

from datakit.ingest import ingest
from datakit.score import score
from datakit.store import Store
from rewards.spec import RewardSpec, ScorerEntry, reward_of
from schemas.options import GroupOptions, IngestOptions, ScoreOptions

RULES = ("math_answer", "number_answer")
JUDGED = """
    SELECT name, status = 'ok' AND (value = 1) = (columns->>'is_correct')::BOOLEAN AS agrees, text
    FROM scores JOIN scorers USING (scorer_id) JOIN candidates USING (candidate_id) JOIN members USING (candidate_id)
"""


def main() -> None:
    if len(sys.argv) < 2:
        print(__doc__)
        return
    entries = tuple(ScorerEntry(rule=rule, inputs={"answer": "ground_truth"}) for rule in RULES)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store.duckdb")
        ingest(Path(sys.argv[1]), IngestOptions(name="gsm8k"), store=store)
        reward = reward_of(RewardSpec(name="right", scorers=entries))
        score("gsm8k", ScoreOptions(), reward=reward, groups=GroupOptions(), store=store)
        with store.read() as con:
            judged = con.execute(JUDGED).fetchall()
    for rule in RULES:
        verdicts = [agrees for name, agrees, _ in judged if name == rule]
        print(f"{rule:14} {sum(verdicts)} of {len(verdicts)} labels agree")
    for name, agrees, text in judged:
        if not agrees:
            print(f"{name}: {text[-200:]!r}")


if __name__ == "__main__":
    main()
