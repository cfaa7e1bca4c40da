"""The command line: quick to start, one line for a mistake, and indifferent to the user's own files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from datakit.cli.app import commands

PROMPTS = [{"prompt": f"Say {word}.", "keywords": [word]} for word in ("one", "two", "three")]


def datakit(*arguments: object, cwd: Path, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [Path(sys.executable).parent / "datakit", *map(str, arguments)],
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200", **env},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


@pytest.fixture
def prompts(tmp_path: Path) -> Path:
    path = tmp_path / "prompts.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in PROMPTS))
    return path


def imported_by(code: str) -> set[str]:
    done = subprocess.run(
        [sys.executable, "-c", f"import sys\ntry:\n    {code}\nexcept SystemExit: pass\nprint(*sys.modules)"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.split(".")[0] for name in done.stdout.split()}


def test_help_imports_neither_duckdb_nor_polars_nor_torch():
    loaded = imported_by("sys.argv = ['datakit', '--help']; from datakit.cli import main; main()")
    assert "typer" in loaded
    assert not loaded & {"duckdb", "polars", "pyarrow", "torch", "transformers", "vllm", "trl"}


@pytest.mark.parametrize(
    "module", ["ingest", "score", "build_pairs", "reject_sample", "export", "show", "sql", "pipeline"]
)
def test_no_stage_imports_torch(module):
    assert not imported_by(f"import datakit.{module}, datakit.cli.render") & {"torch", "transformers", "vllm", "trl"}


@pytest.mark.parametrize("name", commands())
def test_every_command_has_help_and_json(name, tmp_path):
    done = datakit(name, "--help", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert "--json" in done.stdout
    assert "--store" in done.stdout
    assert not list(tmp_path.iterdir())


def test_an_unknown_command_or_option_is_one_line(tmp_path):
    for arguments in (["sho"], ["show", "--bogus"], ["export", "x"], ["show", "--limit", "many"]):
        done = datakit(*arguments, cwd=tmp_path)
        assert done.returncode == 2
        assert done.stderr.startswith("error: ")
        assert len(done.stderr.splitlines()) == 1


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["show"], "no store at"),
        (["show", "--store", "prompts.jsonl"], "prompts.jsonl is no Datakit store"),
        (["ingest", "prompts.jsonl", "--store", "."], ". is no Datakit store"),
        (["show", "nothing", "--store", "{store}"], "no data set 'nothing'"),
        (["show", "--prompt", "zz", "--store", "{store}"], "no prompt whose id begins with 'zz'"),
        (["score", "prompts", "--store", "{store}"], "--rules"),
        (["score", "prompts", "--rules", "none.py", "--store", "{store}"], "none.py"),
        (["generate", "prompts", "--model", "no/such/model", "--store", "{store}"], "no/such/model"),
        (["generate", "prompts", "--model", "m", "--temperature", "-1", "--store", "{store}"], "--temperature"),
        (["generate", "prompts", "--model", "m", "--sampling", "top_k", "--store", "{store}"], "name=value"),
        (["generate", "prompts", "--model", "m", "--sampling", "top_k=.inf", "--store", "{store}"], "--sampling inf"),
        (["reject-sample", "prompts", "--floor", "nan", "--store", "{store}"], "--floor nan"),
        (["build-pairs", "prompts", "--min-margin", "inf", "--store", "{store}"], "--min-margin inf"),
        (["score", "prompts", "--timeout", "inf", "--store", "{store}"], "--timeout inf"),
        (["ingest", "missing.jsonl", "--store", "{store}"], "missing.jsonl"),
        (["ingest", "prompts.jsonl", "--format", "alpacca", "--store", "{store}"], "alpaca"),
        (["export", "prompts", "-o", "out.xyz", "--store", "{store}"], "out.xyz"),
        (["sql", "SELEC 1", "--store", "{store}"], "SELEC"),
        (["sql", "DROP TABLE prompts", "--store", "{store}"], "--write"),
        (["drop", "--store", "{store}"], "name one thing"),
        (["drop", "--recipe", "zz", "--store", "{store}"], "no recipe 'zz'"),
    ],
)
def test_a_mistake_is_one_line_that_says_what_and_exits_2(arguments, says, prompts):
    store = prompts.parent / "s.duckdb"
    assert datakit("ingest", prompts, "--store", store, cwd=prompts.parent).returncode == 0
    done = datakit(*(a.format(store=store) for a in arguments), cwd=prompts.parent)
    assert done.returncode == 2, done.stdout + done.stderr
    assert says in done.stderr
    assert len(done.stderr.splitlines()) == 1
    traced = datakit(*(a.format(store=store) for a in arguments), "-v", cwd=prompts.parent)
    assert "Traceback" in traced.stderr


def test_json_reports_are_one_document(prompts):
    done = datakit("ingest", prompts, "--json", cwd=prompts.parent)
    report = json.loads(done.stdout)
    assert report["stage"] == "ingest"
    assert report["dataset"] == "prompts"
    assert report["version"] == 1
    for arguments in (["show"], ["show", "prompts"], ["sql", "FROM prompts"]):
        assert json.loads(datakit(*arguments, "--json", cwd=prompts.parent).stdout)["tables"]


def test_build_pairs_prints_a_list_of_reports_as_json(prompts):
    here = prompts.parent
    examples = here / "sft.jsonl"
    examples.write_text('{"prompt": "a", "completion": "x y"}\n{"prompt": "a", "completion": "x"}\n')
    (here / "my_rules.py").write_text(
        "from rewards import rule\n\n@rule\ndef two(completion: str) -> bool:\n    return ' ' in completion\n"
    )
    done = datakit("build-pairs", examples, "--rules", "my_rules.py", "-o", "p.jsonl", "--json", cwd=here)
    stages = [report["stage"] for report in json.loads(done.stdout)]
    assert stages == ["ingest", "score", "build-pairs", "export", "summary"]
    again = datakit("export", "sft-pairs", "-o", "p.jsonl", cwd=here).stdout
    assert "nothing changed in p.jsonl" in again
    assert "wrote" not in again
    readme = (Path(__file__).parents[2] / "README.md").read_text(encoding="utf-8")
    assert "`build-pairs`, which runs several stages, a list with one report a stage" in readme


def test_a_table_without_rows_is_a_sentence_and_a_report_without_counts_has_no_head(prompts):
    datakit("ingest", prompts, cwd=prompts.parent)
    datakit("drop", "prompts", cwd=prompts.parent)
    lines = datakit("show", cwd=prompts.parent).stdout.splitlines()
    assert lines[0] == "Data sets: none yet; `datakit ingest FILE` makes one"
    assert "Newest runs" in lines[1]


def test_the_store_is_named_by_the_environment_too(prompts):
    done = datakit("ingest", prompts, cwd=prompts.parent, DATAKIT_STORE=str(prompts.parent / "other.duckdb"))
    assert done.returncode == 0
    assert (prompts.parent / "other.duckdb").exists()


HOSTILE = "raise RuntimeError('a file of the user was imported')\n"


def test_every_command_works_in_a_directory_full_of_files_named_like_ours(prompts):
    here = prompts.parent
    for name in ("train", "rewards", "schemas", "datakit", "typer", "duckdb", "rich", "json", "random"):
        (here / f"{name}.py").write_text(HOSTILE)
    for package in ("rewards", "schemas", "train", "datakit", "tests"):
        (here / package).mkdir()
        (here / package / "__init__.py").write_text(HOSTILE)
    (here / "my_rules.py").write_text(
        "from rewards import rule\n\n@rule\ndef polite(completion: str) -> bool:\n    return 'please' in completion\n"
    )
    examples = here / "sft.jsonl"
    examples.write_text('{"instruction": "Say a.", "output": "a please"}\n{"instruction": "Say b.", "output": "b"}\n')
    lines = [
        ["ingest", prompts],
        ["ingest", examples],
        ["score", "sft", "--rules", "my_rules.py"],
        ["build-pairs", "sft", "--rules", "my_rules.py", "-o", "pairs.jsonl"],
        ["reject-sample", "sft", "--rules", "my_rules.py", "--floor", "0.5", "--as", "best"],
        ["export", "best", "-o", "best.jsonl"],
        ["show"],
        ["show", "sft"],
        ["sql", "FROM meta"],
        ["drop", "best"],
    ]
    for arguments in lines:
        done = datakit(*arguments, cwd=here)
        assert done.returncode in {0, 1}, done.stderr
        assert "a file of the user" not in done.stderr


def test_python_m_datakit_leaves_the_current_directory_off_the_path(prompts):
    (prompts.parent / "schemas.py").write_text(HOSTILE)
    done = subprocess.run(
        [sys.executable, "-m", "datakit", "ingest", str(prompts)],
        cwd=prompts.parent,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr


def test_a_foreign_package_on_pythonpath_is_named_in_one_line(prompts):
    (prompts.parent / "rewards").mkdir()
    (prompts.parent / "rewards" / "__init__.py").write_text(HOSTILE)
    done = datakit("ingest", prompts, cwd=prompts.parent, PYTHONPATH=str(prompts.parent))
    assert done.returncode == 2
    assert str(prompts.parent / "rewards") in done.stderr
    assert len(done.stderr.splitlines()) == 1
