"""Reading a YAML file: what is wrong with it is said with its name and line."""

import re
from pathlib import Path
from typing import Any

import yaml

from schemas.errors import ConfigError

_NUMBERS = ("tag:yaml.org,2002:int", "tag:yaml.org,2002:float")
_DOUBTFUL = re.compile(r"[-+]?0[0-9]|.*[:_]")
"""Numbers of YAML 1.1 that people do not mean: 010 would be 8, and 1:30 be 90."""
_EXPONENT = re.compile(r"[-+]?[0-9]+(\.[0-9]*)?[eE][-+]?[0-9]+$")
"""1e-3, which YAML 1.1 takes for text."""


class _Loader(yaml.SafeLoader):
    """Refuses a key that is there twice, where YAML's readers take the last; doubtful numbers stay text."""

    def compose_mapping_node(self, anchor: Any) -> yaml.MappingNode:
        node = super().compose_mapping_node(anchor)
        seen = set()
        for key, _ in node.value:
            spelt = (key.tag, str(key.value))
            if spelt in seen:
                raise yaml.composer.ComposerError(None, None, f"the key {key.value!r} is there twice", key.start_mark)
            seen.add(spelt)
        return node

    def resolve(self, kind: type[yaml.Node], value: Any, implicit: Any) -> str:
        tag: str = super().resolve(kind, value, implicit)  # type: ignore[no-untyped-call]
        return self.DEFAULT_SCALAR_TAG if tag in _NUMBERS and _DOUBTFUL.match(value) else tag


_Loader.add_implicit_resolver("tag:yaml.org,2002:float", _EXPONENT, list("-+0123456789"))


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
        return yaml.load(text, Loader=_Loader)  # noqa: S506  (a SafeLoader)
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
