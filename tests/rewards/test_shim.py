"""`export-reward`: the one file that a trainer loads, loaded as trainers do."""

import importlib.util
import shutil
import sys
from types import ModuleType

import pytest

from rewards.plugins import variant_names
from rewards.shim import export_reward
from schemas.errors import ConfigError, InputError
from schemas.options import RewardOptions, ShimOptions

RULES = """
from rewards import rule

@rule
def right(completion: str, answer: str) -> bool:
    if completion == "raise":
        raise ValueError("a mistake")
    return completion == answer
"""


@pytest.fixture
def write(tmp_path):
    (tmp_path / "rules.py").write_text(RULES)
    (tmp_path / "reward.yaml").write_text("name: demo\nrules: rules.py\nscorers:\n  - {rule: right}\n")

    def written(to, *, reward=None, **options):
        output = tmp_path / f"reward_{to}.py"
        asked = reward or RewardOptions(reward=tmp_path / "reward.yaml")
        export_reward(asked, ShimOptions(to=to, output=output, **{"label": "answer", **options}))
        return output

    return written


def loaded(path):
    """A file as verl, OpenRLHF and ms-swift load it: by its path, under a name of their own."""
    spec = importlib.util.spec_from_file_location("custom_module", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def orms(monkeypatch):
    """What the file for ms-swift imports: a base class and a registry."""
    package, rewards_of = ModuleType("swift"), ModuleType("swift.rewards")
    rewards_of.ORM, rewards_of.orms = type("ORM", (), {"__init__": lambda self, args=None, **kwargs: None}), {}
    monkeypatch.setitem(sys.modules, "swift", package)
    monkeypatch.setitem(sys.modules, "swift.rewards", rewards_of)
    return rewards_of.orms


def test_each_trainer_gets_the_function_it_looks_for(write, orms):
    verl = loaded(write("verl")).compute_score
    assert verl("gsm8k", "42", "42", {"split": "train"}) == {"score": 1.0, "right": 1.0}
    assert verl(data_source="gsm8k", solution_str="41", ground_truth="42", extra_info=None, beam=1)["score"] == 0.0
    assert loaded(write("openrlhf")).reward_func(["p42"], ["p"], ["42"])["rewards"] == [1.0]
    trl = loaded(write("trl")).reward
    assert trl(prompts=["p"], completions=["42"], completion_ids=[[1]], answer=["42"]) == [1.0]
    assert loaded(write("verifiers", on_skip=0, on_error=-1)).reward("p", "raise", "42") == -1.0
    loaded(write("swift"))
    assert orms["datakit"]()(["42", "raise"], answer=["42", "42"]) == [1.0, None]


def test_the_file_moves_with_the_spec_beside_it_and_finds_one_elsewhere(write, tmp_path):
    beside = write("verl")
    there = tmp_path / "there"
    there.mkdir()
    for name in ("rules.py", "reward.yaml", beside.name):
        shutil.copy(tmp_path / name, there / name)
        (tmp_path / name).rename(tmp_path / f"old {name}")
    assert loaded(there / beside.name).compute_score("d", "42", "42")["score"] == 1.0
    elsewhere = tmp_path / "shims" / "a.py"
    elsewhere.parent.mkdir()
    asked = RewardOptions(rules=(there / "rules.py",))
    export_reward(asked, ShimOptions(to="verl", output=elsewhere, label="answer"))
    assert loaded(elsewhere).compute_score("d", "42", "42")["score"] == 1.0


def test_a_service_can_judge_instead(write):
    path = write("verl", reward=RewardOptions(), url="http://127.0.0.1:9/")
    assert "JUDGE = 'http://127.0.0.1:9'" in path.read_text()
    assert callable(loaded(path).compute_score)


def test_what_does_not_fit_is_refused_and_nothing_is_written(write, tmp_path):
    for message, arguments in {
        "did you mean 'verl'": {"to": "verll"},
        "makes 0.0 of every exception: state --on-skip and --on-error": {"to": "verifiers"},
        "name --rules FILE.py or --reward SPEC.yaml": {"to": "verl", "reward": RewardOptions()},
        "no address of a reward service": {"to": "verl", "reward": RewardOptions(), "url": "localhost:8000"},
        "a service that has its own reward": {"to": "verl", "url": "http://127.0.0.1:8000"},
    }.items():
        with pytest.raises(ConfigError) as caught:
            write(**arguments)
        assert message in str(caught.value)
    assert not list(tmp_path.glob("reward_*.py"))


def test_a_file_that_is_there_is_kept_unless_told(write):
    write("verl")
    with pytest.raises(InputError, match="is there already; --force writes over it"):
        write("verl")
    assert "on_skip" in write("verl", on_skip=0.5, force=True).read_text()


def test_a_dialect_that_is_a_function_has_a_file():
    import rewards.dialects

    with_files = set(rewards.dialects.__all__)
    assert with_files <= set(variant_names("rewards.dialects"))
    assert with_files == {"openrlhf", "swift", "trl", "verifiers", "verl"}
