"""Hugging Face transformers in this process: the plain fallback, for machines without vLLM."""

import gc
import math
from collections.abc import Iterable, Iterator
from dataclasses import replace
from itertools import islice
from typing import Any, Literal

from jinja2 import TemplateError
from pydantic import Field, PrivateAttr

from datakit.engine import Completion, Engine, Failure, Request, with_opening
from datakit.tool_calls import with_objects
from schemas.errors import ConfigError, NotFoundError
from schemas.options import RecipeOptions

SAMPLING = {"top_k", "min_p", "repetition_penalty", "no_repeat_ngram_size"}
"""Further sampling parameters that are passed on to transformers."""


class Transformers(Engine):
    """Batches of requests through `model.generate`.

    Each row draws from a generator of its own, so that its answer depends on its seed and not on its neighbours
    (up to rounding: padding changes the order of sums).
    """

    batch_size: int = Field(8, ge=1)
    """Requests in a batch."""
    revision: str | None = None
    """Revision of a model on the hub."""
    device: str | None = None
    """cpu, cuda, cuda:1 ... (default: cuda where there is one)."""
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = "auto"
    """Type of the weights."""
    max_model_len: int | None = Field(None, ge=1)
    """Longest prompt and answer together, in tokens (default: the model's)."""

    _loaded: Any = PrivateAttr(None)

    @property
    def version(self) -> str:
        """Name and version of transformers."""
        from importlib.metadata import version

        return f"transformers {version('transformers')}"

    def generate(self, requests: Iterable[Request], recipe: RecipeOptions) -> Iterator[Completion | Failure]:
        """Answer the requests batch by batch.

        Raises:
            NotFoundError: the model cannot be loaded.
            ConfigError: it has no chat template, or a sampling parameter is unknown.
        """
        for name in recipe.sampling:
            if name not in SAMPLING:
                raise ConfigError(f"engine transformers has no sampling parameter {name!r}; it has {sorted(SAMPLING)}")
        model, tokenizer = self._load(recipe.adapter)
        waiting = iter(requests)
        while batch := list(islice(waiting, self.batch_size)):
            rows = []
            for request in batch:
                prompt = self._prompt(model, tokenizer, request, recipe)
                if isinstance(prompt, Failure):
                    yield prompt
                else:
                    rows.append((request, prompt))
            if rows:
                yield from self._answers(model, tokenizer, rows, recipe)

    def close(self) -> None:
        """Free the model's memory."""
        self._loaded = None
        gc.collect()

    def _load(self, adapter: str | None) -> tuple[Any, Any]:
        if self._loaded is None or self._loaded[0] != adapter:
            try:
                import torch
                from transformers import AutoModelForCausalLM, AutoTokenizer
                from transformers.utils import logging
            except ImportError as error:
                raise ConfigError(
                    f"engine transformers is not installed ({error}): pip install 'datakit[train]'"
                ) from error

            logging.disable_progress_bar()  # the stage has its own
            try:
                tokenizer = AutoTokenizer.from_pretrained(self.model, revision=self.revision, padding_side="left")
                model = AutoModelForCausalLM.from_pretrained(self.model, revision=self.revision, dtype=self.dtype)
            except (OSError, ValueError) as error:
                reason = " ".join(str(error).split())[:300]
                raise NotFoundError(f"cannot load model {self.model}: {reason}") from error
            if tokenizer.chat_template is None:
                raise ConfigError(f"model {self.model} has no chat template; chat models have one")
            tokenizer.model_max_length = 2**31  # over-long prompts are refused below, not warned about
            if tokenizer.pad_token_id is None:
                tokenizer.pad_token = tokenizer.eos_token
            if adapter is not None:
                from peft import PeftModel

                model = PeftModel.from_pretrained(model, adapter).merge_and_unload()
            device = self.device or ("cuda" if torch.cuda.is_available() else "cpu")
            self._loaded = (adapter, model.to(device).eval(), tokenizer)
        return self._loaded[1], self._loaded[2]

    def _length(self, model: Any) -> int:
        own = getattr(model.config, "max_position_embeddings", None)
        return min(x for x in (self.max_model_len, own, 2**31) if x)

    def _prompt(self, model: Any, tokenizer: Any, request: Request, recipe: RecipeOptions) -> list[int] | Failure:
        try:
            prompt: list[int] = tokenizer.apply_chat_template(
                with_objects(request.messages),
                tools=request.tools,
                add_generation_prompt=True,
                return_dict=False,
                **recipe.template,
            )
        except (ValueError, TypeError, TemplateError) as error:  # a template may refuse a conversation
            return Failure(request.key, "refused", f"chat template: {' '.join(str(error).split())}")
        length = self._length(model)
        if len(prompt) + recipe.max_tokens > length:
            detail = f"{len(prompt)} tokens and max_tokens {recipe.max_tokens} exceed {length}"
            return Failure(request.key, "prompt_too_long", detail)
        return prompt

    def _answers(
        self, model: Any, tokenizer: Any, rows: list[tuple[Request, list[int]]], recipe: RecipeOptions
    ) -> Iterator[Completion]:
        import torch

        padded = tokenizer.pad({"input_ids": [prompt for _, prompt in rows]}, return_tensors="pt").to(model.device)
        with torch.inference_mode():
            output = model.generate(
                **padded,
                generation_config=_settings(tokenizer, recipe),
                logits_processor=_processors(recipe, [request.seed for request, _ in rows], model.device),
                tokenizer=tokenizer,
            )
        ends = _end_ids(model, tokenizer)
        for (request, prompt), tokens in zip(rows, output[:, padded["input_ids"].shape[1] :].tolist(), strict=True):
            answer = _completion(request.key, tokens, ends, tokenizer, recipe)
            yield replace(answer, text=with_opening(tokenizer.decode(prompt[-8:]), answer.text))


def _settings(tokenizer: Any, recipe: RecipeOptions) -> Any:
    """Everything stated here; nothing of the model's generation_config but its end tokens (transformers adds those)."""
    from transformers import GenerationConfig

    return GenerationConfig(
        do_sample=False,  # the draw is made by `_processors`, from the rows' own seeds
        max_new_tokens=recipe.max_tokens,
        pad_token_id=tokenizer.pad_token_id,
        stop_strings=list(recipe.stop) or None,
        **{key: value for key, value in recipe.sampling.items() if key not in {"top_k", "min_p"}},
    )


def _processors(recipe: RecipeOptions, seeds: list[int], device: Any) -> Any:
    """Temperature, top-k, top-p and min-p, then the draw itself.

    The largest of (log-probability + Gumbel noise) is a sample of the distribution (the Gumbel-max trick: Gumbel 1954;
    Maddison et al. 2014, "A* Sampling", section 2), so that greedy decoding over it samples, with noise from one
    generator a row.
    """
    import torch
    from transformers import (
        LogitsProcessor,
        LogitsProcessorList,
        MinPLogitsWarper,
        TemperatureLogitsWarper,
        TopKLogitsWarper,
        TopPLogitsWarper,
    )

    chain = LogitsProcessorList()
    if recipe.temperature == 0:
        return chain
    if not math.isclose(recipe.temperature, 1.0):
        chain.append(TemperatureLogitsWarper(recipe.temperature))
    if recipe.sampling.get("top_k"):
        chain.append(TopKLogitsWarper(recipe.sampling["top_k"]))
    if recipe.top_p < 1:
        chain.append(TopPLogitsWarper(recipe.top_p))
    if recipe.sampling.get("min_p"):
        chain.append(MinPLogitsWarper(recipe.sampling["min_p"]))
    generators = [torch.Generator("cpu").manual_seed(seed) for seed in seeds]

    class GumbelNoise(LogitsProcessor):  # type: ignore[misc]
        def __call__(self, input_ids: Any, scores: Any) -> Any:
            noise = torch.stack([torch.empty(scores.shape[-1]).exponential_(generator=g) for g in generators])
            return torch.log_softmax(scores.float(), dim=-1) - noise.log().to(device)

    chain.append(GumbelNoise())
    return chain


def _end_ids(model: Any, tokenizer: Any) -> set[int]:
    own = model.generation_config.eos_token_id
    return {tokenizer.eos_token_id, *(own if isinstance(own, list) else [own])} - {None}


def _completion(key: str, tokens: list[int], ends: set[int], tokenizer: Any, recipe: RecipeOptions) -> Completion:
    end = next((place for place, token in enumerate(tokens) if token in ends), None)
    kept = tokens if end is None else tokens[:end]
    text = tokenizer.decode(kept, skip_special_tokens=True)
    cut = min((place for word in recipe.stop if (place := text.find(word)) >= 0), default=None)
    if cut is not None:
        return Completion(key, text[:cut], "stop", len(kept))
    if end is None:
        while kept and kept[-1] == tokenizer.pad_token_id:  # stopped by a stop string in the middle of a token
            kept = kept[:-1]
    return Completion(key, text, "stop" if end is not None else "length", len(kept) + (end is not None))
