"""The critic of PPO: the reward that is still to come, foretold before each token of an answer.

Imports torch, so it is imported only where something is trained.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from peft import get_peft_model
from safetensors import safe_open
from safetensors.torch import save_file
from torch import nn

from schemas.errors import ConfigError
from train.harness.models import load_causal, peft_config
from train.harness.trainer import Job

FILE = "critic.safetensors"
"""In a checkpoint, beside the policy; the model that is exported has none."""


class Critic(nn.Module):  # type: ignore[misc]  # torch has no types here
    """A value head on a decoder: its own, or the policy's.

    The head begins at zero, so that the first advantages are those of REINFORCE and not of a random critic.
    """

    def __init__(self, decoder: Any, hidden: int, *, shared: bool) -> None:
        super().__init__()
        self.head = nn.Linear(hidden, 1)
        nn.init.zeros_(self.head.weight)
        nn.init.zeros_(self.head.bias)
        self.own = None if shared else decoder
        self._shared: tuple[Any, ...] = (decoder,) if shared else ()  # in a tuple, so that it is no part of this module

    def forward(self, input_ids: Any, attention_mask: Any, keep: int, head_only: bool = False) -> Any:
        """Values before each of the last `keep` tokens, in 32 bits: (B, keep).

        Args:
            input_ids: (B, T), prompts and answers.
            attention_mask: (B, T).
            keep: tokens of the longest answer.
            head_only: whether the decoder learns nothing from them.
        """
        decoder = self._shared[0] if self.own is None else self.own
        with torch.set_grad_enabled(torch.is_grad_enabled() and not head_only):
            found = decoder(input_ids=input_ids, attention_mask=attention_mask, use_cache=False).last_hidden_state
        before = found[:, -keep - 1 : -1]  # what a token is drawn from stands one place before it
        with torch.autocast(before.device.type, enabled=False):
            return self.head(before.float()).squeeze(-1)

    def save(self, folder: Path, notes: Mapping[str, str]) -> None:
        """Write what is trained of it, with texts beside it."""
        save_file({name: found.contiguous() for name, found in self._trained().items()}, folder / FILE, dict(notes))

    def load(self, folder: Path) -> dict[str, str]:
        """Take back what `save` wrote; returns the texts.

        Raises:
            ConfigError: another critic was saved there, or none.
        """
        trained = self._trained()
        try:
            with safe_open(folder / FILE, "pt") as file:
                if set(file.keys()) != trained.keys():
                    raise ConfigError(f"{folder / FILE} is of another critic; name another directory with -o")
                self.load_state_dict({name: file.get_tensor(name) for name in trained}, strict=False)
                return dict(file.metadata())
        except FileNotFoundError as error:
            raise ConfigError(f"{folder} has no {FILE}: it is no checkpoint of ppo") from error

    def _trained(self) -> dict[str, Any]:
        return {name: found.detach() for name, found in self.named_parameters() if found.requires_grad}


def make_critic(job: Job, policy: Any, *, shared: bool) -> Critic:
    """A critic for a policy; its own decoder is the job's model again, with LoRA where the policy has it.

    Args:
        job: says which model, and how it is loaded.
        policy: the causal model that is trained, or PEFT's around it.
        shared: whether the critic reads the policy's hidden states.
    """
    model = policy.get_base_model() if hasattr(policy, "get_base_model") else policy
    hidden = model.config.get_text_config().hidden_size
    if shared:
        return Critic(model.get_decoder(), hidden, shared=True)
    decoder = load_causal(job).get_decoder()
    if lora := peft_config(job):
        decoder = get_peft_model(decoder, replace(lora, task_type="FEATURE_EXTRACTION", modules_to_save=None))
    for part in decoder.modules():
        if isinstance(part, nn.Dropout):
            part.p = 0.0  # a value that changes from one look to the next would be clipped for that
    if job.arguments.gradient_checkpointing:
        decoder.gradient_checkpointing_enable(gradient_checkpointing_kwargs={"use_reentrant": False})
    return Critic(decoder.train(), hidden, shared=False)
