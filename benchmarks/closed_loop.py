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
    return show(figures, {path: name for name, path in trained.items()})


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


def show(figures: dict[str, Any], names: dict[str, str]) -> int:
    """The table of docs/closed_loop.md; returns the exit code."""
    failed = []
    print(f"{'':26} {'difference':>10}  {'95 % interval':>18}  prompts   wins")
    for row in figures["differences"]:
        if row["scorer"] is not None:
            continue
        who, what = names[row["model"]], "guard" if row["guard"] else "reward"
        line(f"{who}: {what}", row, row["wins"]["mean"])
        enough = row["low"] > 0 if what == "reward" else row["high"] >= 0
        failed += [] if enough else [f"{who}: {what}"]
        if what == "reward":
            line(f"{who}: reward, like length", row["matched"])
            failed += [] if (row["matched"]["low"] or -1) > 0 else [f"{who}: reward, like length"]
    for answer in figures["answers"]:
        who = names.get(answer["model"], "base")
        shares = ", ".join(f"{name} {answer[name]:.1%}" for name in ("truncated", "refusing", "degenerate"))
        print(f"{who:8} answers: {answer['characters']:.0f} characters, {shares}")
    print(f"NOT REACHED: {', '.join(failed)}" if failed else "all reached")
    return int(bool(failed))


def line(label: str, row: dict[str, Any], wins: float | None = None) -> None:
    if row["mean"] is None:
        print(f"{label:26} no prompts")
        return
    interval = f"{row['low']:+.4f} to {row['high']:+.4f}" if row["low"] is not None else ""
    print(f"{label:26} {row['mean']:+10.4f}  {interval:>18}  {row['prompts']:7}" + (f"  {wins:.1%}" if wins else ""))


if __name__ == "__main__":
    sys.exit(main())
