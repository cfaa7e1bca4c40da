"""What an engine must offer: requests in, completions out as they finish. Variants: datakit/engines/."""

from abc import ABC, abstractmethod
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from rewards.reasoning import OPEN
from schemas.base import Frozen
from schemas.options import RecipeOptions

Message = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Request:
    """One answer to draw."""

    key: str
    """The candidate id that the answer will get."""
    messages: list[Message]
    tools: list[dict[str, Any]] | None
    seed: int
    """Seed of this draw: base(prompt, recipe) + sample index."""


@dataclass(frozen=True, slots=True)
class Completion:
    """One answer."""

    key: str
    text: str
    """What the model said, as it said it: reasoning is split off later, in one place."""
    finish_reason: str | None
    """stop, length or tool_calls."""
    n_tokens: int | None
    reasoning: str | None = None
    """Reasoning, where the engine hands it over apart from the text."""
    tool_calls: list[dict[str, Any]] | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """A request that gave no answer; goes to the ledger and is tried again on the next run."""

    key: str
    reason: str
    """prompt_too_long, transport, refused ..."""
    detail: str = ""


def with_opening(prompt_end: str, text: str) -> str:
    """A completion as if the model itself had opened its reasoning, where the chat template did that for it."""
    return OPEN + text if prompt_end.rstrip().endswith(OPEN) else text


class Engine(Frozen, ABC):
    """Base of the engines. The fields are the engine's own options; they are not part of a recipe."""

    model: str
    """Model directory, hub name, or the server's name for it."""

    @property
    @abstractmethod
    def version(self) -> str:
        """Name and version, recorded with every candidate."""

    @abstractmethod
    def generate(self, requests: Iterable[Request], recipe: RecipeOptions) -> Iterator[Completion | Failure]:
        """Answer every request, in the order in which they finish.

        `requests` is lazy and may be long: pull more only as there is room. Each key is answered exactly once.
        """

    def close(self) -> None:
        """Free what the engine holds; it loads again if it is used again."""
