"""Proximal policy optimization (Schulman et al. 2017) with a critic, on a reward spec (Stiennon et al. 2020)."""

from collections.abc import Mapping
from functools import partial
from typing import Any, ClassVar

from train.harness.ppo_options import PpoOptions
from train.harness.trainer import Job


class Ppo(PpoOptions):
    """TRL's GRPOTrainer with the advantages of a critic."""

    defaults: ClassVar[Mapping[str, Any]] = {
        "num_generations": 2,
        "disable_dropout": True,  # or a ratio of 1 is never seen (Ziegler et al. 2019; Huang et al. 2024)
    }
    kl_option: ClassVar[str] = "kl_coef"

    def implied(self) -> Mapping[str, tuple[str, Any]]:
        """See the base class."""
        return {
            "beta": ("kl_coef", self.kl_coef),
            "epsilon": ("cliprange", self.cliprange),
            "num_iterations": ("num_ppo_epochs", self.num_ppo_epochs),
        }

    def worker(self, job: Job, given: dict[str, Any]) -> Any:
        """See the base class."""
        from train.harness.critic import make_critic
        from train.harness.ppo_trainer import PpoTrainer

        critic = partial(make_critic, job, shared=self.critic == "shared")
        return PpoTrainer(**given, options=self, critic=critic)
