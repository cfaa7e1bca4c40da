"""What one program may use."""

from dataclasses import dataclass
from typing import ClassVar


@dataclass(frozen=True, slots=True)
class Limits:
    """Limits of one run; each is enforced by the kernel, except time on the clock and output (by the guard)."""

    __pydantic_config__: ClassVar[dict[str, str]] = {"extra": "forbid"}  # in a spec, a typo is an error

    cpu_seconds: float = 5.0
    """CPU time of a process; the kernel counts whole seconds, so it is rounded up."""
    memory_mb: int = 512
    """Address space of a process."""
    fork: bool = False
    """Whether it may start processes. Without, one process (with threads) is all there is."""
    tasks: int = 32
    """Threads and processes at a time, with the five of the sandbox itself."""
    file_mb: int = 16
    """Size of a file; all files together may take four times as much."""
    output_kb: int = 1024
    """What it may print."""

    def __post_init__(self) -> None:
        if min(self.cpu_seconds, self.memory_mb, self.tasks, self.file_mb, self.output_kb) <= 0:
            raise ValueError("limits: each must be more than 0")

    @property
    def wall_seconds(self) -> float:
        """Time on the clock: a program that sleeps ends too, one that shares its core is not cut short."""
        return 2 * self.cpu_seconds + 1
