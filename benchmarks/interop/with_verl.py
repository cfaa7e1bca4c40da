"""verl's own loader and reward manager call the exported `compute_score`.

    python benchmarks/interop/with_verl.py

`get_custom_reward_fn` loads the file as `reward.custom_reward_function` says, and `NaiveRewardManager` decodes a
rollout and calls it. No model and no GPU are needed; Ray is not started.
"""

import asyncio
import os
import sys
from types import SimpleNamespace
from typing import Any

TOLD = {"42": 1.0, "41": 0.0, "skip": 0.25, "raise": -1.0}


class Words:
    """A tokenizer whose tokens are words."""

    def __init__(self, words: list[str]) -> None:
        self.words = words

    def decode(self, ids: Any, **_: Any) -> str:
        """The text of ids."""
        return " ".join(self.words[int(one)] for one in ids)


def rollout(place: int) -> Any:
    """A response of one word, as verl's workers hand it over."""
    import numpy as np
    import torch
    from verl import DataProto

    return DataProto.from_dict(
        tensors={"responses": torch.tensor([[place]]), "attention_mask": torch.tensor([[1, 1]])},
        non_tensors={
            "data_source": np.array(["gsm8k"], dtype=object),
            "reward_model": np.array([{"style": "rule", "ground_truth": "42"}], dtype=object),
            "extra_info": np.array([{"index": 7}], dtype=object),
            "reward_scores": np.array([{}], dtype=object),
        },
    )


async def judged(config: Any) -> list[float]:
    """The rewards of all answers."""
    from verl.experimental.reward_loop.reward_manager.naive import NaiveRewardManager
    from verl.trainer.ppo.reward import get_custom_reward_fn

    manager = NaiveRewardManager(config, Words(list(TOLD)), get_custom_reward_fn(config))
    return [(await manager.run_single(rollout(place)))["reward_score"] for place in range(len(TOLD))]


def inside() -> None:
    """In the environment that has verl."""
    from omegaconf import OmegaConf

    told = {"path": os.environ["DATAKIT_SHIM"], "name": "compute_score", "reward_kwargs": {}}
    config = OmegaConf.create({"reward": {"custom_reward_function": told, "num_workers": 1}, "data": {}})
    found = asyncio.run(judged(config))
    print("reward manager:", dict(zip(TOLD, found, strict=True)))
    assert found == list(TOLD.values()), SimpleNamespace(found=found)


if __name__ == "__main__":
    if "INSIDE" in os.environ:
        inside()
    else:
        from environment import run_inside

        options = ("--to", "verl", "--label", "answer", "--on-skip", "0.25", "--on-error", "-1")
        sys.exit(
            run_inside(
                __file__,
                "verl",
                "omegaconf",
                "tensordict",
                "antlr4-python3-runtime==4.9.3",
                "ray",
                "orjson",
                "pyvers",
                "msgpack",
                "codetiming",
                export=options,
            )
        )
