"""A training, decided and not yet begun."""

from dataclasses import dataclass
from typing import Any

from train.harness.folder import Folder
from train.harness.rows import Rows
from train.harness.settings import Settings


@dataclass(frozen=True, slots=True)
class Plan:
    """A method, its settings, the rows and the model."""

    method: str
    settings: Settings
    rows: Rows
    model: str
    revision: str | None
    """The model's content; None for a name on a hub."""
    folder: Folder
    facts: dict[str, Any]
    """What the result depends on."""
