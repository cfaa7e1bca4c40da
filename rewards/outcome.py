"""What a scorer says of a candidate. A failure is never a zero."""

from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """The four outcomes; only `ok` has a value."""

    OK = "ok"
    SKIP = "skip"
    ERROR = "error"
    TIMEOUT = "timeout"


@dataclass(frozen=True, slots=True)
class Verdict:
    """A rule's answer with its reason: `Verdict(0.5, "two of four keywords")`."""

    value: float | bool | None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One judged candidate: `value` is a finite float exactly where `status` is ok."""

    status: Status
    value: float | None = None
    reason: str = ""
    seconds: float = 0.0
