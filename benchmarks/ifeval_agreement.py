"""Agreement of `follows_instructions` with recorded verdicts of IFEval: `ifeval_agreement.py FILE [--differences]`.

FILE holds rows of prompt, instruction_id_list, kwargs and responses [{model, response, strict [bool], loose [bool]}],
as JSON lines, gzipped or not. Prints for each type how many verdicts there are, how many agree, strict and loose, and
how many answers a second one process judges strictly. A response that is null follows nothing. With --differences
each verdict that differs is listed, with the prompt's key, the model and the recorded verdict.
"""

import argparse
import gzip
import json
import time
from collections import Counter
from pathlib import Path
from typing import Any

from rewards.instruction import follows

KINDS = ("strict", "loose")


def rows_of(path: Path) -> list[dict[str, Any]]:
    data = gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()
    return [json.loads(line) for line in data.decode().split("\n") if line.strip()]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("file", type=Path)
    parser.add_argument("--differences", action="store_true", help="list each verdict that differs")
    options = parser.parse_args()
    count: Counter[str] = Counter()
    agree: Counter[tuple[str, str]] = Counter()
    seconds: Counter[tuple[str, str]] = Counter()
    differences: list[str] = []
    follows("Bonjour à tous.", "language:response_language", {"language": "fr"})  # reads the profiles
    for row in rows_of(options.file):
        for place, (name, given) in enumerate(zip(row["instruction_id_list"], row["kwargs"], strict=True)):
            for answer in row["responses"]:
                count[name] += 1
                for kind in KINDS:
                    started = time.perf_counter()
                    found = follows(answer["response"] or "", name, given, loose=kind == "loose")
                    seconds[name, kind] += time.perf_counter() - started  # type: ignore[assignment]
                    recorded = answer[kind][place]
                    agree[name, kind] += found == recorded
                    if found != recorded:
                        differences.append(f"{name} {kind}: key {row['key']}, {answer['model']}: recorded {recorded}")
    print(f"{'type':44} verdicts   strict %    loose %  strict/s   loose/s")
    for name in sorted(count):
        share = [f"{agree[name, kind] / count[name]:10.3%}" for kind in KINDS]
        speed = [f"{count[name] / seconds[name, kind]:9.0f}" for kind in KINDS]
        print(f"{name:44} {count[name]:8} {' '.join(share)} {' '.join(speed)}")
    total = count.total()
    shares = [f"{sum(agree[name, kind] for name in count) / total:10.3%}" for kind in KINDS]
    print(f"{'all':44} {total:8} {' '.join(shares)}")
    print("\n".join(sorted(differences)) if options.differences else f"{len(differences)} differences")


if __name__ == "__main__":
    main()
