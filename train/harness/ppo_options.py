"""What PPO can be told, by the names that the field uses."""

from typing import Literal, Self

from pydantic import Field, model_validator

from train.harness.online import Online


class PpoOptions(Online):
    """The settings of PPO; those of every online method beside them."""

    num_ppo_epochs: int = Field(4, ge=1)
    """Times that each batch of rollouts is trained on."""
    cliprange: float = Field(0.2, gt=0)
    """The policy loss is clipped where the ratio of probabilities differs from 1 by more."""
    cliprange_value: float = Field(0.2, gt=0)
    """The value loss is clipped where a value differs from that of the rollout by more."""
    vf_coef: float = Field(0.1, ge=0)
    """Weight of the value loss."""
    gamma: float = Field(1.0, ge=0, le=1)
    """Discount per token."""
    lam: float = Field(0.95, ge=0, le=1)
    """Lambda of GAE."""
    whiten_advantages: bool = True
    """Give the advantages of a batch of rollouts mean 0 and variance 1."""
    kl_coef: float = Field(0.05, ge=0)
    """Reward that one nat of KL from the reference costs a token; 0: no reference, the KL is not known."""
    kl_adaptive: bool = False
    """Move kl_coef after each batch of rollouts, toward the middle of kl_band."""
    kl_gain: float = Field(1.0, gt=0, le=5)
    """A fifth of it is the largest share by which kl_coef moves at once."""
    missing_eos_penalty: float = Field(0.0, ge=0)
    """Taken off the reward of an answer that was cut off; mask_truncated_completions of TRL leaves it out."""
    critic: Literal["own", "shared"] = "own"
    """Whether the value head stands on its own copy of the model, or on the policy's hidden states."""
    critic_learning_rate: float | None = Field(None, gt=0)
    """Of the critic; null: the policy's."""
    critic_warmup_steps: int = Field(0, ge=0)
    """Optimizer steps at the start in which only the critic learns."""

    @model_validator(mode="after")
    def _can_adapt(self) -> Self:
        if self.kl_adaptive and not (self.kl_coef and self.kl_band and self.kl_band[0] > 0):
            raise ValueError("kl_adaptive needs a kl_coef and a kl_band above 0")
        return self

    def policy_starts(self) -> int:
        """See the base class."""
        return self.critic_warmup_steps
