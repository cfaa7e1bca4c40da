"""Reading a YAML file: what is wrong with it is said with its name and line."""

from pathlib import Path
from typing import Any

import yaml

from schemas.errors import ConfigError


def read_yaml(path: Path, what: str) -> Any:
    """What the file holds.

    Args:
        path: the file.
        what: what it should be, for the message.

    Raises:
        ConfigError: it cannot be read, or is not YAML.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the {what}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}: not UTF-8 at byte {error.start}") from error
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError as error:
        line, problem = _problem(error, text)
        raise ConfigError(f"{path}:{line}: not YAML: {problem}") from error


def _problem(error: yaml.YAMLError, text: str) -> tuple[int, str]:
    """The line, and what is wrong there."""
    match error:
        case yaml.MarkedYAMLError(problem_mark=yaml.Mark(line=line)):
            return line + 1, ", ".join(said for said in (error.context, error.problem) if said)
        case yaml.reader.ReaderError():
            return text.count("\n", 0, error.position) + 1, f"character {chr(error.character)!r} is not allowed"
        case _:
            return 1, " ".join(str(error).split())
