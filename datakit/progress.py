"""Progress bars for anything longer than a second; on stderr, and only on a terminal."""

import time
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn


class Bar:
    """Counts finished items, and units of work beside them (tokens, say) for a rate."""

    def __init__(self, progress: Progress, label: str, total: int | None, unit: str) -> None:
        self._progress = progress
        self._task = progress.add_task(label, total=total, rate="")
        self._unit = unit
        self._units = 0
        self._started = time.monotonic()

    def advance(self, items: int = 1, units: int = 0) -> None:
        """Note finished items, and the units that they took."""
        self._units += units
        seconds = time.monotonic() - self._started
        rate = f"{self._units / seconds:,.0f} {self._unit}/s" if self._unit and seconds > 0 else ""
        self._progress.update(self._task, advance=items, rate=rate)

    def say(self, line: str) -> None:
        """A line above the bar; where there is no terminal, the line alone."""
        self._progress.console.print(line, highlight=False, markup=False, soft_wrap=True)


@contextmanager
def track(label: str, total: int | None, *, unit: str = "") -> Iterator[Bar]:
    """A progress bar: what, how much of it, time left, and with `unit` a rate."""
    console = Console(stderr=True)
    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("{task.fields[rate]}"),
        TimeRemainingColumn(),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as progress:
        yield Bar(progress, label, total, unit)
