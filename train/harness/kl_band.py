"""The KL divergence from the reference, watched: outside a band the policy drifts, or is held too tightly.

Imports transformers, so it is imported only where something is trained.
"""

import sys
from collections.abc import Mapping

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments

WARMUP = 0.1
"""Share of the steps in which the KL has yet to grow from 0; TRL's own warm-up, where that is longer."""


class KlBand(TrainerCallback):  # type: ignore[misc]  # transformers has no types here
    """Says when the logged KL leaves the band, and at the end how often it was outside."""

    def __init__(self, band: tuple[float, float], coefficient: str, start: int = 0) -> None:
        self.low, self.high = band
        self.start = start
        """Steps before the policy begins to learn."""
        self.coefficient = coefficient
        """What moves the KL: its name, and what it was at first."""
        self._logged = self._outside = 0
        self._last = 0.0
        self._side = ""

    def on_log(
        self,
        args: TrainingArguments,
        state: TrainerState,
        control: TrainerControl,
        logs: Mapping[str, object] | None = None,
        **kwargs: object,
    ) -> None:
        """Compare a figure with the band; a line where it leaves it."""
        value = (logs or {}).get("kl")
        # 1: in the first step the policy still is the reference
        warmup = max(args.get_warmup_steps(state.max_steps), WARMUP * state.max_steps, 1)
        if not isinstance(value, int | float) or state.global_step <= self.start + warmup:
            return
        side = "above" if value > self.high else "below" if value < self.low else ""
        self._logged += 1
        self._outside += bool(side)
        self._last = float(value)
        if side and side != self._side and state.is_world_process_zero:
            sys.stderr.write(f"warning: step {state.global_step}: {self._line(side, self._last)}\n")
        self._side = side

    def note(self) -> str | None:
        """What the report says; None where the KL stayed in the band."""
        if not self._outside:
            return None
        where = self._line(self._side, self._last) if self._side else "back in it at the end"
        return (
            f"warning: KL outside {self.low:g} to {self.high:g} in {self._outside} of {self._logged} figures; {where}"
        )

    def _line(self, side: str, value: float) -> str:
        mended = "a larger" if side == "above" else "a smaller"
        return f"KL {value:.3g} is {side} {self.low:g} to {self.high:g}; {mended} {self.coefficient} moves it back"
