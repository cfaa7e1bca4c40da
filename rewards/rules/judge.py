"""Reward completions that a language model rates highly."""

from typing import Any

from rewards.calls import LONGEST_REASON
from rewards.chat import Server
from rewards.cost import Cost
from rewards.judging import rate
from rewards.outcome import Verdict
from rewards.rule import rule

SECONDS = 600.0
"""For one row, all tries and pauses together."""


@rule(timeout=SECONDS)
async def judge(  # noqa: PLR0913  (a rule's options are its keyword-only parameters)
    completion: str,
    messages: list[dict[str, Any]],
    reference: str | None = None,
    *,
    model: str,
    base_url: str,
    rubric: str = "",
    temperature: float = 0.0,
    max_tokens: int = 1024,
    cache: bool = True,
    price: tuple[float, float] = (0.0, 0.0),
    key_variable: str = "OPENAI_API_KEY",
) -> Verdict:
    """Rating of an OpenAI-compatible model from 1 to 10, as 0.0 to 1.0: (rating - 1) / 9.

    `model` at `base_url` (up to and including /v1) sees the conversation, the answer, the column `reference` if there
    is one, and the `rubric` (a default one otherwise). Equal requests are sent once, over all processes and runs,
    unless `cache` is off. The reason is the judge's own, with the tokens that it cost, and dollars at `price` (for a
    million tokens of prompt and of reply). The key is read from the environment. 32 requests are out at a time.

    Raises:
        TransportError: the server did not answer, after all tries.
        ValueError: its answer is no rating.
    """
    settings = {"model": model, "rubric": rubric, "temperature": temperature, "max_tokens": max_tokens, "cache": cache}
    server = Server(base_url, key_variable)
    rating, reason, reply = await rate(server, settings, messages, completion, reference)
    dollars = (reply.prompt_tokens * price[0] + reply.completion_tokens * price[1]) / 1e6
    cost = Cost(cached=1) if reply.cached else Cost(reply.prompt_tokens, reply.completion_tokens, dollars)
    mark = f" {cost.mark()}"
    return Verdict((rating - 1) / 9, f"{rating}: {reason}"[: LONGEST_REASON - len(mark)] + mark)
