"""Checkpoints wait until the answers that were drawn are used up: a resumption draws anew.

Imports transformers, so it is imported only where something is trained.
"""

from transformers import TrainerCallback, TrainerControl, TrainerState, TrainingArguments


class WholeRollouts(TrainerCallback):  # type: ignore[misc]  # transformers has no types here
    """Puts a checkpoint off to the end of its batch of rollouts, so that a resumed training is the unbroken one."""

    def __init__(self, parts: int) -> None:
        self.parts = parts
        """Micro-batches for which a batch of rollouts is used."""
        self._due = False

    def on_step_end(
        self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: object
    ) -> None:
        """Keep back a checkpoint that is due, or let it go."""
        self._due |= control.should_save
        whole = state.global_step * args.gradient_accumulation_steps % self.parts == 0
        control.should_save = self._due and (whole or state.global_step >= state.max_steps)
        self._due &= not control.should_save
