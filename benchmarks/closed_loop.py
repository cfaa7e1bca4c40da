"""Does the data make the model better? One round on the real model: generate, score, select, train, evaluate.

SmolLM2-135M-Instruct answers 300 training prompts of examples/prompts.jsonl; (a) DPO on pairs and (b) SFT on the best
answers, both by examples/reward.yaml. Base and both models then answer the held-out prompts, and are compared prompt by
prompt: by the reward, on prompts where their answers are of like length, and by a guard that nothing was trained on.

    python benchmarks/closed_loop.py [--work closed-loop] [--limit 300] [-n 8] [--held-out 160] [--seed 1]

Runs the commands that it prints, and goes on where it was stopped. Exit 1 if something did not improve.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[1]
EXAMPLES = ROOT / "examples"
DATAKIT = [sys.executable, "-m", "datakit"]
Row = tuple[str, dict[str, Any], float | None]


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--work", type=Path, default=Path("closed-loop"))
    parser.add_argument("--limit", type=int, default=300, help="training prompts")
    parser.add_argument("-n", type=int, default=8, help="answers to each of them")
    parser.add_argument("--held-out", type=int, default=160, help="held-out prompts")
    parser.add_argument("--samples", type=int, default=4, help="answers to each held-out prompt")
    parser.add_argument("--seed", type=int, default=1)
    given = parser.parse_args()
    os.environ["HF_HUB_OFFLINE"] = "1"
    given.work.mkdir(parents=True, exist_ok=True)
    os.environ["DATAKIT_STORE"] = str(given.work / "store.duckdb")
    started = time.perf_counter()
    model = subprocess.run([sys.executable, EXAMPLES / "smollm2.py"], capture_output=True, text=True, check=True)
    base = model.stdout.strip()
    make_data(given, base)
    trained = {name: train(given, base, name) for name in ("dpo", "sft")}
    figures = evaluate(given, [base, *trained.values()])
    print(f"\n{(time.perf_counter() - started) / 60:.0f} minutes (what was done before not counted)\n")
    return show(figures, {path: name for name, path in trained.items()}, given.work / "closed_loop.svg")


def make_data(given: argparse.Namespace, base: str) -> None:
    """Answers, pairs and the best answers; all by one reward."""
    reward = ["--reward", str(EXAMPLES / "reward.yaml")]
    prompts = [str(EXAMPLES / "prompts.jsonl"), "--where", "split = 'train'", "--limit", str(given.limit)]
    sampling = ["--model", base, "-n", str(given.n), "--max-tokens", "200", "--seed", str(given.seed)]
    pairs = ["--as", "train-pairs", "--strategy", "length_matched", "--max-pairs-per-prompt", "2"]
    pairs += ["--min-margin", "0.1", "--allow-truncated", "rejected", "--tokenizer", base, "--max-length", "512"]
    run("build-pairs", *prompts, *sampling, *reward, *pairs)
    run("reject-sample", "prompts", *reward, "--best", "1", "--as", "train-best")


def train(given: argparse.Namespace, base: str, method: str) -> str:
    """One method; returns the trained model's directory."""
    output = str(given.work / method)
    data = {"dpo": "train-pairs", "sft": "train-best"}[method]
    run("train", method, data, "--model", base, "--config", str(EXAMPLES / "train" / f"{method}.yaml"), "-o", output)
    return output


def evaluate(given: argparse.Namespace, models: list[str]) -> dict[str, Any]:
    """All models on the held-out prompts; the command's figures."""
    prompts = ["--prompts", str(EXAMPLES / "prompts.jsonl"), "--where", "split = 'eval'"]
    rewards = ["--reward", str(EXAMPLES / "reward.yaml"), "--guard", str(EXAMPLES / "guard.yaml")]
    size = ["--limit", str(given.held_out), "-n", str(given.samples), "--max-tokens", "200"]
    page = ["--seed", str(given.seed), "--html", str(given.work / "evaluation.html")]
    said = run("evaluate", *models, *prompts, "--as", "held-out", *rewards, *size, *page, "--json")
    found: dict[str, Any] = json.loads(said)["figures"]
    return found


def run(*command: str) -> str:
    """One command of Datakit; its output, which people see too."""
    print("\n$ datakit " + " ".join(f"'{word}'" if " " in word else word for word in command), flush=True)
    started = time.perf_counter()
    process = subprocess.Popen([*DATAKIT, *command], stdout=subprocess.PIPE, text=True)
    said = []
    for line in process.stdout or ():
        said.append(line)
        if "--json" not in command:
            print(line, end="", flush=True)
    if process.wait() not in (0, 1):  # 1: something that a person should see, such as pairs that could not be made
        raise SystemExit(f"datakit {command[0]} ended with {process.returncode}")
    print(f"({time.perf_counter() - started:.0f} s)")
    return "".join(said)


def show(figures: dict[str, Any], names: dict[str, str], plot: Path) -> int:
    """The table and the plot of docs/closed_loop.md; returns the exit code."""
    rows = differences(figures, names)
    failed = []
    print(f"{'':26} {'difference':>10}  {'95 % interval':>18}  prompts   wins")
    for label, row, wins in rows:
        line(label, row, wins)
        low, high = row["low"], row["high"]
        reached = high is not None and high >= 0 if label.endswith("guard") else low is not None and low > 0
        failed += [] if reached else [label]
    for answer in figures["answers"]:
        who = names.get(answer["model"], "base")
        shares = ", ".join(f"{name} {answer[name]:.1%}" for name in ("truncated", "refusing", "degenerate"))
        print(f"{who:8} answers: {answer['characters']:.0f} characters, {shares}")
    plot.write_text(drawn(rows), encoding="utf-8")
    print(f"plot: {plot}")
    print(f"NOT REACHED: {', '.join(failed)}" if failed else "all reached")
    return int(bool(failed))


def differences(figures: dict[str, Any], names: dict[str, str]) -> list[Row]:
    """What is compared with the base: label, difference with its interval, share of wins."""
    rows: list[Row] = []
    for row in figures["differences"]:
        if row["scorer"] is not None:
            continue
        who = names[row["model"]]
        if row["guard"]:
            rows.append((f"{who}: guard", row, row["wins"]["mean"]))
        else:
            rows.append((f"{who}: reward", row, row["wins"]["mean"]))
            rows.append((f"{who}: reward, like length", row["matched"], None))
    return sorted(rows, key=lambda row: row[0].partition(":")[0])


def line(label: str, row: dict[str, Any], wins: float | None) -> None:
    if row["mean"] is None:
        print(f"{label:26} no prompts")
        return
    interval = f"{row['low']:+.4f} to {row['high']:+.4f}" if row["low"] is not None else ""
    print(f"{label:26} {row['mean']:+10.4f}  {interval:>18}  {row['prompts']:7}" + (f"  {wins:.1%}" if wins else ""))


def drawn(rows: list[Row]) -> str:
    """The differences and their intervals as SVG."""
    kept = [(label, row) for label, row, _ in rows if row["low"] is not None]
    reach = max([0.01, *(abs(row[end]) for _, row in kept for end in ("low", "high"))])
    height = 24 * len(kept) + 40
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 640 {height}" font-family="sans-serif" font-size="13">',
        '<rect width="100%" height="100%" fill="white"/>',
        f'<line x1="420" x2="420" y1="8" y2="{height - 32}" stroke="#bbb"/>',
    ]
    for place, (label, row) in enumerate(kept):
        y = 20 + 24 * place
        low, at, high = (420 + 200 * row[key] / reach for key in ("low", "mean", "high"))
        parts.append(f'<text x="8" y="{y + 4}">{label}</text>')
        parts.append(f'<line x1="{low:.1f}" x2="{high:.1f}" y1="{y}" y2="{y}" stroke="#1668b8" stroke-width="2"/>')
        parts.append(f'<circle cx="{at:.1f}" cy="{y}" r="4.5" fill="#1668b8"/>')
    for x, value in ((220, -reach), (420, 0.0), (620, reach)):
        parts.append(f'<text x="{x}" y="{height - 12}" text-anchor="middle" fill="#555">{value:+.2f}</text>')
    return "\n".join([*parts, "</svg>\n"])


if __name__ == "__main__":
    sys.exit(main())
