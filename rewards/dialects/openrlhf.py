"""OpenRLHF: a remote reward model, over HTTP or as a Python file (INTEROP section 1).

    --reward.remote_url http://127.0.0.1:8000/get_reward     # of `datakit serve`
    --reward.remote_url reward_openrlhf.py                   # of `datakit export-reward`, with a function reward_func

It sends one sample a request, as the prompt and the answer in one text with special tokens, and reads `scores` for its
dynamic filtering, which keeps a prompt whose mean lies strictly between 0 and 1.
"""

from collections.abc import Sequence
from typing import Any

from pydantic import ConfigDict, JsonValue

from rewards.dialect import Shim, item_of, label_columns, number_of, values_of, without_special
from rewards.source import Judged, Source, source_of
from schemas.base import Frozen
from schemas.errors import InputError
from schemas.service import DialectOptions, ItemResult, RewardItem, Wire


class Asked(Wire):
    """What OpenRLHF sends."""

    query: list[str]
    """Prompt and answer, with special tokens."""
    prompts: list[str]
    labels: list[JsonValue] = []
    """What the data set says about each prompt: null, a text, or an object of columns."""


class Said(Frozen):
    """What OpenRLHF reads."""

    rewards: list[float]
    scores: list[float]
    extra_logs: dict[str, list[float]] = {}
    """By scorer: what it said, NaN where it said nothing (OpenRLHF's own words: it makes tensors of them)."""

    model_config = ConfigDict(allow_inf_nan=True, ser_json_inf_nan="constants")


PROMPT_END = 16
"""Characters by which the end of a prompt that was cut is known."""

EXAMPLE: dict[str, Any] = {
    "query": ["<|im_start|>user\n6 x 7?<|im_end|>\n<|im_start|>assistant\n42<|im_end|>"],
    "prompts": ["<|im_start|>user\n6 x 7?<|im_end|>\n<|im_start|>assistant\n"],
    "labels": ['{"answer": "42"}'],
}

SHIM = Shim(
    trainer="OpenRLHF",
    use="--reward.remote_url {file}",
    body="""
_judge = openrlhf(JUDGE, options=OPTIONS)


def reward_func(queries, prompts, labels):
    return _judge(queries, prompts, labels)
""",
)


def openrlhf(judge: Judged | Source, *, options: DialectOptions | None = None) -> "OpenRlhfReward":
    """The function `reward_func` of a file for OpenRLHF's `--reward.remote_url`.

    Args:
        judge: what judges; also a service's address.
        options: the label's column, special tokens, and what an answer without a reward counts as.

    Raises:
        RuleError: a rule cannot be loaded, or its options do not fit.
        ConfigError: the reward asks for what a trainer does itself.
    """
    source = source_of(judge, trainer="OpenRLHF", setting="its advantage estimator")
    return OpenRlhfReward(source, options or DialectOptions())


class OpenRlhfReward:
    """A reward as OpenRLHF calls it; picklable."""

    def __init__(self, source: Source, options: DialectOptions) -> None:
        self.source, self.options = source, options

    def __call__(
        self, queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any] | None = None
    ) -> dict[str, Any]:
        """Rewards of a batch, in its order.

        Raises:
            InputError: the lists differ in length, or a query does not begin with its prompt.
            NoRewardError: an answer has no reward, and the options do not say what it counts as.
        """
        items = items_of(queries, prompts, list(labels) if labels is not None else [], self.options)
        return said_of(self.source.score(items), self.options).model_dump()


def items_of(
    queries: Sequence[str], prompts: Sequence[str], labels: Sequence[Any], options: DialectOptions
) -> list[RewardItem]:
    """The items of a batch.

    Raises:
        InputError: the lists differ in length, or a query does not begin with its prompt.
    """
    labels = labels or [None] * len(queries)
    if not len(queries) == len(prompts) == len(labels):
        raise InputError(f"{len(queries)} queries, {len(prompts)} prompts and {len(labels)} labels: one each, please")
    return [
        item_of(
            without_special(prompt, options),
            without_special(_answer(query, prompt, options), options),
            label_columns(label, options),
        )
        for query, prompt, label in zip(queries, prompts, labels, strict=True)
    ]


def _answer(query: str, prompt: str, options: DialectOptions) -> str:
    """What follows the prompt, before which the tokenizer may have put a token of its own."""
    for whole in (query, without_special(query, options)):
        for start in (prompt, without_special(prompt, options)):
            if whole.startswith(start):
                return whole.removeprefix(start)
    end = prompt[-PROMPT_END:]  # a prompt that is too long is cut at its beginning
    kept = query[: query.find(end) + len(end)] if end in query else ""
    if len(end) == PROMPT_END and kept and prompt.endswith(kept):
        return query.removeprefix(kept)
    raise InputError(f"a query does not begin with its prompt: {query[:60]!r} is not {prompt[:60]!r} and more")


def said_of(results: Sequence[ItemResult], options: DialectOptions) -> Said:
    """What is told of a batch.

    Raises:
        NoRewardError: an answer has no reward, and the options do not say what it counts as.
    """
    rewards = [number_of(result, options) for result in results]
    values = [values_of(result) for result in results]
    logs = {name: [row[name] for row in values] for name in (values[0] if values else {})}
    return Said(rewards=rewards, scores=rewards, extra_logs=logs)


def routes() -> Any:
    """The service's endpoint; other servers of a list get empty lists, and answer with such."""
    from fastapi import APIRouter, Request, Response

    from rewards.service import TRAINER_REFUSALS, answer, read, service_of, takes

    router = APIRouter()

    @router.post(
        "/get_reward", response_model=Said, responses=TRAINER_REFUSALS, openapi_extra=takes(Asked, one=EXAMPLE)
    )
    async def get_reward(request: Request) -> Response:
        """Rewards for OpenRLHF: one for each query, in order."""
        asked = await read(request, Asked)
        service = service_of(request)
        items = items_of(asked.query, asked.prompts, asked.labels, service.settings)
        results = await service.results(items, gone=request.is_disconnected)
        return answer(said_of(results, service.settings))

    return router
