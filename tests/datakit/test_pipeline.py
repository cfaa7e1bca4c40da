"""The main job, end to end, with the real model on the real vLLM engine."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
RULES = """
from rewards import rule

@rule
def mentions(completion: str, keywords: list[str]) -> float:
    return sum(word.lower() in completion.lower() for word in keywords) / len(keywords)

@rule
def brief(completion: str) -> float:
    return 1 / (1 + len(completion) / 200)
"""


def datakit(*arguments: object, cwd: Path) -> list[dict[str, object]]:
    done = subprocess.run(
        [Path(sys.executable).parent / "datakit", *map(str, arguments), "--json"],
        cwd=cwd,
        env={**os.environ, "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=280,
        check=False,
    )
    assert done.returncode in {0, 1}, done.stderr[-2000:]
    reports = json.loads(done.stdout)
    return reports if isinstance(reports, list) else [reports]


def model() -> str:
    made = subprocess.run(
        [sys.executable, ROOT / "examples" / "smollm2.py"], capture_output=True, text=True, check=True
    )
    return made.stdout.strip()


@pytest.mark.model
def test_from_a_prompts_file_to_pairs_with_the_real_model(tmp_path):
    lines = (ROOT / "examples" / "prompts.jsonl").read_text(encoding="utf-8").split("\n")
    prompts = [line for line in lines if '"keywords"' in line and '"lang": "en"' in line][:6]
    (tmp_path / "prompts.jsonl").write_text("\n".join(prompts), encoding="utf-8")
    (tmp_path / "rules.py").write_text(RULES)
    command = ["build-pairs", "prompts.jsonl", "--model", model(), "--rules", "rules.py", "-n", 4]
    command += ["--max-tokens", 48, "--allow-truncated", "both", "-o", "pairs.jsonl"]

    first = {report["stage"]: report for report in datakit(*command, cwd=tmp_path)}
    assert first["generate"]["counts"]["generated"] == 24
    pairs = [json.loads(line) for line in (tmp_path / "pairs.jsonl").read_text(encoding="utf-8").splitlines()]
    assert 0 < len(pairs) <= 6
    assert len(pairs) + sum(first["build-pairs"]["reasons"].values()) == 6
    for pair in pairs:
        assert pair["chosen"][0]["content"].strip() != pair["rejected"][0]["content"].strip()
        assert pair["chosen_reward"] > pair["rejected_reward"]
    manifest = json.loads((tmp_path / "pairs.jsonl.manifest.json").read_text(encoding="utf-8"))
    assert manifest["counts"]["pairs"] == len(pairs)

    # the same command again: nothing is generated, scored or paired, and no model is loaded
    exported = (tmp_path / "pairs.jsonl").read_bytes()
    second = {report["stage"]: report for report in datakit(*command, cwd=tmp_path)}
    assert [report["run_id"] for report in second.values()] == [None] * len(second)
    assert (tmp_path / "pairs.jsonl").read_bytes() == exported

    # a new rule body scores with that rule only, and generates nothing
    (tmp_path / "rules.py").write_text(RULES.replace("/ 200", "/ 300"))
    third = {report["stage"]: report for report in datakit(*command, cwd=tmp_path)}
    assert third["generate"]["run_id"] is None
    assert third["score"]["counts"]["judged"] == 24
    [scored] = datakit(
        "sql", "SELECT name, count(*) FROM scores JOIN scorers USING (scorer_id) GROUP BY 1", cwd=tmp_path
    )
    assert {tuple(row) for row in scored["tables"][0]["rows"]} == {("mentions", 24), ("brief", 48)}
