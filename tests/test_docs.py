"""What the documents say is true: their commands exist, their code runs, their specs load."""

import inspect
import re
from pathlib import Path

import polars as pl
import pytest

from datakit.audit import load_audits
from datakit.cleaning import load_recipe
from datakit.cli.app import commands
from datakit.diagnose import load_diagnoses
from datakit.sql import sql
from datakit.store import Store
from datakit.strategy import load_strategy
from rewards.plugins import rules_in, user_function, variant_names
from rewards.spec import load_reward
from schemas.options import PairOptions, RewardOptions, TrainOptions
from train.harness.settings import read_settings, trainer_class
from train.harness.trainer import Trainer

ROOT = Path(__file__).parents[1]
DOCS = sorted([ROOT / "README.md", *(ROOT / "docs").glob("*.md")])


def blocks(path: Path, language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", path.read_text(encoding="utf-8"), re.DOTALL)


def command_lines(path: Path) -> list[str]:
    """Every `datakit ...` of a document: indented lines and inline code."""
    text = path.read_text(encoding="utf-8")
    return re.findall(r"^ {4}datakit .*$", text, re.MULTILINE) + re.findall(r"`datakit [^`]*`", text)


def loads(file: Path) -> bool:
    """Whether a YAML file is the config of the training of its name, a cleaning or a reward."""
    if file.parent.name == "train":
        options = TrainOptions(model="none", config=file, output=file.parent / "out")
        return not read_settings(file.stem, options).notes
    if "filters:" in file.read_text(encoding="utf-8"):
        return bool(load_recipe(file).filters)
    return bool(load_reward(RewardOptions(reward=file)).scorers)


def options_of(name: str) -> set[str]:
    """The option names of a command, as Typer gets them."""
    module = __import__(f"datakit.cli.{name.replace('-', '_')}", fromlist=["command"])
    found: set[str] = set()
    for parameter in inspect.signature(module.command).parameters.values():
        for option in getattr(parameter.annotation, "__metadata__", ()):
            words = (option.default, *(option.param_decls or ()), f"--{parameter.name.replace('_', '-')}")
            found.update(word for word in words if isinstance(word, str))
    return found


def test_the_readme_begins_with_the_two_commands_and_names_every_command():
    text = (ROOT / "README.md").read_text(encoding="utf-8")
    first = [line.split()[:2] for line in text.split("\n") if line.startswith("    ")][:2]
    assert first == [["make", "demo"], ["make", "test"]]
    table = set(re.findall(r"^\| `datakit ([a-z-]+)", text, re.MULTILINE))
    assert table == set(commands())


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_every_command_line_in_the_documents_uses_commands_and_options_that_exist(path):
    for line in command_lines(path):
        words = line.strip("` ").split('"')[0].split()
        if len(words) < 2 or not words[1][0].isalpha() or "  " in line.strip():  # prose, or a drawing
            continue
        assert words[1] in commands(), line
        named = {word.split("=")[0] for word in words if re.fullmatch(r"--?[a-z][a-z-]*", word)}
        assert named - {"--help"} <= options_of(words[1]), line


def test_every_query_in_the_documents_runs_and_reads_no_outdated_outcome(tmp_path):
    store = Store(tmp_path / "s.duckdb")
    with store.write():
        pass
    for path in (*DOCS, ROOT / "examples" / "demo.sh"):
        for query in re.findall(r'datakit sql "([^"]+)"', path.read_text(encoding="utf-8")):
            assert sql(query, store=store).tables
            assert not re.search(r"\b(FROM|JOIN) scores\b", query), path.name


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_python_in_the_documents_runs_and_defines_rules_and_functions(path, tmp_path):
    for number, block in enumerate(blocks(path, "python")):
        file = tmp_path / f"block{number}.py"
        file.write_text(block, encoding="utf-8")
        if "@rule" in block:
            assert rules_in(file)
        for function in re.findall(r"^def (\w+)", block, re.MULTILINE):
            assert user_function(file, function)


def test_the_strategy_in_the_documents_makes_pairs(tmp_path):
    (block,) = blocks(ROOT / "docs" / "strategies.md", "python")
    (tmp_path / "lucky.py").write_text(block, encoding="utf-8")
    group = pl.LazyFrame(
        {"prompt_id": [1, 1, 1, 2], "candidate_id": ["a", "b", "c", "d"], "reward": [0.1, 0.9, 0.5, 1]}
    )
    found = load_strategy(PairOptions(strategy=f"{tmp_path}/lucky.py:lucky", option={"least": 0.8})).pair(group)
    assert found.collect().rows() == [("b", "a")]


def test_the_documents_name_every_strategy_with_its_options():
    text = (ROOT / "docs" / "strategies.md").read_text(encoding="utf-8")
    for name in variant_names("datakit.strategies"):
        (line,) = [line for line in text.split("\n") if line.startswith(f"| `{name}` |")]
        for option in type(load_strategy(PairOptions(strategy=name))).model_fields:
            assert f"`{option}`" in line


@pytest.mark.parametrize("path", DOCS, ids=lambda path: path.name)
def test_specs_in_the_documents_load(path, tmp_path):
    rules = "\n".join(block for block in blocks(ROOT / "docs" / "rules.md", "python"))
    (tmp_path / "my_rules.py").write_text(rules, encoding="utf-8")
    for block in blocks(path, "yaml"):
        file = tmp_path / "reward.yaml"
        file.write_text(block, encoding="utf-8")
        assert loads(file)


def test_the_documents_name_every_filter_and_repair():
    text = (ROOT / "docs" / "cleaning.md").read_text(encoding="utf-8")
    for name in [*variant_names("datakit.filters"), *variant_names("datakit.repairs")]:
        assert f"`{name}`" in text


def test_the_documents_name_every_diagnosis_with_its_threshold():
    text = (ROOT / "docs" / "diagnose.md").read_text(encoding="utf-8")
    for name, diagnosis in load_diagnoses({}).items():
        row = next(line for line in text.split("\n") if line.startswith(f"| `{name}`"))
        assert re.search(rf"\| {diagnosis.threshold:g}[:, ]", row), name


def test_the_documents_name_every_check_of_an_audit_with_its_threshold():
    text = (ROOT / "docs" / "audit.md").read_text(encoding="utf-8")
    for name, check in load_audits({}).items():
        row = next(line for line in text.split("\n") if line.startswith(f"| `{name}`"))
        assert re.search(rf"\| {check.threshold:g}[: ]", row), name
        assert row.endswith("| yes |" if check.drops else "| no |"), name


def test_the_documents_name_every_option_of_the_trainings():
    text = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md"))
    for method in variant_names("train"):
        assert f"datakit train {method}" in text
        for name in trainer_class(method).model_fields.keys() | Trainer.model_fields.keys():
            assert f"`{name}`" in text, f"{method}: {name}"


@pytest.mark.filterwarnings("default")  # those of torch, transformers and trl
def test_every_yaml_in_examples_loads():
    for file in (ROOT / "examples").rglob("*.yaml"):
        assert loads(file)


def test_the_documents_name_every_built_in_rule():
    text = (ROOT / "docs" / "rules.md").read_text(encoding="utf-8")
    for name in variant_names("rewards.rules"):
        assert f"`{name}`" in text


def test_no_document_names_a_file_that_does_not_exist():
    for path in DOCS:
        for target in re.findall(r"\]\(([^)#]+)\)", path.read_text(encoding="utf-8")):
            assert target.startswith("http") or (path.parent / target).exists(), f"{path.name}: {target}"
