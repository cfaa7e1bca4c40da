"""The output directory of a training: whose it is, whether it is finished, and where to go on."""

import json
import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from schemas.errors import ConfigError, UserError
from schemas.identity import canonical_json

NOTE = "datakit-training.json"
"""Written beside the model: what was trained, from what, and how."""


@dataclass(frozen=True, slots=True)
class Folder:
    """An output directory, and the identity of the training that it is for."""

    path: Path
    identity: str
    """Of data set, model and settings."""

    def claim(self, facts: dict[str, Any]) -> bool:
        """Make the directory this training's own, unless it is that already.

        Returns:
            Whether this training was finished there before: then there is nothing to do.

        Raises:
            ConfigError: it holds something else.
            UserError: it cannot be written.
        """
        note = self._read()
        if note is None and self.path.is_dir() and any(self.path.iterdir()):
            raise ConfigError(f"-o {self.path} is not empty and holds no training of Datakit; name another directory")
        if note and note.get("identity") != self.identity and self._began():
            changed = [key for key, value in facts.items() if note.get("facts", {}).get(key) != value]
            raise ConfigError(
                f"-o {self.path} holds another training (it differs in {', '.join(changed) or 'its settings'}); "
                "name another directory"
            )
        if note and note.get("finished"):
            return True
        if is_main_process():
            self.write({"facts": facts, "finished": False})
        return False

    def finish(self, facts: dict[str, Any]) -> None:
        """Note that the model is complete.

        Raises:
            UserError: the directory cannot be written.
        """
        self.write({"facts": facts, "finished": True})

    def write(self, content: dict[str, Any]) -> None:
        """Replace the note in one step."""
        target, draft = self.path / NOTE, self.path / f".{NOTE}.{os.getpid()}"
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            draft.write_text(canonical_json({"identity": self.identity, **content}) + "\n", encoding="utf-8")
            draft.replace(target)
        except OSError as error:
            raise UserError(f"cannot write {target}: {error.strerror}") from error

    def last_checkpoint(self) -> Path | None:
        """The newest checkpoint that was written to its end: the trainer's state comes last."""
        found = [path for path in self.path.glob("checkpoint-*") if _read_json(path / "trainer_state.json")]
        steps = {int(path.name.rpartition("-")[2]): path for path in found if path.name.rpartition("-")[2].isdigit()}
        return steps[max(steps)] if steps else None

    def _began(self) -> bool:
        """Whether there is more than the note: a training that could not begin leaves nothing to lose."""
        return any(path.name != NOTE for path in self.path.iterdir())

    def _read(self) -> dict[str, Any] | None:
        return _read_json(self.path / NOTE)


def is_main_process() -> bool:
    """Whether this process writes: the first of those that `accelerate launch` started, or the only one."""
    return os.environ.get("RANK", "0") == "0"


def _read_json(path: Path) -> dict[str, Any] | None:
    """An object in a file; None where there is no file, or it was cut off."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    return found if isinstance(found, dict) else None
