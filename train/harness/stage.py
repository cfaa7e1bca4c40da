"""Stage train: a data set of the store, a model and a YAML to a trained model, recorded."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any

import pyarrow as pa

from datakit.progress import track
from datakit.run import Run
from datakit.store import Store, insert
from rewards.model_files import content_revision
from schemas.errors import ConfigError, DatakitError, NotFoundError, UserError
from schemas.identity import canonical_json, content_id
from schemas.options import TrainOptions
from schemas.report import Report, Table
from train.harness.building import build
from train.harness.estimate import describe
from train.harness.figures import is_noise
from train.harness.folder import Folder, is_main_process
from train.harness.models import load_tokenizer, refuse_adapter
from train.harness.plan import Plan
from train.harness.settings import read_settings
from train.harness.trainer import Job

DISK_FULL = ("No space left", "File too large", "file write failed", "Disk quota exceeded")
"""What the libraries say when a file cannot grow."""


def train(method: str, dataset: str, options: TrainOptions, *, store: Store) -> Report:
    """Train a model on a data set of the store.

    A training that was stopped goes on from its last checkpoint; one that is finished is left alone.

    Args:
        method: sft, reward, dpo, grpo, ppo, kto ...: a file in `train/`.
        dataset: name of the data set (`name[@version]`).
        options: the model, the settings and the output directory.
        store: where the data set is, and where the run is recorded.

    Raises:
        NotFoundError: no such data set or model.
        ConfigError: settings that do not fit each other, the data set or the output directory.
        UserError: the disk or the memory does not suffice.
    """
    plan = _plan(method, dataset, options, store)
    if options.dry_run:
        return describe(plan)
    if plan.folder.claim(plan.facts):
        return _report(plan, None, ("nothing to do: this training is finished",), {})
    with _one_line_errors(plan), _quiet():
        return _train(plan, store)


def _plan(method: str, dataset: str, options: TrainOptions, store: Store) -> Plan:
    settings = read_settings(method, options)
    local = Path(options.model).is_dir()
    if not local and options.model.startswith(("/", ".", "~")):
        raise NotFoundError(f"no model directory {options.model}")
    refuse_adapter(options.model)
    rows = settings.trainer.read(store, dataset, settings.arguments)
    revision = content_revision(Path(options.model)) if local else None
    facts = {
        "method": method,
        "dataset": str(rows.dataset),
        "model": revision or options.model,
        "settings": settings.described,
    }
    folder = Folder(options.output.absolute(), content_id(facts))
    return Plan(method, settings, rows, options.model, revision, folder, facts)


def _train(plan: Plan, store: Store) -> Report:
    """One run: recorded from its start, so that what it saw is known even if it never ends."""
    trainer, arguments = plan.settings.trainer, plan.settings.arguments
    params = {"method": plan.method, "model": plan.model, "config": plan.settings.described}
    params["output"] = str(plan.folder.path)
    inputs = {"dataset": str(plan.rows.dataset)}
    with Run(store, "train", params=params, inputs=inputs) as run, ExitStack() as closing:
        job = Job(
            model=plan.model,
            output=plan.folder.path,
            arguments=arguments,
            model_arguments=plan.settings.model_arguments,
            rows=plan.rows,
            store=store,
            run=run,
            notes=list(plan.settings.notes),
            identity=plan.folder.identity,
            closing=closing,
        )
        trainer.check(job)
        job.tokenizer = load_tokenizer(plan.model, arguments)
        worker, dropped = build(trainer, job)
        if is_main_process():
            _open_record(plan, run, dropped)
        _fit(plan, job, worker, run)
        worker.save_model(str(plan.folder.path))
        trainer.finish(job, worker)
        if is_main_process():
            _close_record(plan, job, run)
            plan.folder.finish(plan.facts)
    report = _report(plan, run.run_id, tuple(job.notes), job.metrics, *job.tables)
    return report.model_copy(update={"reasons": dict(run.reasons)})


def _fit(plan: Plan, job: Job, worker: Any, run: Run) -> None:
    """Train, from the last checkpoint if there is one; rank 0 shows and records."""
    from transformers import EarlyStoppingCallback, PrinterCallback

    from train.harness.recorder import Recorder

    worker.remove_callback(PrinterCallback)
    patience = plan.settings.trainer.early_stopping
    if patience and job.rows.validation is not None:
        worker.add_callback(EarlyStoppingCallback(patience))
    checkpoint = plan.folder.last_checkpoint()
    if checkpoint:
        job.notes.append(f"went on from {checkpoint.name}")
    total = plan.settings.trainer.steps(len(worker.train_dataset), job.arguments)
    with track(f"training {plan.method}", total) as bar:
        recorder = Recorder(run, bar, total=total, resumed=checkpoint is not None)
        if is_main_process():
            worker.add_callback(recorder)
        result = worker.train(resume_from_checkpoint=str(checkpoint) if checkpoint else None)
        job.metrics |= recorder.last | {"steps": result.global_step}
        if is_main_process():
            recorder.commit()


def _open_record(plan: Plan, run: Run, dropped: Sequence[Mapping[str, object]]) -> None:
    row = {
        "run_id": run.run_id,
        "method": plan.method,
        "dataset": plan.rows.dataset.name,
        "version": plan.rows.dataset.version,
        "model": plan.model,
        "model_revision": plan.revision,
        "config": canonical_json(plan.settings.described),
        "output": str(plan.folder.path),
    }
    prompts = plan.rows.prompt_ids
    seen = pa.table({"run_id": pa.array([run.run_id] * len(prompts), pa.string()), "prompt_id": prompts})
    with run.transaction() as con:
        insert(con, "trainings", pa.Table.from_pylist([row]))
        insert(con, "trained_prompts", seen)
        run.ledger(con, dropped)


def _close_record(plan: Plan, job: Job, run: Run) -> None:
    with run.transaction() as con:
        con.execute(
            "UPDATE trainings SET output_revision = ?, metrics = ? WHERE run_id = ?",
            [content_revision(plan.folder.path), canonical_json(job.metrics), run.run_id],
        )
    run.counts.update(rows=plan.rows.size, steps=int(job.metrics["steps"]))


def _report(
    plan: Plan, run_id: str | None, notes: tuple[str, ...], metrics: dict[str, float], *tables: Table
) -> Report:
    counts = {"rows": plan.rows.size}
    if plan.rows.validation is not None:
        counts["held-out rows"] = len(plan.rows.validation)
    if "steps" in metrics:
        counts["steps"] = int(metrics["steps"])
    figures = tuple((name, value) for name, value in metrics.items() if name != "steps" and not is_noise(name))
    last = (Table(title="Last figures", columns=("figure", "value"), rows=figures),) if figures else ()
    return Report(
        stage=f"train {plan.method}",
        dataset=plan.rows.dataset.name,
        version=plan.rows.dataset.version,
        run_id=run_id,
        counts=counts,
        notes=notes,
        tables=(*last, *tables),
        output=str(plan.folder.path),
        unchanged=run_id is None,
    )


@contextmanager
def _quiet() -> Iterator[None]:
    """Without the libraries' own bars and hints."""
    from datasets import disable_progress_bars, enable_progress_bars

    disable_progress_bars()
    try:
        yield
    finally:
        enable_progress_bars()


@contextmanager
def _one_line_errors(plan: Plan) -> Iterator[None]:
    """What the machine lacks becomes one line; what was done before is in the last checkpoint."""
    from safetensors import SafetensorError

    again = "the same command goes on from the last checkpoint"
    try:
        yield
    except DatakitError:
        raise
    except (OSError, RuntimeError, ValueError, SafetensorError) as error:
        text = " ".join(str(error).split())
        if any(sign in text for sign in DISK_FULL):
            raise UserError(f"the disk of {plan.folder.path} is full; make room, {again}") from error
        if "out of memory" in text or "can't allocate memory" in text:
            raise UserError(
                f"not enough memory: lower per_device_train_batch_size or max_length, or set gradient_checkpointing "
                f"({text[:200]}); {again}"
            ) from error
        if isinstance(error, ValueError):
            raise ConfigError(f"TRL refuses this training: {text[:500]}") from error
        raise
