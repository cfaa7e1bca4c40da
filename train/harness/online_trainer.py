"""TRL's GRPOTrainer with two additions: its completions are kept, and a loss on examples may be mixed in.

Imports TRL, so it is imported only where something is trained.
"""

import logging
from collections.abc import Sequence
from typing import Any

import pyarrow as pa
from accelerate.utils import gather_object
from trl import GRPOTrainer

from datakit.outcomes import MOST_IDENTICAL, Streak
from rewards.judged import block
from rewards.slot import CODES
from schemas.errors import StageStopped
from train.harness.completion_log import CompletionLog
from train.harness.online_reward import OnlineReward
from train.harness.sft_mix import Mix


class OnlineTrainer(GRPOTrainer):  # type: ignore[misc]  # TRL has no types here
    """GRPOTrainer on an `OnlineReward`.

    A completion without a reward (a scorer failed, or none applied) is NaN to TRL: it gets no advantage, and is left
    out of its group's mean and spread.
    """

    def __init__(
        self, *args: Any, reward: OnlineReward, completions: CompletionLog | None, mix: Mix | None, **more: Any
    ) -> None:
        logging.getLogger(GRPOTrainer.__module__).addFilter(_is_no_dump)
        super().__init__(*args, reward_funcs=reward, **more)
        self.completions = completions
        """Where they are kept; None in all processes but the main one."""
        self._reward, self._mix = reward, mix
        self._streaks = [Streak(scorer) for scorer in reward.reward.scorers]

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any) -> Any:
        rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        if self.model.training:  # held-out prompts are not kept: pairs made of them would be trained on
            answers = pa.concat_tables(gather_object([self._reward.last]))
            if self.completions is not None:
                self.completions.add(answers, self.state.global_step, self.num_generations)
            self._stop_if_broken(answers)
        return rewards

    def _compute_loss(self, model: Any, inputs: Any) -> Any:
        loss = super()._compute_loss(model, inputs)
        if self._mix is None or not self.model.training:
            return loss
        parts = self.current_gradient_accumulation_steps
        number = self.state.global_step * self.args.gradient_accumulation_steps + self._step % parts
        place = number * self.accelerator.num_processes + self.accelerator.process_index
        extra = self._mix.loss(model, place, self.accelerator.device)
        self._metrics["train"]["sft_loss"].append(self.accelerator.gather(extra.detach()).mean().item())
        return loss + self._mix.weight * extra / parts

    def _stop_if_broken(self, answers: pa.Table) -> None:
        """Raises:
        StageStopped: a scorer failed in the same way many times in a row; training on would only cost time.
        """
        for place, streak in enumerate(self._streaks):
            status, value, reason, seconds = (
                answers.column(f"{name}{place}").combine_chunks() for name in ("status", "value", "reason", "seconds")
            )
            codes = pa.array([_CODES[one] for one in status.to_pylist()], pa.int8())
            streak.add(block(pa.array(range(len(answers))), codes, value, reason, seconds))
            if streak.broken:
                raise StageStopped(
                    f"rule {streak.scorer.name}: {MOST_IDENTICAL} completions in a row ended in the same "
                    f"{streak.what[0]} ({streak.what[1]}), so it seems broken; the same command goes on from the last "
                    "checkpoint"
                )


_CODES = {str(status): code for code, status in enumerate(CODES)}


def ends_of(model: Any, tokenizer: Any) -> frozenset[int]:
    """The tokens that end an answer, as TRL has them."""
    own = model.generation_config.eos_token_id
    listed: Sequence[int | None] = own if isinstance(own, list) else [own]
    return frozenset({tokenizer.eos_token_id, tokenizer.pad_token_id, *listed} - {None})


def _is_no_dump(record: logging.LogRecord) -> bool:
    """Not TRL's warning that a reward is None, which prints the whole prompt; the reward function says it in a line."""
    return "All reward functions returned None" not in record.getMessage()
