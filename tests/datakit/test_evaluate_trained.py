"""Prompts that a model was trained on are refused, however the training is known: by content, by path, by a chain."""

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, ClassVar
from uuid import uuid4

import pyarrow as pa
import pytest

from datakit.engine import Completion, Engine, Failure, Request
from datakit.evaluate import Job, evaluate
from datakit.run import Run
from datakit.store import insert
from rewards.model_files import content_revision
from rewards.spec import load_reward
from schemas.errors import ConfigError, NotFoundError, UserError
from schemas.options import EvaluateOptions, RecipeOptions, RewardOptions, ScoreOptions
from schemas.report import Report

PROMPTS = [{"prompt": f"Question {number}?"} for number in range(6)]


class Parrot(Engine):
    """Answers with the prompt; remembers which adapter it was given."""

    asked: ClassVar[list[tuple[str, str | None, str]]] = []

    @property
    def version(self) -> str:
        return "parrot 1"

    def generate(self, requests: Iterable[Request], recipe: RecipeOptions) -> Iterator[Completion | Failure]:
        for request in requests:
            prompt = str(request.messages[-1]["content"])
            self.asked.append((self.model, recipe.adapter, prompt))
            yield Completion(request.key, prompt, "stop", 2)


@pytest.fixture
def lab(desk: Any, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A store with prompts, models on disk, and trainings that are said to have made them."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(desk.folder / "cache"))
    Parrot.asked.clear()
    (desk.folder / "rules.py").write_text(
        "from rewards import rule\n@rule\ndef long(completion: str) -> float:\n    return float(len(completion))\n"
    )
    desk.ingest(PROMPTS, "prompts.jsonl")
    desk.evaluate = lambda *models, **options: _evaluate(desk, models, options)
    desk.model = lambda name, content="", **files: _model(desk.folder / name, content or name, files)
    desk.train = lambda output, numbers, **fields: _train(desk, output, numbers, fields)
    return desk


def _evaluate(desk: Any, models: Sequence[Path], options: dict[str, Any]) -> Report:
    given = EvaluateOptions(**{"prompts": "prompts", "n": 1, **options})
    job = Job(load_reward(RewardOptions(rules=(desk.folder / "rules.py",))), given, score=ScoreOptions(workers=1))
    names = [str(model) for model in models]
    return evaluate(names, job, store=desk.store, engines={name: Parrot(model=name) for name in names})


def _model(folder: Path, content: str, files: dict[str, str]) -> Path:
    folder.mkdir(parents=True)
    (folder / "model.safetensors").write_text(content)
    for name, text in files.items():
        (folder / f"{name}.json").write_text(text)
    return folder


def _train(desk: Any, output: Path, numbers: Sequence[int], fields: dict[str, Any]) -> None:
    """A training that ended with `output` and saw the prompts of these numbers."""
    row = {
        "run_id": str(uuid4()),
        "method": "dpo",
        "dataset": "pairs",
        "version": 1,
        "model": "org/hub-model",
        "model_revision": None,
        "config": "{}",
        "output": str(output.absolute()),
        "output_revision": content_revision(output) if output.exists() else None,
    }
    row |= {name: str(value) if isinstance(value, Path) else value for name, value in fields.items()}
    ids = desk.sql("SELECT prompt_id::VARCHAR FROM prompts ORDER BY messages::VARCHAR")
    with Run(desk.store, "train", params={}, inputs={}) as run, run.transaction() as con:
        insert(con, "trainings", pa.Table.from_pylist([row]))
        seen = {"run_id": [row["run_id"]] * len(numbers), "prompt_id": [ids[number] for number in numbers]}
        insert(con, "trained_prompts", pa.table({name: pa.array(ids, pa.string()) for name, ids in seen.items()}))


def test_prompts_of_the_training_set_are_refused_in_one_line_that_says_how_to_mend_it(lab):
    model = lab.model("out")
    lab.train(model, [1, 4])
    with pytest.raises(UserError) as error:
        lab.evaluate(model)
    said = str(error.value)
    assert said.startswith("2 of the 6 prompts of prompts@1 were in the training set")
    assert f"2 of {model}, dpo on pairs@1 (run " in said
    assert said.endswith("--skip-trained leaves them out")
    assert "\n" not in said
    assert not Parrot.asked


def test_a_model_that_was_trained_on_other_prompts_is_evaluated(lab):
    lab.ingest([{"prompt": "Question 9?"}], "train.jsonl")
    model = lab.model("out")
    lab.train(model, [6])
    assert lab.evaluate(model).counts["prompts"] == 6


def test_a_copy_is_known_by_its_content(lab):
    lab.train(lab.model("out", "weights"), [0])
    with pytest.raises(UserError, match="1 of the 6 prompts"):
        lab.evaluate(lab.model("copied/elsewhere", "weights"))


def test_a_checkpoint_below_the_output_is_known_by_its_path(lab):
    lab.train(lab.model("out"), [0, 1, 2])
    with pytest.raises(UserError, match="3 of the 6 prompts"):
        lab.evaluate(lab.model("out/checkpoint-20"))
    assert lab.evaluate(lab.model("out/another-model")).counts["prompts"] == 6


def test_the_output_of_a_training_that_never_ended_is_known_by_its_path(lab):
    model = lab.model("out")
    lab.train(model, [5], output_revision=None)
    with pytest.raises(UserError, match="1 of the 6 prompts"):
        lab.evaluate(model)


def test_a_path_finds_its_training_through_links_and_dots(lab, monkeypatch):
    model = lab.model("out")
    lab.train(model, [5], output_revision="of another time")
    (lab.folder / "link").symlink_to(model)
    monkeypatch.chdir(lab.folder)
    for path in (Path("out"), Path("link"), lab.folder / "." / "out"):
        with pytest.raises(UserError, match="1 of the 6 prompts"):
            lab.evaluate(path)


def test_a_training_whose_output_was_overwritten_does_not_count(lab):
    model = lab.model("out", "new")
    lab.train(model, [0], output_revision="what was there before")
    lab.train(model, [1])
    report = lab.evaluate(model, skip_trained=True)
    assert {prompt for *_, prompt in Parrot.asked} == {f"Question {number}?" for number in (0, 2, 3, 4, 5)}
    assert report.reasons == {"trained_prompt": 1}


@pytest.mark.parametrize("by", ["content", "path"])
def test_a_chain_of_trainings_is_followed(lab, by):
    first, second, third = lab.model("sft"), lab.model("dpo"), lab.model("grpo")
    lab.train(first, [0], method="sft", dataset="examples")
    known = {"model": "/moved/away", "model_revision": content_revision(first)} if by == "content" else {"model": first}
    lab.train(second, [], **known)
    known = {"model": "elsewhere", "model_revision": content_revision(second)} if by == "content" else {"model": second}
    lab.train(third, [], **known)
    with pytest.raises(UserError, match=r"1 of the 6 prompts .*1 of .*sft, sft on examples@1"):
        lab.evaluate(third)


def test_trainings_in_a_circle_end(lab):
    model = lab.model("out")
    lab.train(model, [2], model=model, model_revision=content_revision(model))
    with pytest.raises(UserError, match="1 of the 6 prompts"):
        lab.evaluate(model)


def test_skipped_prompts_are_skipped_for_all_models_and_are_in_the_ledger(lab):
    one, other, base = lab.model("one"), lab.model("other"), lab.model("base")
    lab.train(one, [0, 1])
    lab.train(other, [1, 2])
    report = lab.evaluate(base, one, other, skip_trained=True)
    assert report.counts["prompts"] == 3
    assert report.reasons == {"trained_prompt": 3}
    assert any(note.startswith("left out: 3 of the 6 prompts") for note in report.notes)
    assert {prompt for *_, prompt in Parrot.asked} == {"Question 3?", "Question 4?", "Question 5?"}
    assert len(Parrot.asked) == 9
    ledger = lab.sql("SELECT l.stage, l.reason, p.messages->0->>'content' FROM ledger l JOIN prompts p "
                     "ON p.prompt_id = l.item_id ORDER BY 3")  # fmt: skip
    assert ledger == [("evaluate", "trained_prompt", f"Question {number}?") for number in range(3)]
    again = lab.evaluate(base, one, other, skip_trained=True)
    assert (again.figures, again.counts["generated"]) == (report.figures, 0)
    assert lab.sql("SELECT name, version FROM datasets ORDER BY ALL") == [("prompts", 1), ("prompts-untrained", 1)]
    assert lab.sql("SELECT count(*) FROM ledger") == [3]


def test_a_set_that_was_trained_on_whole_has_no_prompt_left(lab):
    model = lab.model("out")
    lab.train(model, range(6))
    with pytest.raises(UserError, match="no prompt is left: 6 of the 6 prompts"):
        lab.evaluate(model, skip_trained=True)


def test_an_adapter_is_evaluated_on_the_base_that_it_names(lab):
    base = lab.model("base")
    adapter = lab.model("lora", adapter_config=json.dumps({"base_model_name_or_path": str(base)}))
    report = lab.evaluate(base, adapter)
    assert {found[1] for found in Parrot.asked} == {None, str(adapter)}
    first, second = report.figures["models"]
    assert (first["base"], first["adapter"]) == (str(base), None)
    assert (second["model"], second["label"], second["base"], second["adapter"]) == (
        str(adapter),
        "lora",
        str(base),
        str(adapter),
    )


def test_what_an_adapter_or_its_base_was_trained_on_is_refused(lab):
    base = lab.model("base")
    adapter = lab.model("lora", adapter_config=json.dumps({"base_model_name_or_path": str(base)}))
    lab.train(base, [0])
    with pytest.raises(UserError, match="1 of the 6 prompts"):
        lab.evaluate(adapter)
    lab.train(adapter, [1, 2])
    with pytest.raises(UserError, match=r"3 of the 6 prompts .* others of 1 other training;"):
        lab.evaluate(adapter)


def test_an_adapter_that_is_none_is_one_line(lab):
    lost = lab.model("lost", adapter_config=json.dumps({"base_model_name_or_path": "/not/there"}))
    with pytest.raises(NotFoundError, match=r"adapter .*lost: its base: no model directory /not/there"):
        lab.evaluate(lost)
    with pytest.raises(ConfigError, match="does not name its base"):
        lab.evaluate(lab.model("nameless", adapter_config="{}"))
    with pytest.raises(ConfigError, match="is no JSON object"):
        lab.evaluate(lab.model("broken", adapter_config="{"))
    base = lab.model("base")
    adapter = lab.model("lora", adapter_config=json.dumps({"base_model_name_or_path": str(base)}))
    with pytest.raises(ConfigError, match="is an adapter itself"):
        lab.evaluate(adapter, adapter=str(adapter))


def test_the_same_model_under_two_paths_is_one_model(lab):
    with pytest.raises(UserError, match=r"two is the same model as .*one; name every model once"):
        lab.evaluate(lab.model("one", "same"), lab.model("two", "same"))


def test_models_are_called_by_the_end_of_their_path_that_tells_them_apart(lab):
    one, two = lab.model("a/final"), lab.model("b/final")
    assert [model["label"] for model in lab.evaluate(one, two).figures["models"]] == ["a/final", "b/final"]
