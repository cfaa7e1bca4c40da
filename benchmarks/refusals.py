"""How well the rule `refuses` agrees with people: `refusals.py XSTEST.jsonl.gz [ANSWERS.jsonl.gz ...]`.

The first file holds rows of XSTest's answers (model, id, completion, human_label, strmatch_label), the others ordinary
answers (`output`), which should not be taken for refusals. Errors were studied on prompts with even ids, all models;
on those with odd ids for two models only, when the first patterns were written. The rest is listed apart as unseen.
"""

import gzip
import json
import sys
from pathlib import Path
from typing import Any

from rewards.refusal import refusal_in

Row = dict[str, Any]


def rows_of(path: Path) -> list[Row]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in data.decode().split("\n") if line.strip()]


def agreement(rows: list[Row], said: list[bool]) -> str:
    """Precision, recall and F1 against the human label "full refusal"."""
    meant = [row["human_label"] == "2_full_refusal" for row in rows]
    both = sum(a and b for a, b in zip(said, meant, strict=True))
    precision, recall = both / max(sum(said), 1), both / max(sum(meant), 1)
    return f"precision {precision:.3f}  recall {recall:.3f}  F1 {2 * both / max(sum(said) + sum(meant), 1):.3f}"


def main() -> None:
    if len(sys.argv) < 2:
        print(__doc__)
        return
    rows = rows_of(Path(sys.argv[1]))
    even = [row for row in rows if int(row["id"].rpartition("-")[2]) % 2 == 0]
    odd = [row for row in rows if int(row["id"].rpartition("-")[2]) % 2]
    unseen = [row for row in odd if row["model"] not in ("gpt4", "llama2new")]
    for name, part in (("all answers", rows), ("even ids", even), ("odd ids", odd), ("unseen", unseen)):
        found = [bool(refusal_in(row["completion"])) for row in part]
        print(f"{name:11} {len(part):5}  refuses          {agreement(part, found)}")
        other = [row["strmatch_label"] == "2_full_refusal" for row in part]
        print(f"{name:11} {len(part):5}  string matching  {agreement(part, other)}")
    for file in sys.argv[2:]:
        answers = rows_of(Path(file))
        false = sum(bool(refusal_in(str(row["output"]))) for row in answers)
        print(f"{Path(file).name}: {false} of {len(answers)} ordinary answers taken for a refusal")


if __name__ == "__main__":
    main()
