"""PPO on TRL's GRPOTrainer: its advantages come from a critic, token by token, and the critic learns beside the policy.

Generation, rewards, the clipped policy loss, logs and checkpoints are TRL's; the arithmetic is in ppo_math.
Imports TRL, so it is imported only where something is trained.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch

from schemas.errors import ConfigError
from train.harness.critic import Critic
from train.harness.online_trainer import OnlineTrainer
from train.harness.ppo_math import (
    adapted,
    explained_variance,
    gae,
    kl_mean,
    masked_mean,
    token_rewards,
    value_loss,
    whiten,
)
from train.harness.ppo_options import PpoOptions


class PpoTrainer(OnlineTrainer):
    """OnlineTrainer with advantages per token.

    An answer without a reward is out of the policy loss, the value loss, the whitening and every figure of ours.
    """

    def __init__(self, *args: Any, options: PpoOptions, critic: Callable[[Any], Critic], **more: Any) -> None:
        super().__init__(*args, **more)
        if self.is_deepspeed_enabled or self.is_fsdp_enabled:
            raise ConfigError("ppo trains with one process or with DDP; its critic cannot be sharded")
        self.options = options
        self.kl_coef = options.kl_coef
        self.critic = self.accelerator.prepare_model(critic(self.accelerator.unwrap_model(self.model)))
        self.beta = 0.0
        self._scores: Any = None
        self._stepped = True

    # The rollout

    def _calculate_rewards(self, inputs: Any, prompts: Any, completions: Any, completion_ids_list: Any) -> Any:
        rewards = super()._calculate_rewards(inputs, prompts, completions, completion_ids_list)
        start = self.accelerator.process_index * len(prompts)
        self._scores = rewards[start : start + len(prompts), 0] * self.reward_weights[0].to(rewards.device)
        return rewards

    def _generate_and_score_completions(self, inputs: Any) -> Any:
        self.beta = self.args.beta  # not 0: TRL asks the reference for its log-probabilities ...
        batch = super()._generate_and_score_completions(inputs)
        self.beta = 0.0  # ... and would add a KL term to the loss; ours is in the rewards
        with torch.no_grad():
            self._value(batch)
        return batch

    def _value(self, batch: dict[str, Any]) -> None:
        """Replace the advantages of answers by those of tokens; note what the losses compare with."""
        mask = batch["completion_mask"] * (~self._scores.isnan()).unsqueeze(1)
        batch["tool_mask"] = mask  # TRL's name for what the loss leaves out and the attention does not
        batch["num_items_in_batch"] = self._add(mask.sum())
        if "old_per_token_logps" not in batch:
            batch["old_per_token_logps"] = self._log_probabilities(batch)
        policy = batch["old_per_token_logps"]
        log_ratio = (policy - batch.get("ref_per_token_logps", policy)).masked_fill(mask == 0, 0.0)
        rewards = token_rewards(self._scores_of_ends(batch), log_ratio, mask, self.kl_coef)
        values = self._values(batch) * mask
        advantages = gae(rewards, values, mask, self.options.gamma, self.options.lam)
        batch["old_values"], batch["returns"] = values, advantages + values
        batch["advantages"] = whiten(advantages, mask, self._add) if self.options.whiten_advantages else advantages
        followed = gae(rewards, torch.zeros_like(values), mask, self.options.gamma, 1.0)
        self._note("explained_variance", explained_variance(values, batch["returns"], mask, self._add))
        self._note("explained_variance/whole", explained_variance(values, followed, mask, self._add))
        if self.args.beta and batch["num_items_in_batch"]:
            self._watch(kl_mean(log_ratio, mask, self._add))

    def _scores_of_ends(self, batch: dict[str, Any]) -> Any:
        """The scores, less the penalty of an answer that was cut off."""
        ends = torch.tensor(sorted(self._reward.policy.ends), device=self._scores.device)
        last = (batch["completion_mask"].sum(1, keepdim=True) - 1).clamp(min=0)
        cut = ~torch.isin(batch["completion_ids"].gather(1, last).squeeze(1), ends)
        return self._scores - self.options.missing_eos_penalty * cut

    def _watch(self, kl: float) -> None:
        self._note("kl", kl)
        self._note("kl_coef", self.kl_coef)
        if self.options.kl_adaptive and self.options.kl_band and self.model.training and not self._warming():
            self.kl_coef = adapted(self.kl_coef, kl, self.options.kl_band, self.options.kl_gain)

    def _log_probabilities(self, batch: dict[str, Any]) -> Any:
        size = self.args.per_device_train_batch_size
        return self._get_per_token_logps_and_entropies(self.model, *_sequences(batch), batch_size=size)[0]

    def _values(self, batch: dict[str, Any]) -> Any:
        ids, mask, keep = _sequences(batch)
        size = self.args.per_device_train_batch_size
        return torch.cat([self.critic(*part, keep) for part in zip(ids.split(size), mask.split(size), strict=True)])

    # The update

    def training_step(self, model: Any, inputs: Any, num_items_in_batch: Any = None) -> Any:
        """See transformers, which clears the gradients of the policy only."""
        if self._stepped:
            self.critic.zero_grad()
        self._stepped = self.accelerator.sync_gradients  # an epoch's last step may have fewer micro-batches
        return super().training_step(model, inputs, num_items_in_batch)

    def _compute_loss(self, model: Any, inputs: Any) -> Any:
        policy = 0.0 if self._warming() else super()._compute_loss(model, inputs)
        return policy + self.options.vf_coef * self._value_loss(inputs)

    def _warming(self) -> bool:
        """Whether only the critic learns."""
        return bool(self.model.training) and self.state.global_step < self.options.critic_warmup_steps

    def _value_loss(self, inputs: dict[str, Any]) -> Any:
        """Of the tokens of a micro-batch, weighed as TRL's loss_type dapo weighs them in the policy's."""
        mask, old = inputs["tool_mask"], inputs["old_values"]
        shared = self.options.critic == "shared"
        values = self.critic(*_sequences(inputs), head_only=shared and self._warming())
        losses = value_loss(values, old, inputs["returns"], self.options.cliprange_value)
        self._note("value_loss", float(masked_mean(losses.detach(), mask, self._add)))
        clipped = ((values.detach() - old).abs() > self.options.cliprange_value).float()
        self._note("value_clip_ratio", float(masked_mean(clipped, mask, self._add)))
        tokens = inputs["num_items_in_batch"].clamp(min=1.0) / self.accelerator.num_processes
        if self.model.training:
            tokens = tokens * self.current_gradient_accumulation_steps / self.args.steps_per_generation
        return (losses * mask).sum() / tokens

    def _clip_grad_norm(self, model: Any) -> Any:
        norm = super()._clip_grad_norm(model)  # first: with fp16 it takes the loss scale off all gradients
        torch.nn.utils.clip_grad_norm_(self.critic.parameters(), self.args.max_grad_norm)
        return norm

    # One optimizer for both, so that its state and its schedule are saved and resumed as TRL does

    def create_optimizer(self, model: Any = None) -> Any:
        """See transformers; the critic's weights are a group of their own, without weight decay."""
        fresh = self.optimizer is None
        optimizer = super().create_optimizer(model)
        if fresh:
            rate = self.options.critic_learning_rate or self.args.learning_rate
            trained = [part for part in self.critic.parameters() if part.requires_grad]
            optimizer.add_param_group({"params": trained, "lr": rate, "weight_decay": 0.0})
        return optimizer

    def _save_optimizer_and_scheduler(self, output_dir: str) -> None:
        super()._save_optimizer_and_scheduler(output_dir)
        if self.args.should_save:
            self._unwrapped().save(Path(output_dir), {"kl_coef": repr(self.kl_coef)})

    def _load_optimizer_and_scheduler(self, checkpoint: str | None) -> None:
        super()._load_optimizer_and_scheduler(checkpoint)
        if checkpoint is not None:
            self.kl_coef = float(self._unwrapped().load(Path(checkpoint))["kl_coef"])

    def _unwrapped(self) -> Critic:
        found: Critic = self.accelerator.unwrap_model(self.critic)
        return found

    def _add(self, found: Any) -> Any:
        return self.accelerator.reduce(found, reduction="sum")

    def _note(self, name: str, value: float) -> None:
        self._metrics["train" if self.model.training else "eval"][name].append(value)


def _sequences(batch: dict[str, Any]) -> tuple[Any, Any, int]:
    """Prompts with answers, the attention mask, and the length of the answers."""
    ids = torch.cat([batch["prompt_ids"], batch["completion_ids"]], dim=1)
    mask = torch.cat([batch["prompt_mask"], batch["completion_mask"]], dim=1)
    return ids, mask, batch["completion_ids"].shape[1]
