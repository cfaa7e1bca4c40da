"""Group relative policy optimization (Shao et al. 2024, "DeepSeekMath") on a reward spec, as one reward function."""

from collections.abc import Mapping
from typing import Any, ClassVar

from train.harness.online import Online
from train.harness.trainer import Job


class Grpo(Online):
    """TRL's GRPOTrainer."""

    defaults: ClassVar[Mapping[str, Any]] = {"beta": 0.03}
    kl_option: ClassVar[str] = "beta"

    def worker(self, job: Job, given: dict[str, Any]) -> Any:
        """See the base class."""
        from train.harness.online_trainer import OnlineTrainer

        return OnlineTrainer(**given)
