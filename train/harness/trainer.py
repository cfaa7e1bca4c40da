"""What a method of training must offer. A trainer is a file in `train/`; its name is the name on the command line."""

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar

from pydantic import Field

from datakit.run import Run
from datakit.store import Store
from schemas.base import Frozen
from schemas.report import Table
from train.harness.rows import Rows

FOLDER = "folder"
"""Key of pydantic's validation context: the directory of the YAML file, which its paths are relative to."""


@dataclass
class Job:
    """One training, everything about it decided; handed to the trainer's methods."""

    model: str
    """Directory (or hub name) of the model to start from."""
    output: Path
    arguments: Any
    """TRL's config of the method."""
    model_arguments: Any
    """TRL's ModelConfig: dtype, attention, LoRA, quantization."""
    rows: Rows
    store: Store
    run: Run
    """What is written belongs to it; only the main process writes."""
    tokenizer: Any = None
    callbacks: Sequence[Any] = ()
    notes: list[str] = field(default_factory=list)
    """Lines for the report."""
    metrics: dict[str, float] = field(default_factory=dict)
    """Last figures, for the report and the store; trainers add their own."""
    tables: list[Table] = field(default_factory=list)
    identity: str = ""
    """Of data set, model and settings."""
    closing: ExitStack = field(default_factory=ExitStack)
    """What has to end with the training, whatever ends it."""


class Trainer(Frozen):
    """A method of training, with the settings that are ours; TRL's stand in the same YAML and go to TRL's config."""

    form: ClassVar[str]
    """The form of data set that it reads (datakit.trl_rows)."""
    config_name: ClassVar[str]
    """TRL's config class."""
    defaults: ClassVar[Mapping[str, Any]] = {}
    """Where the defaults differ from TRL's, for every method (train/harness/settings.py) or this one."""
    too_long: ClassVar[str] = "the prompt fills"
    """What TRL leaves a row out for; the ledger's detail is this and max_length."""

    validation: float = Field(0.05, ge=0, lt=1)
    """Share of the prompts that are held out; their rows are never trained on."""
    early_stopping: int | None = Field(None, ge=1)
    """Stop after so many evaluations without a better validation loss, and load the best model; null: never."""

    def defaults_for(self, model: str, lora: bool) -> Mapping[str, Any]:
        """TRL options that follow from the model, where the YAML does not give them."""
        return {}

    def implied(self) -> Mapping[str, tuple[str, Any]]:
        """TRL options that follow from ours: which of ours says them, and their value; the YAML cannot give them."""
        return {}

    def describe(self) -> dict[str, Any]:
        """Our settings, as they are recorded and as they tell one training from another; JSON values."""
        return self.model_dump(mode="json")

    def steps(self, rows: int, arguments: Any) -> int:
        """Optimizer steps of a training on so many rows."""
        from train.harness.estimate import optimizer_steps

        return optimizer_steps(rows, arguments)

    def read(self, store: Store, name: str, arguments: Any) -> Rows:
        """The rows of the data set, split by prompt.

        Raises:
            ConfigError: the data set does not have the trainer's form, or no rows.
        """
        from train.harness.rows import Reading, read_rows

        return read_rows(store, name, Reading(self.form, self.validation, arguments.seed))

    def check(self, job: Job) -> None:
        """Refuse what should not be trained on; warn by `job.notes`. Runs before any model is loaded.

        Raises:
            ConfigError: in one line, with how to mend it.
        """

    def loads(self, job: Job) -> Any:
        """The model to train."""
        from train.harness.models import load_causal

        return load_causal(job)

    @abstractmethod
    def build(self, job: Job, model: Any) -> Any:
        """TRL's trainer of the method, ready to train."""

    def finish(self, job: Job, trainer: Any) -> None:
        """After training, the model saved: add figures to `job.metrics` and tables to `job.tables`."""
